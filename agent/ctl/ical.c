/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iCalendar by libical: one all-day event for each obligation, under its id, so that a calendar
 * that reads the feed again moves what has moved. No recurrence rules: none knows make-up days.
 */
#include "agent/ctl/ical.h"

#include <libical/ical.h>
#include <stdlib.h>

#include "agent/link/print.h"
#include "config/load/lang.h"
#include "config/model/schedule.h"
#include "proto/pack.h"

struct mst_ical {
    icalcomponent *calendar;
};

struct mst_ical *mst_ical_new(void)
{
    struct mst_ical *ical = calloc(1, sizeof *ical);
    if (!ical)
        return NULL;
    ical->calendar =
        icalcomponent_vanew(ICAL_VCALENDAR_COMPONENT, icalproperty_new_version("2.0"),
                            icalproperty_new_prodid("-//Muster//" MUSTER_VERSION "//EN"),
                            icalproperty_new_calscale("GREGORIAN"), (void *)0);
    if (ical->calendar)
        return ical;
    free(ical);
    return NULL;
}

void mst_ical_free(struct mst_ical *ical)
{
    if (!ical)
        return;
    icalcomponent_free(ical->calendar);
    free(ical);
}

static const char *text_of(struct mst_slice row, const char *key, char *buf, size_t size)
{
    return mst_slice_copy(mst_unpack_text(row, key), buf, size);
}

/* As a table shows it: names in the reader's language. */
static const char *cell_of(struct mst_slice row, const char *column, char *buf, size_t size)
{
    struct mst_buf cell = {0};
    mst_put_cell(&cell, row, column);
    mst_slice_copy(mst_bytes(cell.data, cell.len), buf, size);
    mst_buf_done(&cell);
    return buf;
}

/* "Quarterly progress 2023Q3 (Commerce Bureau)", and that it is provisional where it is. */
static void summarise(struct mst_slice row, char *text, size_t size)
{
    char title[512], period[64], bearer[512];
    bool provisional = mst_unpack_bool(row, "provisional", false);
    snprintf(text, size, "%s %s (%s)%s%s", cell_of(row, "title", title, sizeof title),
             cell_of(row, "period", period, sizeof period),
             cell_of(row, "bearer", bearer, sizeof bearer), provisional ? ": " : "",
             provisional ? _("provisional") : "");
}

/* The hour, which an event of a whole day lacks; the id, which commands want; and the clause. */
static void describe(struct mst_slice row, char *text, size_t size)
{
    char due[64], id[MST_OBLIGATION_ID_MAX], clause[4097];
    text_of(row, "clause", clause, sizeof clause);
    snprintf(text, size, "%s: %s\n%s: %s%s%s", mst_heading("due"),
             cell_of(row, "due", due, sizeof due), mst_heading("id"),
             text_of(row, "id", id, sizeof id), clause[0] ? "\n" : "", clause);
}

int mst_ical_row(struct mst_ical *ical, struct mst_slice row, int64_t stamp_s, struct mst_err *err)
{
    char id[MST_OBLIGATION_ID_MAX], due[16], summary[1200], description[4600];
    mst_day day;
    if (!mst_unpack_bool(row, "applicable", true))
        return 0;
    text_of(row, "id", id, sizeof id);
    int code = mst_day_parse(text_of(row, "due_day", due, sizeof due), &day, err);
    if (code)
        return code;
    struct mst_civil civil = mst_civil_of(day);
    icaltimetype start = icaltime_null_date();
    start.year = civil.year;
    start.month = civil.month;
    start.day = civil.day;
    summarise(row, summary, sizeof summary);
    describe(row, description, sizeof description);
    icaltimetype stamp =
        icaltime_from_timet_with_zone((time_t)stamp_s, 0, icaltimezone_get_utc_timezone());
    icalcomponent *event = icalcomponent_vanew(
        ICAL_VEVENT_COMPONENT, icalproperty_new_uid(id), icalproperty_new_dtstamp(stamp),
        icalproperty_new_dtstart(start), icalproperty_new_summary(summary),
        icalproperty_new_description(description), icalproperty_new_transp(ICAL_TRANSP_TRANSPARENT),
        (void *)0);
    if (!event)
        return mst_fail_on(err, MST_E_NOMEM, id);
    icalcomponent_add_component(ical->calendar, event);
    return 0;
}

int mst_ical_write(struct mst_ical *ical, FILE *out, struct mst_err *err)
{
    char *text = icalcomponent_as_ical_string_r(ical->calendar);
    if (!text)
        return mst_fail_on(err, MST_E_NOMEM, "calendar");
    int bad = fputs(text, out) < 0 || fflush(out) != 0;
    free(text);
    return bad ? mst_fail_on(err, MST_E_IO, _("the output")) : 0;
}
