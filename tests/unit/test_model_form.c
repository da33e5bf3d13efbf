/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies against forms: what is wrong is named by its path and kind; numbers are exact; a form
 * survives its packing; and whatever bytes a body is made of, the check neither crashes nor names
 * what is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/model/programme.h"
#include "proto/pack.h"
#include "proto/validate.h"

static const struct mst_form_field target_fields[] = {
    {.id = "value",
     .label = {"value", "值"},
     .type = MST_FIELD_DECIMAL,
     .required = true,
     .figure = true,
     .decimals = 2,
     .min = 0,
     .max = 100000},
    {.id = "unit", .label = {"unit", "单位"}, .required = true, .max = 5},
};
static const struct mst_form_field task_fields[] = {
    {.id = "id", .label = {"id", "编号"}, .max = 20, .unique = true},
    {.id = "area", .label = {"area", "领域"}, .type = MST_FIELD_AREA, .required = true},
    {.id = "helpers", .label = {"helpers", "配合"}, .type = MST_FIELD_UNITS, .max = 3},
    {.id = "target",
     .label = {"target", "目标"},
     .type = MST_FIELD_RECORD,
     .required = true,
     .fields = target_fields,
     .fields_count = 2},
};
static const struct mst_form_field line_fields[] = {
    {.id = "area",
     .label = {"area", "领域"},
     .type = MST_FIELD_AREA,
     .required = true,
     .every = true},
    {.id = "people",
     .label = {"people", "人数"},
     .type = MST_FIELD_INTEGER,
     .figure = true,
     .max = 1000},
};
static const struct mst_choice colours[] = {{"red", {"red", "红"}}, {"green", {"green", "绿"}}};
static const struct mst_form_field fields[] = {
    {.id = "title", .label = {"title", "标题"}, .required = true, .max = 4},
    {.id = "money",
     .label = {"money", "资金"},
     .measure = {"yuan", "元"},
     .type = MST_FIELD_DECIMAL,
     .figure = true,
     .decimals = 2,
     .min = -500,
     .max = 1000000},
    {.id = "share",
     .label = {"share", "比例"},
     .type = MST_FIELD_PERCENT,
     .figure = true,
     .decimals = 1,
     .max = 1000},
    {.id = "done", .label = {"done", "完成"}, .type = MST_FIELD_BOOLEAN},
    {.id = "on", .label = {"on", "日期"}, .type = MST_FIELD_DATE},
    {.id = "colour",
     .label = {"colour", "颜色"},
     .type = MST_FIELD_CHOICE,
     .choices = colours,
     .choices_count = 2},
    {.id = "who", .label = {"who", "谁"}, .type = MST_FIELD_UNIT},
    {.id = "tasks",
     .label = {"tasks", "任务"},
     .type = MST_FIELD_ROWS,
     .min = 0,
     .max = 3,
     .fields = task_fields,
     .fields_count = 4},
    {.id = "lines",
     .label = {"lines", "行"},
     .type = MST_FIELD_ROWS,
     .max = 9,
     .fields = line_fields,
     .fields_count = 2},
};
static const struct mst_form form = {.id = "f", .fields = fields, .fields_count = 9};

static const struct mst_area areas[] = {{"a1", {"one", "一"}}, {"a2", {"two", "二"}}};
static const struct mst_unit units[] = {{.id = "u1"}, {.id = "u2"}};
static const struct mst_matter_rules rules = {.max = 2, .helpers = 2};
static const struct mst_form_names names = {.areas = areas,
                                            .areas_count = 2,
                                            .units = units,
                                            .units_count = 2,
                                            .bearer = "u1",
                                            .matters = &rules};

/* ---- bodies from a few letters: a small notation, so that cases fit a line ---- */

/* { } maps of key value, [ ] lists, 'text', 12 integers, ~ nil, + true, ! false, # a double. */
static void put(struct mst_buf *out, const char **at);

static void put_many(struct mst_buf *out, const char **at, char end)
{
    struct mst_buf inside = {0};
    size_t count = 0;
    while (**at == ' ')
        ++*at;
    for (; **at != end; count++) {
        assert_true(**at != '\0');
        put(&inside, at);
        while (**at == ' ')
            ++*at;
    }
    ++*at;
    if (end == '}')
        mst_pack_map(out, count / 2);
    else
        mst_pack_array(out, count);
    mst_buf_put(out, inside.data, inside.len);
    mst_buf_done(&inside);
}

