/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out on purpose: the linker leads the allocation functions here (--wrap). */
#include <stdlib.h>

#include "tests/sim/world.h"

static unsigned long left; /* allocations until one fails; 0: none fails */

void starve_after(unsigned long allocations)
{
    left = allocations;
}

static bool refused(void)
{
    return left > 0 && --left == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return refused() ? NULL : __real_realloc(p, size);
}
