/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failpoints and mutants, for the test suites; both compile to nothing in a release build.
 *
 * MST_FAILPOINT("broker.before-commit") kills the process with SIGKILL when MUSTER_FAILPOINT says
 * "broker.before-commit:3" and this is the third pass. MST_MUTANT("ack-before-commit") is true when
 * MUSTER_MUTANT names it: a bug seeded on purpose that a suite must catch (its negative control).
 * MST_MUTANT_LINGER() lets other threads do what a mutant handed them, so that the bug shows on a
 * busy machine, too, before a failpoint ends the process.
 */
#ifndef MST_CONFIG_LOAD_TESTING_H
#define MST_CONFIG_LOAD_TESTING_H

#include <stdbool.h>

#ifdef MUSTER_TESTING
void mst_failpoint(const char *name);
bool mst_mutant(const char *name);
void mst_mutant_linger(void);
#define MST_FAILPOINT(name) mst_failpoint(name)
#define MST_MUTANT(name) mst_mutant(name)
#define MST_MUTANT_LINGER() mst_mutant_linger()
#else
#define MST_FAILPOINT(name) ((void)0)
#define MST_MUTANT(name) false
#define MST_MUTANT_LINGER() ((void)0)
#endif

#endif