static void put(struct mst_buf *out, const char **at)
{
    char c = *(*at)++;
    if (c == '{' || c == '[') {
        put_many(out, at, c == '{' ? '}' : ']');
    } else if (c == '\'') {
        const char *end = strchr(*at, '\'');
        mst_pack_text_slice(out, mst_bytes(*at, (size_t)(end - *at)));
        *at = end + 1;
    } else if (c == '~') {
        mst_pack_nil(out);
    } else if (c == '+' || c == '!') {
        mst_pack_bool(out, c == '+');
    } else if (c == '#') {
        mst_pack_double(out, 1.5);
    } else {
        char *end;
        --*at;
        mst_pack_int(out, strtoll(*at, &end, 10));
        *at = end;
    }
}

#define GOOD_LINES "'lines'[{'area''a1''people'3}{'area''a2''people'4}]"

struct told {
    char text[2048];
    size_t limit;
};

static bool tell(void *context, const struct mst_form_fault *fault)
{
    struct told *told = context;
    size_t used = strlen(told->text);
    char word[64];
    snprintf(told->text + used, sizeof told->text - used, "%s %s%s%s%s%s\n", fault->path,
             mst_form_fault_word(fault->kind), fault->word.data ? " " : "",
             fault->word.data ? mst_slice_show(fault->word, word, sizeof word) : "",
             fault->bound[0] ? " " : "", fault->bound);
    return --told->limit > 0;
}

static const char *faults_of(const char *body, size_t limit)
{
    static struct told told;
    struct mst_buf bytes = {0};
    told = (struct told){.limit = limit};
    put(&bytes, &body);
    assert_int_equal(mst_validate(bytes.data, bytes.len, NULL), 0);
    bool right = mst_form_check(&form, &names, mst_bytes(bytes.data, bytes.len), tell, &told);
    assert_int_equal(right, told.text[0] == '\0');
    mst_buf_done(&bytes);
    return told.text;
}

static void right_bodies_are_right(void **state)
{
    (void)state;
    assert_string_equal(faults_of("{'title''x'" GOOD_LINES "}", 99), "");
    assert_string_equal(
        faults_of("{'title''四个汉字''money''-5.00''share'100'done'+'on''2024-02-29''colour''red'"
                  "'who''u2''tasks'[{'id''1''area''a1''helpers'['u1''u2']'target'{'value''1.5'"
                  "'unit''km'}}{'id''2''area''a1''target'{'value'7'unit''t'}}]" GOOD_LINES "}",
                  99),
        "");
    /* What may stay empty may be nil or blank as well. */
    assert_string_equal(faults_of("{'title''x''money''''done'~'on'' ''tasks'~" GOOD_LINES "}", 99),
                        "");
}

