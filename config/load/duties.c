/* SPDX-License-Identifier: Apache-2.0 */
/* What is owed: duties, with the defaults of what the file leaves out. */
#include <string.h>

#include "config/load/loader.h"

#define DAYS_MAX 1000
#define VERSION_MAX 1000000
#define CORRECTION_DAYS_DEFAULT 5
#define LOCK_DAYS_DEFAULT 30
#define LOCK_DAYS_YEARLY_DEFAULT 60

#define KINDS (MST_DUTY_ATTESTED + 1)
static const struct kind_row {
    bool enforced;   /* the engine keeps its deadlines; the others are declared */
    bool has_period; /* owed by the calendar, not upon an event */
} kind_rows[KINDS] = {
    [MST_DUTY_REPORT] = {true, true},     [MST_DUTY_QUOTA] = {true, true},
    [MST_DUTY_POST] = {true, true},       [MST_DUTY_SIGN_FOR] = {true, false},
    [MST_DUTY_REPLY] = {true, false},     [MST_DUTY_ISSUE] = {true, false},
    [MST_DUTY_ASSESSMENT] = {true, true}, [MST_DUTY_ATTESTED] = {false, false},
};
#define CLOSINGS (MST_CLOSE_NONE + 1)
#define PERIODS (MST_PERIOD_DAY + 1)

/* Each as its enum. */
static const char *const scope_words[] = {"one", "group", "area", "unit"};
static const char *const counterpart_words[] = {"office", "lead", "director"};

bool mst_duty_is_scheduled(const struct mst_duty *duty)
{
    return kind_rows[duty->kind].has_period;
}

static void load_kind(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    const char *words[KINDS];
    for (size_t i = 0; i < KINDS; i++)
        words[i] = mst_duty_kind_word((enum mst_duty_kind)i);
    const struct mst_node *node = mst_read_field(&l->r, map, "kind", MST_NEEDED);
    size_t kind = node ? mst_read_word_of(&l->r, node, (struct mst_words){words, KINDS}) : SIZE_MAX;
    duty->kind = kind == SIZE_MAX ? MST_DUTY_ATTESTED : (enum mst_duty_kind)kind;
    /* A programme may declare a duty before it wants its deadlines kept. */
    duty->enforced = mst_read_bool(&l->r, map, "enforced", true) && kind_rows[duty->kind].enforced;
}

/* "leads", "members", "office", "all", or "unit:ID". */
static void load_bearer(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    static const char *const words[] = {"leads", "members", "unit:ID", "office",
                                        "all"}; /* as enum mst_bearer_kind */
    duty->bearer_unit = SIZE_MAX;
    duty->bearer = MST_BEARER_OFFICE;
    const struct mst_node *node = mst_read_field(&l->r, map, "bearer", MST_NEEDED);
    const char *text = node ? mst_read_text_of(&l->r, node, MST_NAME_BYTES_MAX) : NULL;
    if (!text)
        return;
    if (strncmp(text, "unit:", 5) == 0) {
        struct mst_node unit = *node;
        unit.text = text + 5;
        duty->bearer = MST_BEARER_UNIT;
        duty->bearer_unit = mst_load_unit_ref(l, &unit);
        return;
    }
    size_t bearer = mst_read_word_of(&l->r, node, (struct mst_words){words, 5});
    if (bearer != SIZE_MAX)
        duty->bearer = (enum mst_bearer_kind)bearer;
}

static enum mst_scope scope_default(enum mst_bearer_kind bearer)
{
    switch (bearer) {
    case MST_BEARER_LEADS:
        return MST_SCOPE_GROUP;
    case MST_BEARER_MEMBERS:
    case MST_BEARER_ALL:
        return MST_SCOPE_UNIT;
    case MST_BEARER_UNIT:
    case MST_BEARER_OFFICE:
        break;
    }
    return MST_SCOPE_ONE;
}

static enum mst_closing closing_default(enum mst_duty_kind kind)
{
    return kind == MST_DUTY_REPORT ? MST_CLOSE_AUTOMATIC
           : kind == MST_DUTY_POST ? MST_CLOSE_FILL
                                   : MST_CLOSE_NONE;
}

