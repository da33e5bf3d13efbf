/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/desk/desk.h"

int main(int argc, char **argv)
{
    return mst_desk_main(argc, argv);
}
