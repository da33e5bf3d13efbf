/* SPDX-License-Identifier: Apache-2.0 */
/* An invitation file: what is taken names a broker by tcp, its keys and a token, and nothing that
 * could break out of the settings file that is written from it. */
#include <string.h>

#include "agent/link/invited.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mst_invited inv;
    struct mst_err err;
    int fd;
    char path[32];
    memset(&inv, 0, sizeof inv);
    fuzz_file(data, size, &fd, path);
    int code = mst_invited_read(path, &inv, &err);
    close(fd);
    if (code) {
        assert(err.text[0]);
        return 0;
    }
    const char *const written[] = {inv.programme, inv.principal, inv.members, inv.zone};
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++)
        assert(strpbrk(written[i], "\"\\\n") == NULL);
    assert(strncmp(inv.members, "tcp://", 6) == 0 && strncmp(inv.enrol, "tcp://", 6) == 0);
    assert(strlen(inv.broker_key) == MST_Z85_KEY_CHARS);
    assert(strlen(inv.broker_sign_key) == sizeof inv.broker_sign_key - 1);
    return 0;
}
