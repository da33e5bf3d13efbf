/* SPDX-License-Identifier: Apache-2.0 */
#include "config/load/system.h"

#include <errno.h>
#include <string.h>

static const struct {
    int error;
    const char *hint;
} hints[] = {
    {EACCES, N_("this user may not: `ls -ld` shows whose it is, and the directories above it; run "
                "this as that user, or give it to this one")},
    {EPERM, N_("this user may not: `ls -ld` shows whose it is, and the directories above it; run "
               "this as that user, or give it to this one")},
    {ENOENT, N_("is the path right?")},
    {ENOTDIR, N_("is the path right? a part of it is no directory")},
    {EISDIR, N_("this is a directory: name a file in it")},
    {ELOOP, N_("name the file itself instead of a symbolic link to it")},
    {ENAMETOOLONG, N_("choose a shorter path")},
    {ENOSPC, N_("free room on the disk")},
    {EDQUOT, N_("free room on the disk")},
    {EROFS, N_("its file system is read-only: choose another directory, or mount it for writing")},
    {EMFILE,
     N_("too many files are open: raise the limit (`ulimit -n`, or LimitNOFILE= of the unit)")},
    {ENFILE,
     N_("too many files are open: raise the limit (`ulimit -n`, or LimitNOFILE= of the unit)")},
    {EADDRINUSE, N_("another process has it; most likely the same program runs already")},
    {EADDRNOTAVAIL, N_("no interface of this machine has this address")},
};

void mst_hint_system(struct mst_err *err, int error)
{
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        if (hints[i].error == error)
            mst_hint(err, "%s", _(hints[i].hint));
    }
}

int mst_fail_system(struct mst_err *err, const char *what, int error)
{
    int code = mst_fail(err, MST_E_IO, "%s: %s", what, strerror(error));
    mst_hint_system(err, error);
    return code;
}
