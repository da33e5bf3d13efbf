/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locale, catalogue and zone. It decides in which language words are looked up, and looks up none.
 */
#include "config/load/lang.h"

#include <libintl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool reads_chinese;

static const char *translate(const char *msgid)
{
    return gettext(msgid);
}

/* The first that is set, in the order POSIX gives; LANGUAGE, GNU's list, comes before all of them.
 */
static const char *wanted_language(const char *lang)
{
    static const char *const names[] = {"LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"};
    if (lang)
        return lang;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value && value[0])
            return value;
    }
    return "";
}

/*
 * The catalogues, from where the program itself lies: what is installed under another prefix than
 * it was built for, or is unpacked somewhere, finds its own, and never those of a build directory,
 * which belongs to whoever built it: formats come out of them.
 */
static const char *catalogues(void)
{
    static char dir[4096 + sizeof MUSTER_LOCALEDIR];
    char program[4096];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    program[len > 0 ? len : 0] = '\0';
    char *name = strrchr(program, '/');
    if (!name)
        return "/usr/share/locale"; /* without /proc: where most are */
    *name = '\0';
    snprintf(dir, sizeof dir, "%s/" MUSTER_LOCALEDIR, program);
    return dir;
}

void mst_lang_init(const char *lang)
{
    const char *wanted = wanted_language(lang);
    reads_chinese = strncmp(wanted, "zh", 2) == 0;
    /*
     * gettext ignores LANGUAGE in the locales "C" and "POSIX", and a minimal machine has no zh_CN
     * locale; C.UTF-8 is always there, and LANGUAGE then chooses the catalogue.
     */
    if (!setlocale(LC_ALL, "") || lang || strcmp(setlocale(LC_MESSAGES, NULL), "C") == 0 ||
        strcmp(setlocale(LC_MESSAGES, NULL), "POSIX") == 0)
        setlocale(LC_ALL, "C.UTF-8");
    setlocale(LC_NUMERIC, "C");
    setenv("LANGUAGE", reads_chinese ? "zh_CN" : "en", 1);
    bindtextdomain("muster", catalogues());
    bind_textdomain_codeset("muster", "UTF-8");
    textdomain("muster");
    mst_tr_set(translate);
}

void mst_lang_zone(const char *zone)
{
    if (zone[0])
        setenv("TZ", zone, 0);
    tzset();
}

bool mst_lang_zh(void)
{
    return reads_chinese;
}

const char *mst_label(const struct mst_label *label)
{
    return reads_chinese ? label->zh : label->en;
}
