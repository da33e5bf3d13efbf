/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/watch/watch.h"

int main(int argc, char **argv)
{
    return mst_watch_main(argc, argv);
}
