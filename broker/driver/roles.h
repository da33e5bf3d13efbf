/* SPDX-License-Identifier: Apache-2.0 */
/* Roles as words: on the wire, in settings, in lists. One table for all. */
#ifndef MST_BROKER_DRIVER_ROLES_H
#define MST_BROKER_DRIVER_ROLES_H

#include "broker/core/core.h"

#define MST_ROLE_WORDS_MAX 8

/* The words of a set, borrowed from the table. Returns how many. */
size_t mst_roles_words(unsigned roles, struct mst_slice words[MST_ROLE_WORDS_MAX]);
/* "office+admin". False when a word is no role that can be granted: it is not to be guessed. */
bool mst_roles_parse(const char *words, unsigned *ret_roles);
/* The words that it takes, separated by commas, cut at size. Returns buf. */
char *mst_roles_grantable(char *buf, size_t size);
/* The inverse; buf holds at least 64 bytes. Returns buf. */
char *mst_roles_format(unsigned roles, char *buf, size_t size);

#endif
