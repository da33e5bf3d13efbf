#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Message catalogues. Without options: every message id of the sources is translated in po/zh_CN.po, none
is fuzzy, and formats agree. With --update: bring the .po in step with the sources, keep what is translated,
and print what is not (this is `./dev po`; the .pot is made in build/ and not committed)."""
import gettext
import io
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import common

LANGUAGE = "zh_CN"
KEYWORDS = ["--keyword", "--keyword=_", "--keyword=N_", "--keyword=mst_tr"]
FORMATS = ["--flag=_:1:pass-c-format", "--flag=mst_tr:1:pass-c-format",
           "--flag=mst_fail:3:c-format", "--flag=mst_hint:2:c-format", "--flag=mst_wrap:2:c-format"]


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, **options).stdout


def template(root, target):
    """The .pot of all that is not a test."""
    names = [str(name) for name in common.files(root, ".c", ".h", ".def")
             if name.parts[0] in ("proto", "config", "broker", "agent")]
    run("xgettext", "--language=C", "--from-code=UTF-8", "--add-location=file", "--sort-by-file",
        "--add-comments=TRANSLATORS:", *KEYWORDS, *FORMATS, "--package-name=muster",
        f"--output={target}", *names, cwd=root)
    # A date would make every update a change.
    text = target.read_text(encoding="utf-8")
    target.write_text(re.sub(r'"POT-Creation-Date:.*\n', "", text), encoding="utf-8")


def catalogue(po):
    """{msgid: translation} of what msgfmt would compile: neither fuzzy nor empty."""
    compiled = run("msgfmt", "--output-file=-", po)
    return {key: value for key, value in gettext.GNUTranslations(io.BytesIO(compiled))._catalog.items() if key}


def message_ids(pot):
    """msgen fills a template with its own ids, so that msgfmt keeps them all."""
    with tempfile.NamedTemporaryFile(suffix=".po") as filled:
        text = pot.read_bytes().replace(b"charset=CHARSET", b"charset=UTF-8")
        filled.write(text)
        filled.flush()
        english = run("msgen", filled.name)
        with tempfile.NamedTemporaryFile(suffix=".po") as out:
            out.write(english.replace(b"#, fuzzy\n", b"", 1))
            out.flush()
            return set(catalogue(out.name))


def check(root):
    po = root / "po" / f"{LANGUAGE}.po"
    with tempfile.TemporaryDirectory(prefix="muster-po-") as directory:
        pot = pathlib.Path(directory) / "muster.pot"
        template(root, pot)
        ids = message_ids(pot)
    formats = subprocess.run(["msgfmt", "--check-format", "--output-file=/dev/null", po],
                             capture_output=True, text=True, check=False)
    faults = [line for line in formats.stderr.splitlines() if line] if formats.returncode else []
    translated = set(catalogue(po))
    faults += [f"po/{LANGUAGE}.po: not translated: {msgid!r}" for msgid in sorted(ids - translated)]
    return faults, len(ids)


def update(root):
    po = root / "po" / f"{LANGUAGE}.po"
    pot = root / "build" / "muster.pot"
    pot.parent.mkdir(exist_ok=True)
    template(root, pot)
    run("msgmerge", "--quiet", "--update", "--backup=none", "--no-fuzzy-matching", "--sort-by-file",
        "--add-location=file", "--width=110", po, pot)
    po.write_bytes(run("msgattrib", "--no-obsolete", "--sort-by-file", "--width=110", po))
    faults, count = check(root)
    for fault in faults:
        print(fault)
    print(f"po: {count} message ids, {len(faults)} to translate")


HEADER = 'msgid ""\nmsgstr "Language: zh_CN\\nContent-Type: text/plain; charset=UTF-8\\n"\n'
SOURCE = '/* */\nconst char *a = N_("due on %s");\n'
CONTROLS = [
    ({"agent/a.c": SOURCE, "po/zh_CN.po": HEADER}, "not translated: 'due on %s'"),
    ({"agent/a.c": SOURCE, "po/zh_CN.po": HEADER + '\n#, fuzzy\nmsgid "due on %s"\nmsgstr "%s"\n'},
     "not translated: 'due on %s'"),
    ({"agent/a.c": SOURCE, "po/zh_CN.po": HEADER + '\n#, c-format\nmsgid "due on %s"\nmsgstr "%d"\n'}, "format"),
    ({"agent/a.c": SOURCE, "po/zh_CN.po": HEADER + '\n#, c-format\nmsgid "due on %s"\nmsgstr "于%s到期"\n'}, None),
]

if __name__ == "__main__":
    if not shutil.which("xgettext"):
        common.skip("gettext is not installed")
    if "--update" in sys.argv:
        update(common.ROOT)
    else:
        common.run("po", check, CONTROLS)