static void every_fault_is_named_by_path_and_kind(void **state)
{
    (void)state;
    static const struct {
        const char *body, *faults;
    } cases[] = {
        {"[]", " wrong-type\n"},
        {"{}", "title missing\nlines missing\n"},
        {"{'title'''" GOOD_LINES "}", "title empty\n"},
        {"{'title''12345'" GOOD_LINES "}", "title too-long 4\n"},
        {"{'title'7" GOOD_LINES "}", "title wrong-type\n"},
        {"{'title''x''money''1.234'" GOOD_LINES "}", "money too-fine 2\n"},
        {"{'title''x''money''1.230'" GOOD_LINES "}", ""},
        {"{'title''x''money''-5.01'" GOOD_LINES "}", "money below -5.00\n"},
        {"{'title''x''money'10001" GOOD_LINES "}", "money above 10000.00\n"},
        {"{'title''x''money'99999999999999" GOOD_LINES "}", "money too-big 15\n"},
        {"{'title''x''money''1,200'" GOOD_LINES "}", "money wrong-type 1,200\n"},
        {"{'title''x''money'#" GOOD_LINES "}", "money wrong-type\n"},
        {"{'title''x''share''100.1'" GOOD_LINES "}", "share above 100.0\n"},
        {"{'title''x''done''yes'" GOOD_LINES "}", "done wrong-type yes\n"},
        {"{'title''x''on''2023-02-29'" GOOD_LINES "}", "on no-date 2023-02-29\n"},
        {"{'title''x''colour''blue'" GOOD_LINES "}", "colour no-choice blue\n"},
        {"{'title''x''who''u3'" GOOD_LINES "}", "who no-unit u3\n"},
        {"{'title''x''tilte''y'" GOOD_LINES "}", "tilte unknown-field tilte\n"},
        {"{'title''x''tasks'{}" GOOD_LINES "}", "tasks wrong-type\n"},
        {"{'title''x''tasks'[{}7]" GOOD_LINES "}",
         "tasks[0].area missing\ntasks[0].target missing\ntasks[1] wrong-type\n"},
        {"{'title''x''tasks'[{'id''1''area''a9''target'{'value''no''unit''metres'}}"
         "{'id''1''area''a1''helpers'['u1''u1''u7'6]'target'{'value'1'unit''m'}}]" GOOD_LINES "}",
         "tasks[0].area no-area a9\ntasks[0].target.value wrong-type no\n"
         "tasks[0].target.unit too-long 5\ntasks[1].helpers too-many 3\ntasks[1].id twice 1\n"},
        {"{'title''x''tasks'[{'area''a1''helpers'['u1''u1''u7']'target'{'value'1'unit''m'}}"
         "]" GOOD_LINES "}",
         "tasks[0].helpers[1] twice u1\ntasks[0].helpers[2] no-unit u7\n"},
        {"{'title''x''tasks'[{}{}{}{}]" GOOD_LINES "}", "tasks too-many 3\n"},
        {"{'title''x''difficulties'[{'title''t''owner''u3''helpers'['u2''u1''u2']}7{}]" GOOD_LINES
         "}",
         "difficulties too-many 2\n"},
        {"{'title''x''difficulties'[{'title''t''owner''u3''helpers'['u1''u2']}{'tilte''t'}"
         "]" GOOD_LINES "}",
         "difficulties[0].owner no-unit u3\ndifficulties[0].helpers[0] itself u1\n"
         "difficulties[1].tilte unknown-field tilte\ndifficulties[1].title missing\n"},
        {"{'title''x''difficulties'7" GOOD_LINES "}", "difficulties wrong-type\n"},
        {"{'title''x''projects'[{'title''p''amount'-1}{'title''p''amount''-1.5'}]" GOOD_LINES "}",
         "projects[0].amount below 0\nprojects[1].amount below 0\nprojects[1].title twice p\n"},
        {"{'title''x''projects'[{'title''p''amount'#}{'title''q''amount'+}]" GOOD_LINES "}",
         "projects[1].amount wrong-type\n"},
        {"{'title''x''lines'[{'area''a2'}]}", "lines not-covered a1\n"},
        {"{'title''x''lines'[{'area''a2'}{'area''a1''people'-1}{'area''a2'}]}",
         "lines[1].people below 0\nlines[2].area twice a2\n"},
        {"{'title''x''lines'[{'area''a2''people''5'}{'area''a1'}]}",
         "lines[0].people wrong-type 5\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(faults_of(cases[i].body, 99), cases[i].faults);
}

static void listener_that_has_heard_enough_is_left_alone(void **state)
{
    (void)state;
    assert_string_equal(faults_of("{'money''x''share''y''done''z'}", 1), "money wrong-type x\n");
}

static void report_that_says_nothing_is_told(void **state)
{
    (void)state;
    struct mst_buf body = {0};
    struct told told = {.limit = 9};
    const char *text = "{'header'{'filled_in_by''a''checked_by''b''signed_off_by''c''phone''1'}"
                       "'summary''''projects'' '}";
    put(&body, &text);
    assert_false(
        mst_form_check(&mst_form_text, &names, mst_bytes(body.data, body.len), tell, &told));
    assert_string_equal(told.text, " says-nothing\n");
    mst_buf_done(&body);
}

static void list_of_matters_fills_its_field(void **state)
{
    (void)state;
    static const struct mst_form_field remark = {
        .id = "projects", .label = {"projects", "项目"}, .required = true, .max = 100};
    static const struct mst_form remarks = {.id = "r", .fields = &remark, .fields_count = 1};
    static const struct {
        const char *body, *faults;
    } cases[] = {
        {"{'projects'[{'title''x'}]}", ""},
        {"{'projects''none'}", ""},
        {"{'difficulties'[{'title''x'}]}", "projects missing\n"},
        {"{'projects''  '}", "projects empty\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mst_buf body = {0};
        struct told told = {.limit = 9};
        const char *text = cases[i].body;
        put(&body, &text);
        (void)mst_form_check(&remarks, &names, mst_bytes(body.data, body.len), tell, &told);
        assert_string_equal(told.text, cases[i].faults);
        mst_buf_done(&body);
    }
}

static void numbers_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int decimals, fault;
        int64_t value;
        const char *shown;
    } cases[] = {
        {"0", 0, -1, 0, "0"},
        {"-12.5", 2, -1, -1250, "-12.50"},
        {"0.05", 2, -1, 5, "0.05"},
        {"-0.05", 2, -1, -5, "-0.05"},
        {"007", 0, -1, 7, "7"},
        {"1.100", 1, -1, 11, "1.1"},
        {"999999999999.999", 3, -1, 999999999999999, "999999999999.999"},
        {"1000000000000.000", 3, MST_FORM_TOO_BIG, 0, NULL},
        {"1.15", 1, MST_FORM_TOO_FINE, 0, NULL},
        {"", 1, MST_FORM_WRONG_TYPE, 0, NULL},
        {"-", 1, MST_FORM_WRONG_TYPE, 0, NULL},
        {".5", 1, MST_FORM_WRONG_TYPE, 0, NULL},
        {"5.", 1, MST_FORM_WRONG_TYPE, 0, NULL},
        {"+5", 1, MST_FORM_WRONG_TYPE, 0, NULL},
        {"1e3", 1, MST_FORM_WRONG_TYPE, 0, NULL},
        {" 5", 1, MST_FORM_WRONG_TYPE, 0, NULL},
    };
    char shown[24];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 0;
        assert_int_equal(mst_number_parse(mst_text(cases[i].text), cases[i].decimals, &value),
                         cases[i].fault);
        assert_int_equal(value, cases[i].value);
        if (cases[i].shown)
            assert_string_equal(mst_number_format(value, cases[i].decimals, shown), cases[i].shown);
    }
    assert_string_equal(mst_number_format(INT64_MIN, 0, shown), "-9223372036854775808");
}

