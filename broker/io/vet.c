/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What settings.def cannot say of the broker's settings by type and range, vetted where they are
 * read, so that `musterd --check` refuses whatever the start would. What lies on the machine at the
 * time (directories, ports in use) is not looked at here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "broker/driver/roles.h"
#include "broker/io/broker.h"

static int vet_local(const char *text, struct mst_err *err)
{
    unsigned uid, roles;
    char words[128];
    if (mst_door_parse_local(text, &uid, &roles))
        return 0;
    mst_fail(err, MST_E_INVALID, _("local_roles: cannot read %s"), text);
    mst_hint(err, _("write UID=ROLE+ROLE with the number of a user and these roles: %s"),
             mst_roles_grantable(words, sizeof words));
    return MST_E_INVALID;
}

static bool is_port(const char *text)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long port = strtoul(text, &end, 10);
    return *end == '\0' && port > 0 && port <= 65535;
}

static int vet_path(const char *name, const char *path, size_t more, struct mst_err *err)
{
    struct sockaddr_un address;
    size_t max = sizeof address.sun_path - 1 - more;
    return strlen(path) <= max ? 0
                               : mst_fail(err, MST_E_TOO_LARGE,
                                          _("%s: a socket's path has at most %zu bytes here, "
                                            "not %zu"),
                                          name, max, strlen(path));
}

/* libzmq here links more transports than anybody should bind. */
static int vet_endpoint(const char *text, struct mst_err *err)
{
    if (strncmp(text, "ipc://", 6) == 0)
        return vet_path(text, text + 6, 0, err);
    if (strncmp(text, "tcp://", 6) != 0)
        return mst_fail(err, MST_E_INVALID, _("%s: only tcp:// and ipc:// endpoints are allowed"),
                        text);
    const char *colon = strrchr(text + 6, ':');
    if (colon && colon > text + 6 && is_port(colon + 1))
        return 0;
    mst_fail(err, MST_E_INVALID, _("%s: an address and a port from 1 to 65535 are needed"), text);
    mst_hint(err, "%s", _("such as tcp://0.0.0.0:5570"));
    return MST_E_INVALID;
}

static int vet_runtime_dir(const char *text, struct mst_err *err)
{
    return vet_path(text, text, strlen("/" MST_ADMIN_SOCKET), err);
}

static int vet_page(const char *text, struct mst_err *err)
{
    long page = strtol(text, NULL, 10);
    return (page & (page - 1)) == 0
               ? 0
               : mst_fail(err, MST_E_INVALID, _("page_bytes must be a power of two, not %s"), text);
}

int mst_broker_vet(const char *name, const char *text, struct mst_err *err)
{
    static const struct {
        const char *name;
        int (*fn)(const char *text, struct mst_err *err);
    } table[] = {
        {"local_roles", vet_local},       {"members_endpoint", vet_endpoint},
        {"enrol_endpoint", vet_endpoint}, {"feed_endpoint", vet_endpoint},
        {"runtime_dir", vet_runtime_dir}, {"page_bytes", vet_page},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, name) == 0)
            return table[i].fn(text, err);
    }
    return 0;
}
