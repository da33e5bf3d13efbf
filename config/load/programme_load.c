/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a programme file to a programme: the basics, and the order in which the parts are read. The
 * tree stays in the programme's arena, so that texts are not copied.
 */
#include <stdlib.h>
#include <string.h>

#include "config/load/loader.h"

#define ZONE_NAME_BYTES_MAX 63
#define PATH_BYTES_MAX 1024
#define VERSION_MAX 1000000
#define HOURS_MAX 8760
#define SILENT_HOURS 72 /* over a weekend */
#define NOTICE_DAYS_MAX 400
#define NOTICE_DAYS 5
#define MATTERS_MAX 100
#define HELPERS_MAX MST_HELPERS_MAX

static const char *const weekday_words[] = {"monday", "tuesday",  "wednesday", "thursday",
                                            "friday", "saturday", "sunday"};

static void load_zone(struct mst_loader *l)
{
    const struct mst_node *node = mst_read_field(&l->r, l->root, "zone", MST_NEEDED);
    const char *name = node ? mst_read_text_of(&l->r, node, ZONE_NAME_BYTES_MAX) : NULL;
    struct mst_err err = {0};
    if (!name)
        return;
    struct mst_slice *bytes = &l->p->sources[MST_SOURCE_ZONE];
    int code = l->given ? mst_file_copy(l->given[MST_SOURCE_ZONE], l->r.arena, bytes, &err)
                        : mst_zone_read(name, l->r.arena, bytes, &err);
    if (!code)
        code = mst_zone_decode(name, *bytes, l->r.arena, &l->p->zone, &err);
    if (code == MST_E_NOMEM)
        l->r.no_memory = true;
    else if (code)
        MST_FAULT(&l->r, node, err.hint, "%s", err.text);
}

/* Paths inside a file are relative to its folder. */
static char *path_beside(struct mst_loader *l, const char *name)
{
    const char *slash = strrchr(l->r.file, '/');
    size_t folder = name[0] == '/' || !slash ? 0 : (size_t)(slash - l->r.file) + 1;
    char *path = mst_arena_alloc(l->r.arena, folder + strlen(name) + 1);
    if (!path) {
        l->r.no_memory = true;
        return NULL;
    }
    memcpy(path, l->r.file, folder);
    strcpy(path + folder, name);
    return path;
}

static void load_weekend(struct mst_loader *l, struct mst_calendar *calendar)
{
    const struct mst_node *list = mst_read_field(&l->r, l->root, "weekend", MST_MAY_LACK);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    calendar->weekend_mask = 0;
    for (const struct mst_node *node = list->first; node; node = node->next) {
        size_t day = mst_read_word_of(&l->r, node, (struct mst_words){weekday_words, 7});
        if (day != SIZE_MAX)
            calendar->weekend_mask |= (uint8_t)(1U << day);
    }
    if (calendar->weekend_mask == 0x7F)
        MST_FAULT(&l->r, list, _("leave at least one day to work on"),
                  _("every day of the week is off"));
}

static void load_calendar(struct mst_loader *l)
{
    struct mst_calendar *calendar = mst_read_alloc(&l->r, 1, sizeof *calendar);
    if (!calendar)
        return;
    l->p->calendar = calendar;
    const struct mst_node *node = mst_read_field(&l->r, l->root, "calendar", MST_NEEDED);
    const char *name = node ? mst_read_text_of(&l->r, node, PATH_BYTES_MAX) : NULL;
    char *path = name ? path_beside(l, name) : NULL;
    struct mst_err err = {0};
    if (path) {
        struct mst_slice *bytes = &l->p->sources[MST_SOURCE_CALENDAR];
        int code = l->given ? mst_file_copy(l->given[MST_SOURCE_CALENDAR], l->r.arena, bytes, &err)
                            : mst_file_read(path, MST_FILE_BYTES_MAX, l->r.arena, bytes, &err);
        if (!code)
            code = mst_calendar_decode(path, *bytes, l->r.arena, l->r.diags, calendar, &err);
        l->calendar_read = code == 0;
        if (code == MST_E_NOMEM)
            l->r.no_memory = true;
        else if (code == MST_E_IO || code == MST_E_TOO_LARGE)
            MST_FAULT(&l->r, node, _("its path is relative to the folder of this file"), "%s",
                      err.text);
    }
    load_weekend(l, calendar);
}

