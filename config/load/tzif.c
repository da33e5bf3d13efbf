/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zones from the system's TZif files (RFC 8536, version 2 and later), as a table that ends in 2200.
 * Reads the file's own bytes instead of asking the C library, whose answer depends on the
 * environment. Files with leap seconds ("right/…") are refused: Muster's time has none.
 */
#include <stdlib.h>
#include <string.h>

#include "config/load/loader.h"
#include "config/load/tzrule.h"

#define ZONEINFO "/usr/share/zoneinfo/"
#define ZONE_BYTES_MAX (256 * 1024)
#define ZONE_NAME_MAX 64
/* The footer's rule is written out up to this year. */
#define LAST_YEAR 2200
/* From where the rule holds in a file that has no transitions of its own. */
#define FIRST_YEAR 1970
#define HEADER_BYTES 44
#define OFFSET_S_MAX (26 * 3600)

struct tzif {
    const uint8_t *at, *end;
    size_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
    int version;
};

static uint32_t u32be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t i64be(const uint8_t *p)
{
    return (int64_t)((uint64_t)u32be(p) << 32 | u32be(p + 4));
}

static bool take_header(struct tzif *f)
{
    if (f->end - f->at < HEADER_BYTES || memcmp(f->at, "TZif", 4) != 0)
        return false;
    f->version = f->at[4] ? f->at[4] - '0' : 1;
    size_t *const counts[] = {&f->isutcnt, &f->isstdcnt, &f->leapcnt,
                              &f->timecnt, &f->typecnt,  &f->charcnt};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        *counts[i] = u32be(f->at + 20 + 4 * i);
    f->at += HEADER_BYTES;
    return true;
}

/* Bytes of a data block whose times take time_bytes each; no overflow: every count is 32 bits. */
static uint64_t block_bytes(const struct tzif *f, uint64_t time_bytes)
{
    return f->timecnt * (time_bytes + 1) + f->typecnt * 6 + f->charcnt +
           f->leapcnt * (time_bytes + 4) + f->isstdcnt + f->isutcnt;
}

/* Move to the 64-bit block. */
static bool find_block(struct tzif *f)
{
    if (!take_header(f) || f->version < 2 || block_bytes(f, 4) > (uint64_t)(f->end - f->at))
        return false;
    f->at += block_bytes(f, 4);
    return take_header(f) && block_bytes(f, 8) <= (uint64_t)(f->end - f->at) && f->typecnt > 0 &&
           f->leapcnt == 0;
}

static bool take_offset(const uint8_t *types, size_t index, int32_t *ret_offset_s)
{
    int32_t offset_s = (int32_t)u32be(types + 6 * index);
    *ret_offset_s = offset_s;
    return offset_s >= -OFFSET_S_MAX && offset_s <= OFFSET_S_MAX;
}

static bool take_transitions(const struct tzif *f, struct mst_zone *zone,
                             struct mst_zone_transition *transitions)
{
    const uint8_t *times = f->at, *indices = times + 8 * f->timecnt, *types = indices + f->timecnt;
    const int64_t first_s = (int64_t)mst_day_of(1, 1, 1) * 86400;
    const int64_t last_s = (int64_t)mst_day_of(LAST_YEAR + 1, 1, 1) * 86400;
    if (!take_offset(types, 0, &zone->first_offset_s))
        return false;
    int64_t before_s = INT64_MIN;
    for (size_t i = 0; i < f->timecnt; i++) {
        int64_t at_s = i64be(times + 8 * i);
        int32_t offset_s;
        if ((i && at_s <= before_s) || indices[i] >= f->typecnt ||
            !take_offset(types, indices[i], &offset_s))
            return false;
        before_s = at_s;
        if (at_s < first_s) /* "since the big bang", in some files */
            zone->first_offset_s = offset_s;
        else if (at_s < last_s)
            transitions[zone->transitions_count++] =
                (struct mst_zone_transition){.at = at_s * 1000, .offset_s = offset_s};
    }
    return true;
}

