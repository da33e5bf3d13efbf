/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/driver/roles.h"

#include <stdio.h>
#include <string.h>

static const struct {
    unsigned role;
    const char *word;
} role_table[] = {
    {MST_ROLE_UNIT, "unit"},         {MST_ROLE_LEAD, "lead"},     {MST_ROLE_OFFICE, "office"},
    {MST_ROLE_DIRECTOR, "director"}, {MST_ROLE_VIEWER, "viewer"}, {MST_ROLE_ADMIN, "admin"},
};
#define ROLES (sizeof role_table / sizeof role_table[0])

size_t mst_roles_words(unsigned roles, struct mst_slice words[MST_ROLE_WORDS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < ROLES; i++) {
        if (roles & role_table[i].role)
            words[n++] = mst_text(role_table[i].word);
    }
    return n;
}

static unsigned role_of(const char *word, size_t len)
{
    for (size_t i = 0; i < ROLES; i++) {
        if (strlen(role_table[i].word) == len && strncmp(role_table[i].word, word, len) == 0)
            return role_table[i].role;
    }
    return 0;
}

/* A unit is one by its key, a lead by its programme. */
static bool is_grantable(unsigned role)
{
    return role && role != MST_ROLE_UNIT && role != MST_ROLE_LEAD;
}

char *mst_roles_grantable(char *buf, size_t size)
{
    size_t used = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < ROLES && used < size; i++) {
        if (is_grantable(role_table[i].role))
            used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
                                     role_table[i].word);
    }
    return buf;
}

bool mst_roles_parse(const char *words, unsigned *ret_roles)
{
    unsigned roles = 0;
    for (;;) {
        size_t len = strcspn(words, "+");
        unsigned role = role_of(words, len);
        if (!is_grantable(role))
            return false;
        roles |= role;
        if (!words[len])
            break;
        words += len + 1;
    }
    *ret_roles = roles;
    return true;
}

char *mst_roles_format(unsigned roles, char *buf, size_t size)
{
    size_t used = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < ROLES; i++) {
        if (roles & role_table[i].role) {
            int n = snprintf(buf + used, size - used, "%s%s", used ? "+" : "", role_table[i].word);
            used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
        }
    }
    return buf;
}
