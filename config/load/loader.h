/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the programme loader. Each part reads its share of the file into the programme and
 * goes on after a fault; later parts look up what earlier ones read: basics, units, groups,
 * offices, ladders, forms, duties, then the checks across all of them.
 */
#ifndef MST_CONFIG_LOAD_LOADER_H
#define MST_CONFIG_LOAD_LOADER_H

#include "config/load/field.h"
#include "config/model/programme.h"

/* Bytes of texts, generous: they bound memory and what travels, not style. */
#define MST_NAME_BYTES_MAX 256
#define MST_TITLE_BYTES_MAX 2048
#define MST_CLAUSE_BYTES_MAX 4096

struct mst_loader {
    struct mst_reader r;
    const struct mst_node *root;
    struct mst_programme *p;
    size_t errors_before; /* in the findings, when this load began */
    bool calendar_read;
    const struct mst_slice *given; /* the sources' bytes; NULL: files are read */
    /* Writable views of the programme's arrays, and the node that each came from. */
    struct mst_unit *units;
    struct mst_group *groups;
    struct mst_duty *duties;
    const struct mst_node **unit_nodes, **group_nodes, **duty_nodes;
};

/* Zones and calendars from bytes; `name` and `path` are for findings and errors. */
MST_MUST_CHECK int mst_zone_read(const char *name, struct mst_arena *arena,
                                 struct mst_slice *ret_bytes, struct mst_err *err);
MST_MUST_CHECK int mst_zone_decode(const char *name, struct mst_slice bytes,
                                   struct mst_arena *arena, const struct mst_zone **ret,
                                   struct mst_err *err);
MST_MUST_CHECK int mst_calendar_decode(const char *path, struct mst_slice bytes,
                                       struct mst_arena *arena, struct mst_diags *diags,
                                       struct mst_calendar *ret, struct mst_err *err);

/* Shared by the parts. A label is text, or a map of zh and en; never NULL inside. */
struct mst_label mst_load_label(struct mst_loader *l, const struct mst_node *map, const char *key);
/* Index of the unit that the node names by id; SIZE_MAX after a finding. */
size_t mst_load_unit_ref(struct mst_loader *l, const struct mst_node *node);
/* `text`, or a map of name, address and phone. */
struct mst_contact mst_load_contact(struct mst_loader *l, const struct mst_node *node);

void mst_load_units(struct mst_loader *l);
void mst_load_groups(struct mst_loader *l);
void mst_load_offices(struct mst_loader *l);
/* In access.c, after units and groups. */
void mst_load_cc(struct mst_loader *l);
void mst_load_grants(struct mst_loader *l);
void mst_load_viewers(struct mst_loader *l);
void mst_load_ladders(struct mst_loader *l);
void mst_load_forms(struct mst_loader *l);
void mst_load_duties(struct mst_loader *l);
/* Units without a group, groups without a lead, years without a notice. */
void mst_load_check_parties(struct mst_loader *l);
/* Dates that cannot be worked out or contradict each other; only for a programme without faults. */
void mst_load_check_dates(struct mst_loader *l);

/* For duties, in forms.c: after its kind. */
void mst_load_duty_form(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty);

/* For duties, in dates.c. */
void mst_load_date_rule(struct mst_loader *l, const struct mst_node *node,
                        struct mst_date_rule *ret_rule);
void mst_load_grace(struct mst_loader *l, const struct mst_node *node, struct mst_grace *ret_grace);
void mst_load_notes(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty);
/* The key of a period of the duty's kind; NULL after a finding. */
const char *mst_load_period_key(struct mst_loader *l, const struct mst_node *node,
                                const char *letters, const struct mst_duty *duty);

#endif