struct sums {
    int64_t money, people, value;
    size_t count;
};

static void sum(void *context, const struct mst_form_field *field, int64_t value)
{
    struct sums *sums = context;
    sums->count++;
    if (field == &fields[1])
        sums->money += value;
    else if (field == &line_fields[1])
        sums->people += value;
    else if (field == &target_fields[0])
        sums->value += value;
}

static void figures_are_found_wherever_they_stand(void **state)
{
    (void)state;
    struct mst_buf body = {0};
    struct sums sums = {0};
    const char *text = "{'title''5''money''12.34''share''x''tasks'[{'target'{'value''0.01'}}"
                       "{'target'{'value'2}}{'target'7}]" GOOD_LINES "}";
    put(&body, &text);
    mst_form_figures(&form, mst_bytes(body.data, body.len), sum, &sums);
    assert_int_equal(sums.money, 1234);
    assert_int_equal(sums.people, 7);
    assert_int_equal(sums.value, 201);
    assert_int_equal(sums.count, 5);
    mst_buf_done(&body);
}

static void form_survives_its_packing(void **state)
{
    (void)state;
    const struct mst_form *const forms[] = {&form, &mst_form_text, &mst_form_areas,
                                            &mst_form_minutes, &mst_form_any};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct mst_buf once = {0}, twice = {0};
        struct mst_arena *arena = mst_arena_new();
        mst_form_pack(forms[i], &once);
        assert_int_equal(mst_validate(once.data, once.len, NULL), 0);
        const struct mst_form *copy = mst_form_unpack(mst_bytes(once.data, once.len), arena);
        assert_non_null(copy);
        mst_form_pack(copy, &twice);
        assert_int_equal(once.len, twice.len);
        assert_memory_equal(once.data, twice.data, once.len);
        /* A byte that the wire turned makes another form or none, never a crash. */
        for (size_t j = 0; j < once.len; j++) {
            once.data[j] ^= 0x21;
            if (mst_validate(once.data, once.len, NULL) == 0)
                (void)mst_form_unpack(mst_bytes(once.data, once.len), arena);
            once.data[j] ^= 0x21;
        }
        mst_buf_done(&once);
        mst_buf_done(&twice);
        mst_arena_free(arena);
    }
}

/* ---- random bodies ---- */

static uint64_t seed;