static void load_basics(struct mst_loader *l)
{
    struct mst_programme *p = l->p;
    p->id = mst_read_id(&l->r, l->root);
    p->title = mst_load_label(l, l->root, "title");
    p->source = mst_read_text(&l->r, l->root, "source", MST_MAY_LACK, MST_NAME_BYTES_MAX);
    const struct mst_node *issued = mst_read_field(&l->r, l->root, "issued", MST_NEEDED);
    p->issued = MST_DAY_NONE;
    if (issued && !mst_read_day_of(&l->r, issued, &p->issued))
        p->issued = MST_DAY_NONE;
    p->version = (uint32_t)mst_read_int(&l->r, l->root, "version", 1, VERSION_MAX, 1);
    p->silent_hours = mst_read_int(&l->r, l->root, "silent_hours", 0, HOURS_MAX, SILENT_HOURS);
    p->unattested = !mst_read_bool(&l->r, l->root, "attested", true);
    p->notice_days = mst_read_int(&l->r, l->root, "notice_days", 0, NOTICE_DAYS_MAX, NOTICE_DAYS);
    p->fiscal_month = mst_read_int(&l->r, l->root, "fiscal_month", 1, 12, 1);
    load_zone(l);
    load_calendar(l);
}

#define POINTS_MAX 1000
#define TASKS_MAX 200

static void load_task_rules(struct mst_loader *l)
{
    struct mst_task_rules *rules = &l->p->tasks;
    *rules = (struct mst_task_rules){.max = 100, .outside = true, .yellow = 10, .red = 30};
    const struct mst_node *map = mst_read_field(&l->r, l->root, "tasks", MST_MAY_LACK);
    if (!map || !mst_read_is_map(&l->r, map, MST_WORDS("max", "outside", "yellow", "red")))
        return;
    rules->max = mst_read_int(&l->r, map, "max", 1, TASKS_MAX, rules->max);
    rules->outside = mst_read_bool(&l->r, map, "outside", rules->outside);
    rules->yellow = mst_read_int(&l->r, map, "yellow", 1, 100, rules->yellow);
    rules->red = mst_read_int(&l->r, map, "red", 1, 100, rules->red);
    if (rules->red < rules->yellow)
        MST_FAULT(&l->r, map, _("red lies at least as far behind as yellow"),
                  _("red (%d) comes before yellow (%d)"), rules->red, rules->yellow);
}

static void load_matter_rules(struct mst_loader *l)
{
    struct mst_matter_rules *rules = &l->p->matters;
    *rules = (struct mst_matter_rules){.max = 20, .helpers = 8, .old_days = 20};
    const struct mst_node *map = mst_read_field(&l->r, l->root, "matters", MST_MAY_LACK);
    if (!map || !mst_read_is_map(&l->r, map, MST_WORDS("max", "helpers", "old_days")))
        return;
    rules->max = mst_read_int(&l->r, map, "max", 1, MATTERS_MAX, rules->max);
    rules->helpers = mst_read_int(&l->r, map, "helpers", 1, HELPERS_MAX, rules->helpers);
    rules->old_days = mst_read_int(&l->r, map, "old_days", 0, NOTICE_DAYS_MAX, rules->old_days);
}

/* A programme that says nothing has the rubric of version 1: what came in grace counts, half of the
 * points for what came late, none for what never came, and returns cost nothing. */
