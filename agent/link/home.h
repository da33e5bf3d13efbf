/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The home of a principal: a directory, mode 0700, with `agent.yaml` (settings of scope AGENT), and
 * `keys` (mode 0600: the secret halves of its two key pairs, which never leave the host). Made by
 * joining with an invitation. A unit's agent, an office desk, a viewer and a remote administrator
 * each have one.
 */
#ifndef MST_AGENT_LINK_HOME_H
#define MST_AGENT_LINK_HOME_H

#include "config/load/keys.h"
#include "config/load/settings.h"
#include "proto/err.h"

struct mst_home {
    char dir[4096];
    struct mst_settings settings;
    struct mst_keys keys;
};

/* $MUSTER_HOME, else ~/.muster, else /var/lib/muster-agent for a system service. */
const char *mst_home_default(void);
MST_MUST_CHECK int mst_home_load(const char *dir, struct mst_home *ret_home, struct mst_err *err);
/* The same without its keys, which may be lost: to give it others. */
MST_MUST_CHECK int mst_home_load_keyless(const char *dir, struct mst_home *ret_home,
                                         struct mst_err *err);
/* MST_E_INVALID for a home of an office or a viewer, which no agent serves. */
MST_MUST_CHECK int mst_home_check_unit(const struct mst_home *home, struct mst_err *err);
/* Show instants in the zone that the home names, without its keys; what is wrong with its settings
 * is for mst_home_load() to tell. */
void mst_home_adopt_zone(const char *dir);
void mst_home_done(struct mst_home *home);

/*
 * Present an invitation file on the enrolment endpoint and make the home. Refuses a home that is
 * there already (MST_E_EXISTS). ret_principal gets who was enrolled.
 */
MST_MUST_CHECK int mst_home_join(const char *dir, const char *invitation_path, int timeout_ms,
                                 char ret_principal[65], struct mst_err *err);

/*
 * Present an invitation for the same principal of the same broker, and put the keys that were
 * enrolled by it into the home, whose own may be lost; all else there stays. Safe to be killed at
 * any step and done again with the same invitation. MST_E_IDENTITY and MST_E_SIGNATURE when it is
 * for another.
 */
MST_MUST_CHECK int mst_home_renew(const char *dir, const char *invitation_path, int timeout_ms,
                                  char ret_principal[65], struct mst_err *err);

/*
 * Replace the home's keys by fresh ones: made, registered with the broker by the old ones'
 * signature, tried, and only then put in their place. Safe to be killed at any step and done again.
 */
MST_MUST_CHECK int mst_home_rotate(const char *dir, int timeout_ms, struct mst_err *err);

/*
 * An invitation is a YAML map: muster-invitation (1), programme, zone, principal, members, enrol,
 * feed (endpoints), broker_key (Z85 of the CURVE key), broker_sign_key (hex), token (hex), expires
 * (RFC 3339).
 */

#endif
