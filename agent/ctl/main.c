/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "config/load/lang.h"

int main(void)
{
    mst_lang_init(NULL);
    fprintf(stderr, "%s %s\n", "musterctl", MUSTER_VERSION);
    return 2;
}
