/* SPDX-License-Identifier: Apache-2.0 */
#include "config/load/testing.h"

#ifdef MUSTER_TESTING
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINGER_NS (3 * 1000000L)

void mst_failpoint(const char *name)
{
    static atomic_long passes;
    const char *wanted = getenv("MUSTER_FAILPOINT");
    size_t len = strlen(name);
    if (!wanted || strncmp(wanted, name, len) != 0 || (wanted[len] != ':' && wanted[len] != '\0'))
        return;
    long at = wanted[len] == ':' ? strtol(wanted + len + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&passes, 1) + 1 == at)
        raise(SIGKILL);
}

bool mst_mutant(const char *name)
{
    const char *wanted = getenv("MUSTER_MUTANT");
    return wanted && strcmp(wanted, name) == 0;
}

void mst_mutant_linger(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LINGER_NS}, NULL);
}
#else
/* ISO C wants a translation unit that is not empty. */
typedef int mst_testing_is_off;
#endif
