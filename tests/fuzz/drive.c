/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a harness without libFuzzer, so that every build runs each of them a little: first every
 * seed, then so many mutations of seeds, the same ones every time. An input that brings the process
 * down is written to the file that is named.
 *
 *   fuzz_NAME MUTATIONS BYTES_MAX FOUND DICTIONARY DIRECTORY…
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

#define SEEDS_MAX 1024
#define WORDS_MAX 2048
#define STEPS_MAX 8
#define BLOCK_MAX 32
#define ROOM 65536

struct seed {
    uint8_t *data;
    size_t size;
};

static struct seed seeds[SEEDS_MAX], words[WORDS_MAX];
static size_t seeds_count, words_count;
static uint64_t state = 0x9E3779B97F4A7C15;

/* What runs now, for the handler. */
static const uint8_t *volatile running;
static volatile size_t running_size;
static const char *found_path;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? (state >> 11) % below : 0;
}

static void on_death(int number)
{
    int fd = open(found_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && running && write(fd, running, running_size) == (ssize_t)running_size) {
        ssize_t told = write(STDERR_FILENO, "the input is kept\n", 18);
        (void)told;
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void run(const uint8_t *data, size_t size)
{
    /* Its own allocation, so that a sanitizer sees each step behind its end. */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    running = copy;
    running_size = size;
    (void)LLVMFuzzerTestOneInput(copy, size);
    running = NULL;
    free(copy);
}

static void keep(struct seed *list, size_t *count, size_t max, const uint8_t *data, size_t size)
{
    if (*count == max || size > ROOM)
        return;
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    list[(*count)++] = (struct seed){copy, size};
}

static void read_seed(const char *directory, const char *name)
{
    static uint8_t buffer[ROOM + 1];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, buffer, sizeof buffer);
    if (fd >= 0)
        close(fd);
    if (size >= 0)
        keep(seeds, &seeds_count, SEEDS_MAX, buffer, (size_t)size);
}

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void read_seeds(const char *directory)
{
    struct dirent **names;
    int count = scandir(directory, &names, is_file, alphasort);
    if (count < 0) {
        fprintf(stderr, "%s: %s\n", directory, strerror(errno));
        exit(2);
    }
    for (int i = 0; i < count; i++) {
        read_seed(directory, names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

/* One entry of libFuzzer's kind: "text", in which \xHH is a byte. */
static void read_word(const char *line)
{
    uint8_t word[256];
    size_t len = 0;
    if (*line++ != '"')
        return;
    while (*line && *line != '"' && len < sizeof word) {
        if (line[0] == '\\' && line[1] == 'x' && line[2] && line[3]) {
            const char hex[] = {line[2], line[3], '\0'};
            word[len++] = (uint8_t)strtoul(hex, NULL, 16);
            line += 4;
        } else {
            line += *line == '\\' && line[1];
            word[len++] = (uint8_t)*line++;
        }
    }
    keep(words, &words_count, WORDS_MAX, word, len);
}

static void read_words(const char *path)
{
    char line[1024];
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    while (fgets(line, sizeof line, file))
        read_word(line);
    fclose(file);
}

/* ---- mutations ---- */

static size_t put_in(uint8_t *data, size_t size, size_t max, size_t at, const uint8_t *block,
                     size_t len)
{
    if (size + len > max)
        return size;
    memmove(data + at + len, data + at, size - at);
    memcpy(data + at, block, len);
    return size + len;
}

static size_t mutate_once(uint8_t *data, size_t size, size_t max)
{
    uint8_t block[BLOCK_MAX];
    size_t at = draw(size + 1), len = 1 + draw(BLOCK_MAX - 1);
    if (size - at < len)
        len = size - at;
    const struct seed *other = &seeds[draw(seeds_count)];
    switch (draw(7)) {
    case 0: /* a bit */
        if (at < size)
            data[at] ^= (uint8_t)(1 << draw(8));
        return size;
    case 1: /* a byte */
        if (at < size)
            data[at] = (uint8_t)draw(256);
        return size;
    case 2: /* less */
        memmove(data + at, data + at + len, size - at - len);
        return size - len;
    case 3: /* more of the same */
        memcpy(block, data + at, len);
        return put_in(data, size, max, draw(size + 1), block, len);
    case 4: /* a word */
        if (words_count == 0)
            return size;
        other = &words[draw(words_count)];
        return put_in(data, size, max, at, other->data, other->size);
    case 5: { /* a piece of another seed */
        size_t from = draw(other->size + 1);
        size_t most = other->size - from < BLOCK_MAX ? other->size - from : BLOCK_MAX;
        return put_in(data, size, max, at, other->data + from, most);
    }
    default: /* the end is missing */
        return draw(4) == 0 ? at : size;
    }
}

static void mutate_and_run(size_t max)
{
    static uint8_t data[ROOM];
    const struct seed *seed = &seeds[draw(seeds_count)];
    size_t size = seed->size < max ? seed->size : max;
    memcpy(data, seed->data, size);
    for (uint64_t steps = 1 + draw(STEPS_MAX); steps > 0; steps--)
        size = mutate_once(data, size, max);
    run(data, size);
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: %s MUTATIONS BYTES_MAX FOUND DICTIONARY DIRECTORY...\n", argv[0]);
        return 2;
    }
    unsigned long mutations = strtoul(argv[1], NULL, 10);
    size_t max = strtoul(argv[2], NULL, 10);
    if (max == 0 || max > ROOM)
        max = ROOM;
    found_path = argv[3];
    read_words(argv[4]);
    for (int i = 5; i < argc; i++)
        read_seeds(argv[i]);
    if (seeds_count == 0) {
        fprintf(stderr, "%s: no seeds\n", argv[0]);
        return 2;
    }
    signal(SIGABRT, on_death);
    signal(SIGSEGV, on_death);
    signal(SIGBUS, on_death);
    signal(SIGFPE, on_death);
    for (size_t i = 0; i < seeds_count; i++)
        run(seeds[i].data, seeds[i].size);
    for (unsigned long i = 0; i < mutations; i++)
        mutate_and_run(max);
    printf("%zu seeds, %zu words, %lu mutations: nothing found\n", seeds_count, words_count,
           mutations);
    for (size_t i = 0; i < seeds_count; i++)
        free(seeds[i].data);
    for (size_t i = 0; i < words_count; i++)
        free(words[i].data);
    return 0;
}