static int by_instant(const void *a, const void *b)
{
    const struct mst_zone_transition *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void expand_rule(const struct mst_tzrule *rule, struct mst_zone *zone,
                        struct mst_zone_transition *transitions)
{
    size_t count = zone->transitions_count;
    mst_time last = count ? transitions[count - 1].at : INT64_MIN;
    int year = count ? mst_civil_of((mst_day)(last / 86400000)).year - 1 : FIRST_YEAR;
    size_t first = count;
    if (year < 1)
        year = 1;
    for (; year <= LAST_YEAR; year++) {
        struct mst_zone_transition changes[2];
        mst_tzrule_changes(rule, year, changes);
        for (size_t i = 0; i < 2; i++) {
            if (changes[i].at > last)
                transitions[count++] = changes[i];
        }
    }
    qsort(transitions + first, count - first, sizeof *transitions, by_instant);
    /* Summer time all year round is written as an end and a start at one instant: the start wins.
     */
    size_t kept = first;
    for (size_t i = first; i < count; i++) {
        if (kept > first && transitions[kept - 1].at == transitions[i].at) {
            if (transitions[i].offset_s == rule->summer_s)
                transitions[kept - 1] = transitions[i];
        } else {
            transitions[kept++] = transitions[i];
        }
    }
    zone->transitions_count = kept;
}

static bool take_footer(const struct tzif *f, struct mst_zone *zone,
                        struct mst_zone_transition *transitions)
{
    const uint8_t *at = f->at + block_bytes(f, 8);
    size_t len = (size_t)(f->end - at);
    if (len < 2 || at[0] != '\n' || at[len - 1] != '\n')
        return false;
    char text[128];
    if (len - 2 >= sizeof text || memchr(at, 0, len))
        return false;
    mst_slice_copy(mst_bytes(at + 1, len - 2), text, sizeof text);
    struct mst_tzrule rule;
    if (!text[0])
        return true; /* no rule: the last offset holds for ever */
    if (!mst_tzrule_parse(text, &rule))
        return false;
    if (rule.has_summer)
        expand_rule(&rule, zone, transitions);
    return true;
}

static bool decode(struct mst_slice bytes, struct mst_arena *arena, struct mst_zone *zone,
                   bool *ret_no_memory)
{
    struct tzif f = {.at = bytes.data, .end = bytes.data + bytes.len};
    if (!find_block(&f))
        return false;
    size_t room = f.timecnt + 2 * (LAST_YEAR + 2);
    struct mst_zone_transition *transitions = mst_arena_alloc(arena, room * sizeof *transitions);
    *ret_no_memory = !transitions;
    zone->transitions = transitions;
    return transitions && take_transitions(&f, zone, transitions) &&
           take_footer(&f, zone, transitions);
}

/* Names lead to files below the zone directory and nowhere else. */
static bool name_is_safe(const char *name)
{
    size_t len = strlen(name);
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    return len > 0 && len < ZONE_NAME_MAX && name[strspn(name, allowed)] == '\0' &&
           name[0] != '/' && name[len - 1] != '/' && !strstr(name, "//");
}

int mst_zone_read(const char *name, struct mst_arena *arena, struct mst_slice *ret_bytes,
                  struct mst_err *err)
{
    char path[sizeof ZONEINFO + ZONE_NAME_MAX];
    int code = MST_E_UNKNOWN;
    if (name_is_safe(name)) {
        snprintf(path, sizeof path, "%s%s", ZONEINFO, name);
        code = mst_file_read(path, ZONE_BYTES_MAX, arena, ret_bytes, NULL);
    }
    if (code == MST_E_NOMEM)
        return mst_no_memory(err, name);
    if (code) {
        mst_fail(err, MST_E_UNKNOWN, _("there is no zone %s on this machine"), name);
        mst_hint(err, "%s",
                 _("use an IANA name such as Asia/Shanghai; the package tzdata brings them"));
        return MST_E_UNKNOWN;
    }
    return 0;
}

int mst_zone_decode(const char *name, struct mst_slice bytes, struct mst_arena *arena,
                    const struct mst_zone **ret, struct mst_err *err)
{
    struct mst_zone *zone = mst_arena_alloc(arena, sizeof *zone);
    char *name_copy = mst_arena_strdup(arena, name);
    if (!zone || !name_copy)
        return mst_no_memory(err, name);
    *zone = (struct mst_zone){.name = name_copy};
    bool no_memory = false;
    if (!decode(bytes, arena, zone, &no_memory)) {
        if (no_memory)
            return mst_no_memory(err, name);
        mst_fail(err, MST_E_INVALID, _("%s is not a zone file that can be used"), name);
        mst_hint(err, "%s", _("zones with leap seconds cannot; reinstall the package tzdata"));
        return MST_E_INVALID;
    }
    mst_hash(&bytes, 1, zone->digest);
    *ret = zone;
    return 0;
}

int mst_zone_load(const char *name, struct mst_arena *arena, const struct mst_zone **ret,
                  struct mst_err *err)
{
    struct mst_slice bytes;
    int code = mst_zone_read(name, arena, &bytes, err);
    return code ? code : mst_zone_decode(name, bytes, arena, ret, err);
}