static void load_closing(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    const char *words[CLOSINGS];
    for (size_t i = 0; i < CLOSINGS; i++)
        words[i] = mst_closing_word((enum mst_closing)i);
    duty->closing = (enum mst_closing)mst_read_word(
        &l->r, map, "closing", (struct mst_words){words, CLOSINGS}, closing_default(duty->kind));
    if (duty->kind == MST_DUTY_REPORT && duty->closing > MST_CLOSE_RECORD)
        MST_FAULT(&l->r, mst_node_get(map, "closing"),
                  _("use automatic, receive, approve or record"), _("a report is not closed by %s"),
                  words[duty->closing]);
    else if (duty->kind != MST_DUTY_REPORT && duty->closing != closing_default(duty->kind))
        MST_FAULT(&l->r, mst_node_get(map, "closing"),
                  _("remove it: the kind says how it is closed"),
                  _("the kind %s is not closed by %s"), mst_duty_kind_word(duty->kind),
                  words[duty->closing]);
}

static void load_period(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    const char *words[PERIODS];
    for (size_t i = 0; i < PERIODS; i++)
        words[i] = mst_period_kind_word((enum mst_period_kind)i);
    const struct mst_node *node = mst_read_field(
        &l->r, map, "period", kind_rows[duty->kind].has_period ? MST_NEEDED : MST_MAY_LACK);
    size_t period = node ? mst_read_word_of(&l->r, node, (struct mst_words){words, PERIODS}) : 0;
    duty->period = period == SIZE_MAX ? MST_PERIOD_ONCE : (enum mst_period_kind)period;
    if (period == SIZE_MAX)
        return; /* keys cannot be judged */
    const struct mst_node *first = mst_read_field(&l->r, map, "first", MST_MAY_LACK);
    const char *letters = first ? mst_read_letters_of(&l->r, first) : NULL;
    if (letters)
        duty->first = mst_load_period_key(l, first, letters, duty);
    mst_load_notes(l, map, duty);
}

static void load_dates(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    duty->opens = (struct mst_date_rule){.anchor = MST_ANCHOR_START, .unit = MST_OFFSET_DAYS};
    const struct mst_node *opens = mst_read_field(&l->r, map, "opens", MST_MAY_LACK);
    if (opens)
        mst_load_date_rule(l, opens, &duty->opens);
    duty->due = (struct mst_date_rule){.anchor = MST_ANCHOR_END, .unit = MST_OFFSET_DAYS};
    const struct mst_node *due =
        mst_read_field(&l->r, map, "due", duty->enforced ? MST_NEEDED : MST_MAY_LACK);
    if (due)
        mst_load_date_rule(l, due, &duty->due);
    const struct mst_node *grace = mst_read_field(&l->r, map, "grace", MST_MAY_LACK);
    if (grace)
        mst_load_grace(l, grace, &duty->grace);
    duty->review_days = mst_read_int(&l->r, map, "review_days", 0, DAYS_MAX, 0);
    duty->correction_days =
        mst_read_int(&l->r, map, "correction_days", 0, DAYS_MAX, CORRECTION_DAYS_DEFAULT);
    duty->lock_days = mst_read_int(&l->r, map, "lock_days", 0, DAYS_MAX,
                                   duty->period == MST_PERIOD_YEAR ? LOCK_DAYS_YEARLY_DEFAULT
                                                                   : LOCK_DAYS_DEFAULT);
}

static void load_quota(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    const struct mst_node *node = mst_read_field(
        &l->r, map, "quota", duty->kind == MST_DUTY_QUOTA ? MST_NEEDED : MST_MAY_LACK);
    if (node && duty->kind != MST_DUTY_QUOTA)
        MST_FAULT(&l->r, node, _("remove it, or use the kind quota"),
                  _("quota means nothing for the kind %s"), mst_duty_kind_word(duty->kind));
    duty->quota = mst_read_int(&l->r, map, "quota", 1, MST_QUOTA_MAX, 0);
    duty->pace = mst_read_bool(&l->r, map, "pace", false);
    if (duty->pace && duty->kind != MST_DUTY_QUOTA)
        MST_FAULT(&l->r, mst_node_get(map, "pace"), _("remove it, or use the kind quota"),
                  _("pace means nothing for the kind %s"), mst_duty_kind_word(duty->kind));
}

/* What its reports have to do with tasks: as enum mst_duty_tasks. */
static void load_tasks(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    static const char *const words[] = {"none", "list", "plan", "progress"};
    duty->tasks = (enum mst_duty_tasks)mst_read_word(&l->r, map, "tasks",
                                                     (struct mst_words){words, 4}, MST_TASKS_NONE);
    if (duty->tasks != MST_TASKS_NONE && duty->kind != MST_DUTY_REPORT)
        MST_FAULT(&l->r, mst_node_get(map, "tasks"), _("remove it, or use the kind report"),
                  _("tasks mean nothing for the kind %s"), mst_duty_kind_word(duty->kind));
}

