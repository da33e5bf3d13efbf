/* SPDX-License-Identifier: Apache-2.0 */
/* The words of duties that have left the programme, and what is still owed under them. */
#include "broker/driver/gone.h"

#include <stdio.h>
#include <string.h>

#include "broker/driver/driver_impl.h"
#include "broker/driver/sources.h"

static void meta_name(const char *duty, char ret_name[8 + MST_ID_MAX])
{
    snprintf(ret_name, 8 + MST_ID_MAX, "gone/%s", duty);
}

/* Title and clause, each with its NUL; a clause for which there is no room is left out. */
static int keep_one(struct mst_engine *e, const struct mst_duty *duty, struct mst_err *err)
{
    const char *const texts[] = {duty->title.zh, duty->title.en, duty->clause};
    char name[8 + MST_ID_MAX];
    struct mst_buf b = {0};
    meta_name(duty->id, name);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = texts[i] ? texts[i] : "";
        if (b.len + strlen(text) + sizeof texts / sizeof texts[0] <= MST_GONE_BYTES_MAX)
            mst_buf_put(&b, text, strlen(text));
        mst_buf_put(&b, "", 1);
    }
    int code = b.failed ? mst_fail_on(err, MST_E_NOMEM, "programme")
                        : mst_store_put_meta(e->driver->options.store, e->pid, name,
                                             mst_bytes(b.data, b.len), err);
    mst_buf_done(&b);
    return code;
}

int mst_engine_keep_gone(struct mst_engine *e, const uint8_t before[MST_DIGEST_BYTES],
                         struct mst_err *err)
{
    struct mst_programme *old = NULL;
    struct mst_reader *reader = mst_store_own_reader(e->driver->options.store);
    /* An older version that is not kept, or not read any more, has no words to offer. */
    if (mst_sources_load(reader, e->pid, before, &old, NULL))
        return 0;
    int code = 0;
    for (size_t i = 0; !code && i < old->duties_count; i++) {
        if (mst_programme_duty(e->programme, old->duties[i].id) == SIZE_MAX)
            code = keep_one(e, &old->duties[i], err);
    }
    mst_programme_unref(old);
    return code;
}

/* Open ones of this duty, or 0 where an earlier one of them was counted already. */
static size_t count_from(const struct mst_core *core, size_t first)
{
    const char *duty = mst_core_at(core, first)->duty;
    size_t count = 0;
    for (size_t i = 0; i < mst_core_count(core); i++) {
        const struct mst_obligation *o = mst_core_at(core, i);
        if (o->work >= MST_WORK_CLOSED || strcmp(o->duty, duty) != 0)
            continue;
        if (i < first)
            return 0;
        count++;
    }
    return count;
}

void mst_engine_tell_gone(const struct mst_engine *e, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < mst_core_count(e->core) && used < size; i++) {
        const struct mst_obligation *o = mst_core_at(e->core, i);
        size_t count =
            o->work < MST_WORK_CLOSED && mst_programme_duty(e->programme, o->duty) == SIZE_MAX
                ? count_from(e->core, i)
                : 0;
        if (count)
            used += (size_t)snprintf(text + used, size - used, "%s%s (%zu)", used ? ", " : "",
                                     o->duty, count);
    }
    if (text[0])
        mst_driver_log(e->driver, 4, "duty-gone", "programme=%s owed=\"%s\" hint=\"%s\"", e->id,
                       text, _(MST_GONE_HINT));
}

void mst_gone_read(struct mst_reader *reader, mst_pid pid, const char *duty, struct mst_gone *ret)
{
    const char *texts[3] = {"", "", ""};
    char name[8 + MST_ID_MAX];
    size_t len = sizeof ret->room;
    meta_name(duty, name);
    if (mst_reader_meta(reader, pid, name, ret->room, &len, NULL) || len > sizeof ret->room)
        len = 0;
    const char *at = ret->room, *end = ret->room + len;
    for (size_t i = 0; i < 3 && at < end && memchr(at, '\0', (size_t)(end - at)); i++) {
        texts[i] = at;
        at += strlen(at) + 1;
    }
    ret->title = (struct mst_label){.zh = texts[0], .en = texts[1]};
    ret->clause = texts[2];
}
