#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""House habits that a machine can see: an SPDX line on every source, nothing left to be done later,
files and functions of a readable size, and no path of somebody's machine."""
import re
import sys

import common

SOURCES = (".c", ".h", ".def", ".py", ".sh", "dev", "run")
FILE_LINES_MAX = 700
# A suite is a list of claims, read one at a time.
SUITE_LINES_MAX = 1200
FUNCTION_LINES_MAX = 90
# Spelt in halves, so that this file does not complain of itself.
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE = re.compile(r"(?<![\w.])/(?:ho" r"me/[a-z]|wo" r"rk/|ro" r"ot/|mn" r"t/)")


def is_source(name):
    return name.name.endswith(SOURCES[:5]) or name.as_posix() in ("dev", ".ci/run")


def long_functions(name, lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start + 1 > FUNCTION_LINES_MAX:
                yield f"{name}:{start}: a function of {number - start + 1} lines; {FUNCTION_LINES_MAX} is the limit"
            start = None


def faults_of(root, name):
    lines = (root / name).read_text(encoding="utf-8").splitlines()
    found = []
    if is_source(name):
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
            found.append(f"{name}:1: no SPDX line on top")
        limit = SUITE_LINES_MAX if name.parts[0] == "tests" else FILE_LINES_MAX
        if len(lines) > limit and name.suffix != ".def":
            found.append(f"{name}: {len(lines)} lines; {limit} is the limit")
        if name.suffix in (".c", ".h"):
            found.extend(long_functions(name, lines))
    for number, line in enumerate(lines, 1):
        if LATER.search(line):
            found.append(f"{name}:{number}: something left for later")
        if MACHINE.search(line):
            found.append(f"{name}:{number}: a path of one machine")
    return found


def check(root):
    names = [name for name in common.files(root, *SOURCES, ".txt", ".md", ".yaml", ".service", ".po")
             if name.name != "LICENSE"]
    return [fault for name in names for fault in faults_of(root, name)], len(names)


SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
CONTROLS = [
    ({"proto/a.c": "int a;\n"}, "no SPDX line"),
    ({"proto/a.c": SPDX + "/* TO" "DO: the rest */\n"}, "left for later"),
    ({"proto/a.c": SPDX + "int a;\n" * FILE_LINES_MAX}, "is the limit"),
    ({"proto/a.c": SPDX + "int f(void)\n{\n" + "    g();\n" * FUNCTION_LINES_MAX + "}\n"}, "a function of"),
    ({"docs/a.md": "see /ho" "me/someone/notes\n"}, "path of one machine"),
    ({"proto/a.c": SPDX + "int f(void)\n{\n    return 1;\n}\n"}, None),
]

if __name__ == "__main__":
    sys.exit(common.run("habits", check, CONTROLS))
