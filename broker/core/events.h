/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from each row of lifecycle.def: MST_OK, or a refusal that has changed nothing. */
#ifndef MST_BROKER_CORE_EVENTS_H
#define MST_BROKER_CORE_EVENTS_H

#include "broker/core/inside.h"

typedef enum mst_code (*mst_event_fn)(struct mst_step *s, struct mst_slot *slot,
                                      struct mst_move *move);

/* The latest submission's version. */
void mst_happen_version(struct mst_step *s, struct mst_obligation *o, uint64_t row);
/*
 * What is owed has come: the version, the event's transition to `to`, the verdict of a first one,
 * the lateness of a correction, the end of what was told.
 */
void mst_happen_settle(struct mst_step *s, struct mst_slot *slot, const struct mst_move *move,
                       const char *event, enum mst_work to);
/* After the transition to closed. */
void mst_happen_closed(struct mst_step *s, struct mst_slot *slot, struct mst_slice reason);
/* An annulled verdict is an event of its own, so that the ledger shows what stood before. */
void mst_happen_annul(struct mst_step *s, struct mst_slot *slot, const char *actor);
/* The clock of a correction, from now; it runs in full even where the first lock has passed. */
void mst_happen_correction(struct mst_step *s, struct mst_slot *slot);
/* Ends the obligation in favour of move->successor (desk.c). */
void mst_happen_supersede(struct mst_step *s, struct mst_slot *slot, const struct mst_move *move);
/* Whether what superseded the one leads to the other, or is it: in a circle nothing would be owed.
 */
bool mst_superseded_by(const struct mst_core *core, const struct mst_slot *slot,
                       const struct mst_slot *other);
/* Whether move->number may become the record number: its form, and that no other of the duty has
 * it.
 */
enum mst_code mst_number_free(const struct mst_core *core, const struct mst_slot *slot,
                              struct mst_move *move);
/* The words of a refusal: where in the body, and what. */
void mst_fault_name(const struct mst_form_fault *fault, char *words, size_t size);
/* What `submit` and `void` mean for the minutes of a quota (quota.c). */
enum mst_code mst_quota_submit(struct mst_step *s, struct mst_slot *slot, struct mst_move *move);
enum mst_code mst_quota_void(struct mst_step *s, struct mst_slot *slot, struct mst_move *move);

#define EVENT(name, word, by, from, review, reason)                                                \
    enum mst_code mst_event_##name(struct mst_step *s, struct mst_slot *slot,                      \
                                   struct mst_move *move);
#include "broker/core/lifecycle.def"
#undef EVENT

#endif