/* An id, or a map of it and what the post is called. */
static struct mst_post load_post(struct mst_loader *l, const struct mst_node *node)
{
    struct mst_post post = {NULL, {"", ""}};
    bool named = node->kind == MST_NODE_MAP;
    if (named && !mst_read_is_map(&l->r, node, MST_WORDS("id", "name")))
        return post;
    post.id = named ? mst_read_id(&l->r, node) : mst_read_id_of(&l->r, node);
    if (post.id && strlen(post.id) >= MST_POST_MAX) {
        MST_FAULT(&l->r, named ? mst_node_get(node, "id") : node, NULL,
                  _("the id of a post has at most %d letters"), MST_POST_MAX - 1);
        post.id = NULL;
    }
    if (!named || !post.id) {
        post.name = (struct mst_label){post.id, post.id};
        return post;
    }
    post.name = mst_load_label(l, node, "name");
    if (strlen(post.name.zh) > MST_POST_NAME_MAX || strlen(post.name.en) > MST_POST_NAME_MAX)
        MST_FAULT(&l->r, mst_node_get(node, "name"), _("shorten it; alerts name the post"),
                  _("the name of a post has at most %d bytes"), MST_POST_NAME_MAX);
    return post;
}

/* The posts of a duty, where it has several. */
static void load_posts(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    const struct mst_node *list = mst_read_field(&l->r, map, "posts", MST_MAY_LACK);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    if (duty->kind != MST_DUTY_POST) {
        MST_FAULT(&l->r, list, _("remove it, or use the kind post"),
                  _("posts mean nothing for the kind %s"), mst_duty_kind_word(duty->kind));
        return;
    }
    if (!list->count || list->count > MST_POSTS_MAX) {
        MST_FAULT(&l->r, list, NULL, _("a duty has 1 to %d posts, not %zu"), MST_POSTS_MAX,
                  list->count);
        return;
    }
    struct mst_post *posts = mst_read_alloc(&l->r, list->count, sizeof *posts);
    struct mst_name names[3 * MST_POSTS_MAX];
    size_t names_count = 0;
    for (const struct mst_node *node = list->first; node && posts; node = node->next) {
        const struct mst_post post = load_post(l, node);
        const char *const words[] = {post.id, post.name.zh, post.name.en};
        for (size_t i = 0; post.id && i < sizeof words / sizeof words[0]; i++)
            names[names_count++] = (struct mst_name){words[i], duty->posts_count, node};
        if (post.id)
            posts[duty->posts_count++] = post;
    }
    duty->posts = posts;
    mst_read_distinct(&l->r, names, names_count);
}

/* What the bearer reads while its post is filled. */
static void load_reads(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    static const char *const words[] = {"own", "group"};
    duty->reads_group = mst_read_word(&l->r, map, "reads", (struct mst_words){words, 2}, 0) == 1;
    const struct mst_node *node = mst_node_get(map, "reads");
    if (!duty->reads_group)
        return;
    if (duty->kind != MST_DUTY_POST || duty->scope != MST_SCOPE_GROUP ||
        duty->period != MST_PERIOD_ONCE || duty->bearer != MST_BEARER_UNIT)
        MST_FAULT(
            &l->r, node,
            _("write kind: post, bearer: unit:ID, scope: group and period: once, or remove it"),
            _("only a post that one unit fills once for each group gives a right to read it"));
    else if (l->p->groups_count > MST_LIAISON_GROUPS_MAX)
        MST_FAULT(&l->r, node, _("remove it, and write grants"),
                  _("a programme of more than %d groups has no liaisons"), MST_LIAISON_GROUPS_MAX);
}

/* Who can bear what: what the office publishes is its own, and minutes come from a unit. */
static void check_bearer(struct mst_loader *l, const struct mst_node *map,
                         const struct mst_duty *duty)
{
    const struct mst_node *node = mst_node_get(map, "bearer");
    bool office = duty->bearer == MST_BEARER_OFFICE;
    if (!node || !node->text)
        return;
    if (duty->kind == MST_DUTY_ASSESSMENT && !office)
        MST_FAULT(&l->r, node, _("write office"), _("an assessment is the office's own"));
    if (duty->kind == MST_DUTY_QUOTA && office)
        MST_FAULT(&l->r, node, _("name the unit that houses it: unit:ID"),
                  _("the office has no agent to report with"));
    const struct mst_node *scope = mst_node_get(map, "scope");
    if (scope && duty->scope == MST_SCOPE_ONE && !office && duty->bearer != MST_BEARER_UNIT)
        MST_FAULT(&l->r, scope, _("name its one bearer: unit:ID"),
                  _("what is owed once for all is not borne by several"));
}

