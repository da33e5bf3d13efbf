/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's language. Every program's main() calls mst_lang_init() first. */
#ifndef MST_CONFIG_LOAD_LANG_H
#define MST_CONFIG_LOAD_LANG_H

#include <stdbool.h>

#include "config/model/programme.h"

/*
 * Set the locale from the environment, or from `lang` ("en", "zh_CN"; NULL: the environment's
 * LANGUAGE, LC_ALL, LC_MESSAGES, LANG, whichever comes first), and install gettext as the
 * translator of mst_tr(). Works without any generated locale on the machine: falls back to C.UTF-8
 * with the chosen catalogue.
 */
void mst_lang_init(const char *lang);
/* Show instants in this IANA zone, unless the environment's TZ says otherwise. "" changes nothing.
 */
void mst_lang_zone(const char *zone);
/* True when people read Chinese here. */
bool mst_lang_zh(void);
/* The label in the reader's language. */
const char *mst_label(const struct mst_label *label);

#endif
