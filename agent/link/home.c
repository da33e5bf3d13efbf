/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding and loading the home of a principal. Making one is join.c's work. Refuses a directory
 * that others may write to, since who can replace agent.yaml can replace the broker's pinned keys.
 */
#include "agent/link/home.h"

#include "config/load/lang.h"
#include "config/load/system.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *mst_home_default(void)
{
    static char path[4096];
    const char *explicit_home = getenv("MUSTER_HOME");
    if (explicit_home && explicit_home[0])
        return explicit_home;
    const char *user_home = getenv("HOME");
    if (user_home && user_home[0] && strcmp(user_home, "/") != 0) {
        snprintf(path, sizeof path, "%s/.muster", user_home);
        return path;
    }
    return "/var/lib/muster-agent";
}

static int refuse_no_home(const char *dir, struct mst_err *err)
{
    int code = mst_fail(err, MST_E_UNKNOWN, _("there is no home at %s"), dir);
    mst_hint(err, "%s", _("join first: muster-agent join INVITATION"));
    return code;
}

static int check_dir(const char *dir, struct mst_err *err)
{
    struct stat st;
    if (lstat(dir, &st) != 0)
        return errno == ENOENT ? refuse_no_home(dir, err) : mst_fail_system(err, dir, errno);
    if (!S_ISDIR(st.st_mode))
        return mst_fail(err, MST_E_DENIED, _("%s is not a directory"), dir);
    if (st.st_uid != geteuid()) {
        int code = mst_fail(err, MST_E_DENIED, _("%s belongs to another user"), dir);
        mst_hint(err, _("run this as its owner, uid %u"), (unsigned)st.st_uid);
        return code;
    }
    if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        int code = mst_fail(err, MST_E_DENIED, _("others may write to %s"), dir);
        mst_hint(err, "chmod 700 %s", dir);
        return code;
    }
    return 0;
}

static int load_settings(struct mst_home *home, struct mst_err *err)
{
    char path[sizeof home->dir + 16];
    struct mst_diags diags = {0};
    int code = mst_settings_init(&home->settings, err);
    if (code)
        return code;
    snprintf(path, sizeof path, "%s/agent.yaml", home->dir);
    code = mst_settings_load(&home->settings, MST_SCOPE_AGENT, path, &diags, err);
    if (code && diags.errors)
        code = mst_diags_first(&diags, err);
    mst_diags_done(&diags);
    if (code)
        mst_settings_done(&home->settings);
    return code;
}

int mst_home_load_keyless(const char *dir, struct mst_home *ret_home, struct mst_err *err)
{
    struct mst_home home;
    char path[sizeof home.dir + 16];
    memset(&home, 0, sizeof home);
    int code = check_dir(dir, err);
    if (code)
        return code;
    if (!realpath(dir, home.dir))
        return mst_fail_system(err, dir, errno);
    snprintf(path, sizeof path, "%s/agent.yaml", home.dir);
    if (access(path, F_OK) != 0)
        return refuse_no_home(dir, err);
    code = load_settings(&home, err);
    if (!code)
        *ret_home = home;
    return code;
}

int mst_home_load(const char *dir, struct mst_home *ret_home, struct mst_err *err)
{
    struct mst_home home;
    char path[sizeof home.dir + 16];
    int code = mst_home_load_keyless(dir, &home, err);
    if (code)
        return code;
    snprintf(path, sizeof path, "%s/keys", home.dir);
    code = mst_keys_read(path, &home.keys, err);
    if (code) {
        if (code == MST_E_UNKNOWN || code == MST_E_CORRUPT)
            mst_hint(err, "%s",
                     _("put the file back; if it is lost, ask for a new invitation: `muster-agent "
                       "join FILE --renew` makes other keys, and all else in the home stays"));
        mst_home_done(&home);
        return code;
    }
    mst_lang_zone(home.settings.AGENT_zone);
    *ret_home = home;
    return 0;
}

int mst_home_check_unit(const struct mst_home *home, struct mst_err *err)
{
    if (home->settings.AGENT_unit[0])
        return 0;
    int code = mst_fail(err, MST_E_INVALID, _("%s is not a unit's home: %s"), home->dir,
                        home->settings.AGENT_principal);
    mst_hint(
        err, "%s",
        _("only a unit has an agent, which runs as a service; see muster-watch and musterctl"));
    return code;
}

void mst_home_adopt_zone(const char *dir)
{
    struct mst_settings settings;
    struct mst_diags diags = {0};
    char path[4096 + 16];
    snprintf(path, sizeof path, "%s/agent.yaml", dir);
    if (access(path, R_OK) != 0 || mst_settings_init(&settings, NULL))
        return;
    if (mst_settings_load(&settings, MST_SCOPE_AGENT, path, &diags, NULL) == 0)
        mst_lang_zone(settings.AGENT_zone);
    mst_diags_done(&diags);
    mst_settings_done(&settings);
}

void mst_home_done(struct mst_home *home)
{
    mst_keys_wipe(&home->keys);
    mst_settings_done(&home->settings);
}
