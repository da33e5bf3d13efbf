#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SECURITY.md names only tests that are there: each `SUITE` or `SUITE/CLAIM` of its table's last column is a
suite's file, and the claim a function of it or of a file beside it."""
import re
import sys

import common

# What a suite's name begins with, and where its file may lie.
PLACES = (("e2e_", ("tests/e2e/test_{}.py", "tests/hostile/test_{}.py")), ("fuzz_", ("tests/fuzz/fuzz_{}.c",)),
          ("lint_", ("tests/lint/{}.py",)), ("test_", ("tests/unit/test_{}.c",)))
DOCUMENT = "SECURITY.md"


def files_of(root, suite):
    for prefix, patterns in PLACES:
        if suite.startswith(prefix):
            return [path for pattern in patterns if (path := root / pattern.format(suite[len(prefix):])).is_file()]
    return []


def has_claim(path, claim):
    defined = re.compile(rf"(?:def |static void ){re.escape(claim)}\(")
    return any(defined.search(each.read_text(encoding="utf-8")) for each in path.parent.glob("*" + path.suffix))


def check(root):
    text = (root / DOCUMENT).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    faults, count = [], 0
    for row in rows:
        cell = row.rstrip(" |").rsplit("|", 1)[-1]
        names = re.findall(r"`([^`]+)`", cell)
        if not names:
            faults.append(f"{DOCUMENT}: nothing shows: {row[:60]}")
        for name in names:
            count += 1
            suite, _, claim = name.partition("/")
            paths = files_of(root, suite)
            if not paths:
                faults.append(f"{DOCUMENT}: there is no suite {suite}")
            elif claim and not any(has_claim(path, claim) for path in paths):
                faults.append(f"{DOCUMENT}: {suite} has no {claim}")
    return faults, count


HEAD = "| who | with | stops | shown by |\n|---|---|---|---|\n"
SUITE = {"tests/e2e/test_a.py": "def test_x():\n    pass\n"}
CONTROLS = [
    ({DOCUMENT: HEAD + "| a | b | c | `e2e_b` |\n", **SUITE}, "no suite e2e_b"),
    ({DOCUMENT: HEAD + "| a | b | c | `e2e_a/test_y` |\n", **SUITE}, "has no test_y"),
    ({DOCUMENT: HEAD + "| a | b | c | |\n", **SUITE}, "nothing shows"),
    ({DOCUMENT: HEAD + "| a | b | c | `e2e_a/test_x` |\n", **SUITE}, None),
]

if __name__ == "__main__":
    sys.exit(common.run("security", check, CONTROLS))
