/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muster-proto-doc prints what the protocol's tables say: the Markdown that stands between the
 * markers of PROTOCOL.md, and the fuzzers' dictionaries and requests. Writes to standard output
 * only; comparing and replacing is the work of tests/lint/protocol.py.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/msg.h"

static void print_limit(uint64_t n)
{
    if (n == INT64_MAX)
        printf("2⁶³−1");
    else
        printf("%" PRIu64, n);
}

/* What min..max bounds: a number, elements, or bytes. */
static const char *unit_of(const char *kind)
{
    if (strcmp(kind, "UINT") == 0)
        return "";
    return kind[strlen(kind) - 1] == 'S' ? " elements" : " bytes";
}

static void print_field(const char *name, const char *kind, const char *need, uint64_t min,
                        uint64_t max, const char *doc)
{
    printf("| `%s` | %s | %s | ", name, kind, strcmp(need, "REQUIRED") == 0 ? "yes" : "");
    if (strcmp(kind, "BOOL") != 0) {
        print_limit(min);
        if (min != max) {
            printf("…");
            print_limit(max);
        }
        printf("%s", unit_of(kind));
    }
    printf(" | %s |\n", doc);
}

static const char *words_of_direction(enum mst_direction direction)
{
    if (direction == MST_PART)
        return "inside `push`";
    return direction == MST_UP ? "client → broker" : "broker → client";
}

static void print_heading(const char *word, enum mst_direction direction, const char *doc,
                          int fields)
{
    printf("\n### `%s`: %s\n\n%c%s.\n", word, words_of_direction(direction),
           doc[0] >= 'a' && doc[0] <= 'z' ? doc[0] - 'a' + 'A' : doc[0], doc + 1);
    printf(fields ? "\n| field | kind | required | range | meaning |\n|---|---|---|---|---|\n"
                  : "\nIt has no fields but `type`.\n");
}

static void print_messages(void)
{
#define MAX INT64_MAX
#define MESSAGE(name, word, direction, doc)                                                        \
    print_heading(word, MST_##direction, doc, MST_F_##name##__N);
#define FIELD(message, name, kind, need, min, max, doc)                                            \
    print_field(#name, #kind, #need, min, max, doc);
#define END(message)
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
#undef MAX
}

/* "%s" in a code's text stands for its subject. */
static void print_code(int number, const char *word, const char *text, const char *hint)
{
    const char *subject = strstr(text, "%s");
    printf("| %d | `%s` | %.*s*subject*%s | %s |\n", number, word, (int)(subject - text), text,
           subject + 2, hint);
}

static void print_codes(void)
{
    printf("\n| number | word | text | what to do next |\n|---|---|---|---|\n");
#define CODE(name, number, word, text, hint) print_code(number, word, text, hint);
#include "proto/codes.def"
#undef CODE
}

static void print_sayings(void)
{
    printf("\n| `say` | sentence |\n|---|---|\n");
#define SAYING(name, word, text) printf("| `%s` | `%s` |\n", word, text);
#include "proto/sayings.def"
#undef SAYING
}

/* One entry of a libFuzzer dictionary: the word as msgpack text (none is longer than 31 bytes). */
static void print_entry(const char *word)
{
    printf("\"\\x%02zx%s\"\n", 0xa0 + strlen(word), word);
}

static void print_dictionary(void)
{
    print_entry("type");
    print_entry(MST_ALG_ED25519_BLAKE2B);
#define MESSAGE(name, word, direction, doc) print_entry(word);
#define FIELD(message, name, kind, need, min, max, doc) print_entry(#name);
#define END(message)
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
#define CODE(name, number, word, text, hint) print_entry(word);
#include "proto/codes.def"
#undef CODE
}

/* What is admitted as an argument's value is a word of `values`, or anything: then its own name. */
static void print_argument(const char *name, const char *values)
{
    const char *bar = strchr(values, '|');
    printf("%s=%.*s\n", name, (int)(bar ? bar - values : (long)strlen(values)), values);
}

/* Every request of the administrators' protocol with all its arguments, one a paragraph. */
static void print_requests(void)
{
#define COMMAND(name, word, where, action, columns, doc, example) printf("\n%s\n", word);
#define ARG(command, name, kind, need, values, doc) print_argument(#name, values);
#define ENDCOMMAND(command)
#include "proto/admin.def"
#undef COMMAND
#undef ARG
#undef ENDCOMMAND
}

static void print_quoted(const char *word)
{
    printf("\"%s\"\n", word);
}

static void print_admin_dictionary(void)
{
#define COMMAND(name, word, where, action, columns, doc, example) print_quoted(word);
#define ARG(command, name, kind, need, values, doc) print_quoted("\\x0a" #name "=");
#define ENDCOMMAND(command)
#include "proto/admin.def"
#undef COMMAND
#undef ARG
#undef ENDCOMMAND
}

int main(int argc, char **argv)
{
    static const struct {
        const char *option;
        void (*print)(void);
    } sections[] = {{"--messages", print_messages}, {"--codes", print_codes},
                    {"--sayings", print_sayings},   {"--dict", print_dictionary},
                    {"--requests", print_requests}, {"--admin-dict", print_admin_dictionary}};
    for (size_t i = 0; argc == 2 && i < sizeof sections / sizeof sections[0]; i++) {
        if (strcmp(argv[1], sections[i].option) == 0) {
            sections[i].print();
            return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    }
    fprintf(stderr,
            "usage: muster-proto-doc --messages | --codes | --sayings | --dict | --requests |"
            " --admin-dict\n");
    return 2;
}
