#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every .c and .h is as clang-format leaves it; `./dev format` mends. Tables (.def) are set by hand."""
import shutil
import subprocess
import sys

import common


def check(root):
    names = common.files(root, ".c", ".h")
    style = f"-style=file:{common.ROOT / '.clang-format'}"
    if not names:
        return [], 0
    outcome = subprocess.run(["clang-format", style, "--dry-run", "-Werror", *map(str, names)],
                             cwd=root, capture_output=True, text=True, check=False)
    faults = sorted({line.split(": error:")[0].rsplit(":", 1)[0] + ": not as clang-format leaves it"
                     for line in outcome.stderr.splitlines() if ": error:" in line})
    if outcome.returncode and not faults:
        faults = [outcome.stderr.strip()]
    return faults, len(names)


CONTROLS = [
    ({"a.c": "int f( void ){return 1;}\n"}, "a.c:1"),
    ({"a.c": "int f(void)\n{\n    return 1;\n}\n"}, None),
]

if __name__ == "__main__":
    if not shutil.which("clang-format"):
        common.skip("clang-format is not installed")
    sys.exit(common.run("format", check, CONTROLS))
