/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MST_CONFIG_MODEL_LABEL_H
#define MST_CONFIG_MODEL_LABEL_H

/* Words for people in both languages; each falls back to the other, never NULL. */
struct mst_label {
    const char *en;
    const char *zh;
};

#endif
