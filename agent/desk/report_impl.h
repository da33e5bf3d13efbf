/* SPDX-License-Identifier: Apache-2.0 */
/* Between report.c, which says what is wrong with a report file, and report_body.c. */
#ifndef MST_AGENT_DESK_REPORT_IMPL_H
#define MST_AGENT_DESK_REPORT_IMPL_H

#include "config/load/yaml.h"
#include "config/model/form.h"

/* Whether the key says what the file is about, and is no field of the body. */
bool mst_report_key(const char *key);
/* The body: all of the file's fields but those. */
void mst_report_pack(struct mst_buf *out, const struct mst_form *form,
                     const struct mst_form_names *names, const struct mst_node *root);
/* Where a path of the body stands in the file, or its nearest parent that does. */
const struct mst_node *mst_report_place(const struct mst_node *root, const char *path);

#endif