static void load_rubric(struct mst_loader *l)
{
    struct mst_rubric *rubric = &l->p->rubric;
    *rubric = (struct mst_rubric){
        .version = 1, .on_time = 100, .in_grace = 100, .late = 50, .grace_counts = true};
    const struct mst_node *map = mst_read_field(&l->r, l->root, "rubric", MST_MAY_LACK);
    if (!map || !mst_read_is_map(&l->r, map,
                                 MST_WORDS("version", "on_time", "in_grace", "late", "missing",
                                           "returned", "grace_counts", "ranking")))
        return;
    const struct {
        const char *key;
        int *points;
    } rows[] = {
        {"on_time", &rubric->on_time}, {"in_grace", &rubric->in_grace}, {"late", &rubric->late},
        {"missing", &rubric->missing}, {"returned", &rubric->returned},
    };
    rubric->version = (uint32_t)mst_read_int(&l->r, map, "version", 1, VERSION_MAX, 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        *rows[i].points =
            mst_read_int(&l->r, map, rows[i].key, -POINTS_MAX, POINTS_MAX, *rows[i].points);
    rubric->grace_counts = mst_read_bool(&l->r, map, "grace_counts", true);
    rubric->ranking = mst_read_bool(&l->r, map, "ranking", false);
}

struct mst_label mst_load_label(struct mst_loader *l, const struct mst_node *map, const char *key)
{
    struct mst_label label = {"", ""};
    const struct mst_node *node = mst_read_field(&l->r, map, key, MST_NEEDED);
    if (!node || node->bad)
        return label;
    if (node->kind != MST_NODE_MAP) {
        const char *text = mst_read_text_of(&l->r, node, MST_TITLE_BYTES_MAX);
        return text ? (struct mst_label){text, text} : label;
    }
    if (!mst_read_is_map(&l->r, node, MST_WORDS("zh", "en")))
        return label;
    const char *zh = mst_read_text(&l->r, node, "zh", MST_MAY_LACK, MST_TITLE_BYTES_MAX);
    const char *en = mst_read_text(&l->r, node, "en", MST_MAY_LACK, MST_TITLE_BYTES_MAX);
    if (!zh && !en) {
        if (!mst_node_get(node, "zh") && !mst_node_get(node, "en"))
            MST_FAULT(&l->r, node, _("give it as text, or as {zh: …, en: …}"), _("%s is missing"),
                      key);
        return label;
    }
    return (struct mst_label){.en = en ? en : zh, .zh = zh ? zh : en};
}

static void load_all(struct mst_loader *l)
{
    if (!mst_read_is_map(&l->r, l->root,
                         MST_WORDS("id", "title", "source", "issued", "version", "zone", "calendar",
                                   "weekend", "fiscal_month", "units", "groups", "offices", "cc",
                                   "ladders", "forms", "duties", "rubric", "tasks", "matters",
                                   "silent_hours", "notice_days", "attested", "grants", "viewers")))
        return;
    load_basics(l);
    mst_load_units(l);
    mst_load_groups(l);
    mst_load_offices(l);
    mst_load_cc(l);
    mst_load_grants(l);
    mst_load_viewers(l);
    load_rubric(l);
    load_task_rules(l);
    load_matter_rules(l);
    mst_load_ladders(l);
    mst_load_forms(l);
    mst_load_duties(l);
    mst_load_check_parties(l);
    if (l->r.diags->errors == l->errors_before && !l->r.no_memory)
        mst_load_check_dates(l);
}

/* Of everything that was read: with another calendar or zone it is another programme. */
static void digest_sources(struct mst_programme *p)
{
    uint8_t each[MST_SOURCES][MST_HASH_BYTES];
    for (size_t i = 0; i < MST_SOURCES; i++)
        mst_hash(&p->sources[i], 1, each[i]);
    struct mst_slice all = mst_bytes(each, sizeof each);
    mst_hash(&all, 1, p->digest);
}

static int load(const char *path, const struct mst_slice *given, struct mst_diags *diags,
                struct mst_programme **ret, struct mst_err *err)
{
    size_t before = diags->errors;
    struct mst_yaml *yaml = NULL;
    int code = mst_yaml_read_given(path, given ? &given[MST_SOURCE_FILE] : NULL, diags, &yaml, err);
    if (code)
        return code;
    struct mst_arena *arena = yaml->arena;
    struct mst_programme *p = mst_arena_alloc(arena, sizeof *p);
    struct mst_loader l = {
        .r = {.file = yaml->file, .diags = diags, .arena = arena, .no_memory = !p},
        .root = yaml->root,
        .p = p,
        .errors_before = before,
        .given = given};
    if (p) {
        *p = (struct mst_programme){.arena = arena, .refs = 1};
        p->sources[MST_SOURCE_FILE] = yaml->bytes;
        load_all(&l);
        if (diags->errors == before)
            digest_sources(p);
    }
    mst_diags_sort(diags);
    code = l.r.no_memory ? mst_no_memory(err, path) : mst_diags_verdict(diags, before, path, err);
    if (code) {
        mst_arena_free(arena);
        return code;
    }
    *ret = p;
    return 0;
}

int mst_programme_load(const char *path, struct mst_diags *diags, struct mst_programme **ret,
                       struct mst_err *err)
{
    return load(path, NULL, diags, ret, err);
}

int mst_programme_load_bytes(const struct mst_slice sources[MST_SOURCES], const char *name,
                             struct mst_diags *diags, struct mst_programme **ret,
                             struct mst_err *err)
{
    return load(name, sources, diags, ret, err);
}