static uint32_t below(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

static const char *random_key(void)
{
    static const char *const keys[] = {"title",  "money", "share", "done",   "on",   "colour",
                                       "who",    "tasks", "lines", "id",     "area", "helpers",
                                       "target", "value", "unit",  "people", "x",    "钱"};
    return keys[below(sizeof keys / sizeof keys[0])];
}

static void put_random(struct mst_buf *out, int depth)
{
    static const char *const texts[] = {"",    " ",   "a1",   "a2",         "u1", "12",
                                        "1.5", "red", "金额", "2023-01-02", "-3"};
    uint32_t kind = below(depth > 3 ? 6 : 9);
    uint32_t count = below(5);
    if (kind < 3) {
        mst_pack_text(out, texts[below(sizeof texts / sizeof texts[0])]);
    } else if (kind == 3) {
        mst_pack_int(out, (int64_t)below(3000) - 1000);
    } else if (kind == 4) {
        mst_pack_bool(out, below(2));
    } else if (kind == 5) {
        mst_pack_nil(out);
    } else if (kind == 6) {
        mst_pack_array(out, count);
        for (uint32_t i = 0; i < count; i++)
            put_random(out, depth + 1);
    } else {
        mst_pack_map(out, count);
        for (uint32_t i = 0; i < count; i++) {
            mst_pack_text(out, random_key());
            put_random(out, depth + 1);
        }
    }
}

/* Follow a path into a body by its own small reading; false where a step leads nowhere. */
static bool leads_somewhere(struct mst_slice body, const char *path)
{
    while (*path) {
        struct mst_slice raw;
        if (*path == '[') {
            struct mst_unpack u;
            struct mst_value head;
            char *end;
            unsigned long index = strtoul(path + 1, &end, 10);
            mst_unpack_init(&u, body.data, body.len);
            if (!mst_unpack_next(&u, &head) || head.kind != MST_VALUE_ARRAY || index >= head.count)
                return false;
            for (unsigned long i = 0; i <= index; i++)
                assert_true(mst_unpack_skip(&u, &raw));
            path = end + 1;
        } else {
            char key[64];
            path += *path == '.';
            size_t len = strcspn(path, ".[");
            snprintf(key, sizeof key, "%.*s", (int)len, path);
            if (!mst_unpack_find(body, key, &raw))
                return false;
            path += len;
        }
        body = raw;
    }
    return true;
}

struct random_case {
    struct mst_slice body;
    size_t told;
};

static bool path_exists(void *context, const struct mst_form_fault *fault)
{
    struct random_case *c = context;
    char path[MST_FORM_PATH_MAX];
    c->told++;
    snprintf(path, sizeof path, "%s", fault->path);
    assert_true(mst_utf8_check(path, strlen(path)));
    if (fault->kind == MST_FORM_MISSING) {
        assert_false(leads_somewhere(c->body, path));
        char *dot = strrchr(path, '.');
        *(dot ? dot : path) = '\0';
    }
    if (!leads_somewhere(c->body, path))
        fail_msg("seed %" PRIu64 ": %s names nothing", seed, fault->path);
    return true;
}

static void random_bodies_do_no_harm_and_faults_name_what_is_there(void **state)
{
    (void)state;
    size_t valid = 0, right = 0;
    seed = 20230101;
    for (int i = 0; i < 60000; i++) {
        struct mst_buf bytes = {0};
        do {
            mst_buf_clear(&bytes);
            put_random(&bytes, 0);
        } while (mst_validate(bytes.data, bytes.len, NULL) != 0);
        struct random_case c = {.body = mst_bytes(bytes.data, bytes.len)};
        bool said = mst_form_check(&form, &names, c.body, path_exists, &c);
        assert_int_equal(said, c.told == 0);
        struct sums sums = {0};
        mst_form_figures(&form, c.body, sum, &sums);
        valid++;
        right += said;
        mst_buf_done(&bytes);
    }
    assert_int_equal(valid, 60000);
    assert_true(right < valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_bodies_are_right),
        cmocka_unit_test(every_fault_is_named_by_path_and_kind),
        cmocka_unit_test(listener_that_has_heard_enough_is_left_alone),
        cmocka_unit_test(report_that_says_nothing_is_told),
        cmocka_unit_test(list_of_matters_fills_its_field),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(figures_are_found_wherever_they_stand),
        cmocka_unit_test(form_survives_its_packing),
        cmocka_unit_test(random_bodies_do_no_harm_and_faults_name_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