/* The first ladder serves where none is named. */
static void load_ladder_ref(struct mst_loader *l, const struct mst_node *map, struct mst_duty *duty)
{
    const struct mst_node *node = mst_read_field(&l->r, map, "ladder", MST_MAY_LACK);
    const char *id = node ? mst_read_text_of(&l->r, node, MST_NAME_BYTES_MAX) : NULL;
    if (!id || !l->p->ladders_count)
        return;
    const char **ids = mst_read_alloc(&l->r, l->p->ladders_count, sizeof *ids);
    for (size_t i = 0; ids && i < l->p->ladders_count; i++) {
        ids[i] = l->p->ladders[i].id;
        if (strcmp(ids[i], id) == 0) {
            duty->ladder = i;
            return;
        }
    }
    char hint[MST_ERR_HINT_MAX];
    if (ids)
        MST_FAULT(&l->r, node,
                  mst_hint_nearest(id, (struct mst_words){ids, l->p->ladders_count},
                                   _("list it under ladders first"), hint),
                  _("unknown ladder %s"), id);
}

static void load_duty(struct mst_loader *l, const struct mst_node *node, struct mst_duty *duty)
{
    *duty = (struct mst_duty){.id = "", .title = {"", ""}, .kind = MST_DUTY_ATTESTED};
    if (!mst_read_is_map(&l->r, node,
                         MST_WORDS("id", "title", "clause", "kind", "bearer", "scope",
                                   "counterpart", "closing", "period", "first", "opens", "due",
                                   "grace", "exempt", "transitional", "quota", "pace", "posts",
                                   "tasks", "reads", "review_days", "correction_days", "lock_days",
                                   "ladder", "enforced", "version", "form")))
        return;
    duty->id = mst_read_id(&l->r, node);
    duty->title = mst_load_label(l, node, "title");
    duty->clause = mst_read_text(&l->r, node, "clause", MST_MAY_LACK, MST_CLAUSE_BYTES_MAX);
    load_kind(l, node, duty);
    load_bearer(l, node, duty);
    duty->scope = (enum mst_scope)mst_read_word(
        &l->r, node, "scope", (struct mst_words){scope_words, 4}, scope_default(duty->bearer));
    duty->counterpart = (enum mst_counterpart_kind)mst_read_word(
        &l->r, node, "counterpart", (struct mst_words){counterpart_words, 3},
        MST_COUNTERPART_OFFICE);
    load_closing(l, node, duty);
    load_period(l, node, duty);
    load_dates(l, node, duty);
    load_quota(l, node, duty);
    load_posts(l, node, duty);
    load_tasks(l, node, duty);
    load_reads(l, node, duty);
    mst_load_duty_form(l, node, duty);
    check_bearer(l, node, duty);
    load_ladder_ref(l, node, duty);
    duty->version = (uint32_t)mst_read_int(&l->r, node, "version", 1, VERSION_MAX, 1);
}

void mst_load_duties(struct mst_loader *l)
{
    const struct mst_node *list = mst_read_field(&l->r, l->root, "duties", MST_NEEDED);
    if (!list || !mst_read_is_list(&l->r, list))
        return;
    l->duties = mst_read_alloc(&l->r, list->count, sizeof *l->duties);
    l->duty_nodes = mst_read_alloc(&l->r, list->count, sizeof *l->duty_nodes);
    struct mst_name *names = mst_read_alloc(&l->r, list->count, sizeof *names);
    if (!l->duties || !l->duty_nodes || !names)
        return;
    size_t count = 0;
    for (const struct mst_node *node = list->first; node; node = node->next, count++) {
        load_duty(l, node, &l->duties[count]);
        const struct mst_node *id = mst_node_get(node, "id");
        l->duty_nodes[count] = node;
        names[count] = (struct mst_name){l->duties[count].id, count, id ? id : node};
    }
    l->p->duties = l->duties;
    l->p->duties_count = count;
    mst_read_distinct(&l->r, names, count);
}
