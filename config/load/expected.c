/* SPDX-License-Identifier: Apache-2.0 */
/* An expected obligation as a row of a calendar: the same from a file and from a broker. */
#include "config/load/lang.h"
#include "config/load/load.h"
#include "proto/pack.h"

static void pack_pair(struct mst_buf *out, const char *key, const char *value)
{
    mst_pack_text(out, key);
    mst_pack_text(out, value);
}

static void pack_instant(struct mst_buf *out, const char *key, const struct mst_programme *p,
                         mst_time at)
{
    char text[MST_INSTANT_TEXT_MAX];
    pack_pair(out, key, mst_zone_format(p->zone, at, text));
}

static void pack_flag(struct mst_buf *out, const char *key, bool value)
{
    mst_pack_text(out, key);
    mst_pack_bool(out, value);
}

static const char *counterpart_of(const struct mst_programme *p, const struct mst_expected *e)
{
    if (e->counterpart != SIZE_MAX)
        return p->units[e->counterpart].id;
    return e->counterpart_kind == MST_COUNTERPART_DIRECTOR ? "director" : "office";
}

void mst_expected_pack(const struct mst_programme *p, const struct mst_expected *e,
                       struct mst_buf *out)
{
    const struct mst_duty *duty = &p->duties[e->duty];
    const struct mst_group *group = e->group == SIZE_MAX ? NULL : &p->groups[e->group];
    char id[MST_OBLIGATION_ID_MAX], day[11];
    mst_schedule_id(p, e, id);
    bool is_unit = e->bearer != SIZE_MAX;
    mst_pack_map(out, is_unit ? 26 : 24);
    pack_pair(out, "id", id);
    pack_pair(out, "programme", p->id);
    pack_pair(out, "duty", duty->id);
    pack_pair(out, "kind", mst_duty_kind_word(duty->kind));
    pack_flag(out, "enforced", duty->enforced);
    pack_pair(out, "title", mst_label(&duty->title));
    pack_pair(out, "title_zh", duty->title.zh);
    pack_pair(out, "title_en", duty->title.en);
    /* What a table for people shows in the columns of ids. */
    pack_pair(out, "duty_zh", duty->title.zh);
    pack_pair(out, "duty_en", duty->title.en);
    if (is_unit) {
        pack_pair(out, "bearer_zh", p->units[e->bearer].name.zh);
        pack_pair(out, "bearer_en", p->units[e->bearer].name.en);
    }
    pack_pair(out, "period", e->period.key);
    pack_pair(out, "bearer", is_unit ? p->units[e->bearer].id : "office");
    pack_pair(out, "group", group ? group->id : NULL);
    pack_pair(out, "area", group && e->area != SIZE_MAX ? group->areas[e->area].id : NULL);
    pack_pair(out, "counterpart", counterpart_of(p, e));
    pack_pair(out, "closing", mst_closing_word(duty->closing));
    pack_instant(out, "opens", p, e->dates.opens);
    pack_instant(out, "due", p, e->dates.due);
    pack_pair(out, "due_day", mst_day_format(e->dates.due_day, day));
    pack_instant(out, "grace_until", p, e->dates.grace_until);
    pack_flag(out, "provisional", e->dates.provisional);
    pack_flag(out, "applicable", e->dates.applicable);
    pack_pair(out, "reason", e->dates.reason);
    pack_pair(out, "clause", duty->clause);
}
