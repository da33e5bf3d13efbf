/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones over a table of transitions. Reads no file and no environment: the C library's own
 * functions do both, and would make equal inputs give unequal deadlines.
 *
 * A wall-clock time becomes the first instant at which the local clock shows it or something later.
 * One rule thus covers the gap (the instant after it), the time that occurs twice (the first) and
 * the date that was skipped (the next one's beginning), and later dates never get earlier instants.
 */
#include "config/model/zone.h"

#include <stdio.h>
#include <string.h>

#define MS_PER_DAY INT64_C(86400000)

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* How many transitions lie at or before the instant. */
static size_t transitions_until(const struct mst_zone *zone, mst_time at)
{
    size_t lo = 0, hi = zone->transitions_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (zone->transitions[mid].at <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The offset after the first n transitions. */
static int32_t offset_after(const struct mst_zone *zone, size_t n)
{
    return n == 0 ? zone->first_offset_s : zone->transitions[n - 1].offset_s;
}

int32_t mst_zone_offset_s(const struct mst_zone *zone, mst_time at)
{
    return offset_after(zone, transitions_until(zone, at));
}

/* Milliseconds of the local clock since 1970-01-01, kept inside the years 1..9999. */
static int64_t local_ms(mst_time at, int32_t offset_s)
{
    const int64_t first = MST_DAY_FIRST * MS_PER_DAY;
    const int64_t last = (MST_DAY_LAST + 1) * MS_PER_DAY - 1;
    int64_t offset_ms = offset_s * INT64_C(1000);
    if (at < first - offset_ms)
        return first;
    if (at > last - offset_ms)
        return last;
    return at + offset_ms;
}

mst_day mst_zone_day(const struct mst_zone *zone, mst_time at)
{
    return (mst_day)floor_div(local_ms(at, mst_zone_offset_s(zone, at)), MS_PER_DAY);
}

mst_time mst_zone_instant(const struct mst_zone *zone, mst_day day, int32_t ms_of_day)
{
    int64_t wanted = day * MS_PER_DAY + ms_of_day;
    /* No clock on earth shows the wanted time before this instant. */
    size_t n = transitions_until(zone, wanted - MST_ZONE_OFFSET_S_MAX * INT64_C(1000));
    for (;; n++) {
        mst_time at = wanted - offset_after(zone, n) * INT64_C(1000);
        if (n > 0 && at < zone->transitions[n - 1].at)
            at = zone->transitions[n - 1].at;
        if (n == zone->transitions_count || at < zone->transitions[n].at)
            return at;
    }
}

mst_time mst_zone_midnight(const struct mst_zone *zone, mst_day day)
{
    return mst_zone_instant(zone, day, 0);
}

char *mst_zone_format(const struct mst_zone *zone, mst_time at, char *buf)
{
    int minutes = mst_zone_offset_s(zone, at) / 60;
    int64_t local = local_ms(at, minutes * 60);
    mst_day day = (mst_day)floor_div(local, MS_PER_DAY);
    unsigned ms = (unsigned)(local - day * MS_PER_DAY);
    unsigned distance = (unsigned)(minutes < 0 ? -minutes : minutes);
    char fraction[8] = "";
    if (ms % 1000)
        snprintf(fraction, sizeof fraction, ".%03u", ms % 1000);
    /* The remainders change nothing; they show the compiler that the buffer suffices. */
    mst_day_format(day, buf);
    snprintf(buf + 10, MST_INSTANT_TEXT_MAX - 10, "T%02u:%02u:%02u%s%c%02u:%02u", ms / 3600000 % 24,
             ms / 60000 % 60, ms / 1000 % 60, fraction, minutes < 0 ? '-' : '+',
             distance / 60 % 100, distance % 60);
    return buf;
}

/* Two digits at *text, at most `max`; moves on. -1: not there. */
static int two_digits(const char **text, int max)
{
    const char *s = *text;
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
        return -1;
    int value = (s[0] - '0') * 10 + (s[1] - '0');
    *text += 2;
    return value <= max ? value : -1;
}

/* "hh:mm" with `hours` at most; in minutes. -1: not there. */
static int clock_minutes(const char **text, int hours_max)
{
    int hours = two_digits(text, hours_max);
    if (hours < 0 || *(*text)++ != ':')
        return -1;
    int minutes = two_digits(text, 59);
    return minutes < 0 ? -1 : hours * 60 + minutes;
}

/* Milliseconds after midnight of "23:59", "23:59:59" or "23:59:59.999". -1: not there. */
static int32_t clock_ms(const char **text)
{
    int minutes = clock_minutes(text, 23);
    if (minutes < 0)
        return -1;
    int32_t ms = minutes * 60000;
    if (**text != ':')
        return ms;
    ++*text;
    int seconds = two_digits(text, 59);
    if (seconds < 0)
        return -1;
    ms += seconds * 1000;
    if (**text != '.')
        return ms;
    ++*text;
    if (**text < '0' || **text > '9')
        return -1;
    for (int32_t scale = 100; **text >= '0' && **text <= '9'; scale /= 10)
        ms += (*(*text)++ - '0') * scale;
    return ms;
}

/* "Z" or "+08:00", up to the text's end; in minutes. */
static bool offset_minutes(const char *text, int *ret_minutes)
{
    if ((text[0] == 'Z' || text[0] == 'z') && text[1] == '\0') {
        *ret_minutes = 0;
        return true;
    }
    if (text[0] != '+' && text[0] != '-')
        return false;
    int sign = text[0] == '-' ? -1 : 1;
    text++;
    int minutes = clock_minutes(&text, 23);
    *ret_minutes = sign * minutes;
    return minutes >= 0 && *text == '\0';
}

int mst_zone_parse(const struct mst_zone *zone, const char *text, mst_time *ret_at,
                   struct mst_err *err)
{
    char date[11] = "";
    mst_day day;
    strncpy(date, text, 10);
    if (mst_day_parse(date, &day, NULL) != 0)
        goto fail;
    const char *rest = text + 10;
    if (*rest == '\0') {
        *ret_at = mst_zone_midnight(zone, day);
        return 0;
    }
    if (*rest != 'T' && *rest != 't' && *rest != ' ')
        goto fail;
    rest++;
    int32_t ms = clock_ms(&rest);
    if (ms < 0)
        goto fail;
    if (*rest == '\0') {
        *ret_at = mst_zone_instant(zone, day, ms);
        return 0;
    }
    int minutes;
    if (!offset_minutes(rest, &minutes))
        goto fail;
    *ret_at = day * MS_PER_DAY + ms - minutes * INT64_C(60000);
    return 0;
fail:
    return mst_fail(err, MST_E_SYNTAX,
                    _("\"%s\" is not an instant; write it as 2023-10-11, 2023-10-11 23:59 or "
                      "2023-10-11T23:59:59+08:00"),
                    text);
}
