#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The programs are built to be hard to break: position-independent, relocations read-only and bound at the start, a
stack that is not executable, stack protectors, fortified calls, and assertions that are on.

    hardening.py BIN-DIRECTORY COMPILER [--unoptimised]    fortifying needs an optimised build"""
import pathlib
import re
import subprocess
import sys
import tempfile

PROGRAMS = ("musterd", "muster-agent", "muster-watch", "musterctl")
SOFT = ["-O0", "-fno-stack-protector", "-no-pie", "-fno-pie", "-U_FORTIFY_SOURCE", "-Wl,-z,norelro,-z,lazy,-z,execstack"]


def faults_of(path, fortified):
    shown = subprocess.run(["readelf", "--wide", "--file-header", "--program-headers", "--dynamic", "--dyn-syms", str(path)],
                           capture_output=True, text=True, check=True).stdout
    wanted = {
        "not position-independent": re.search(r"Type:\s+DYN", shown),
        "relocations stay writable": "GNU_RELRO" in shown,
        "symbols are bound late": re.search(r"\bBIND_NOW\b|Flags:.*\bNOW\b", shown),
        "the stack is executable": re.search(r"GNU_STACK\s.*\sRW\s", shown),
        "no stack protector": "__stack_chk_fail" in shown,
        "assertions are off": "__assert_fail" in shown,
    }
    if fortified:
        wanted["no fortified call"] = re.search(r"__(?:snprintf|memcpy|vsnprintf|fprintf|printf|read)_chk", shown)
    return [f"{path.name}: {fault}" for fault, holds in wanted.items() if not holds]


def control(compiler):
    """A program built without any of it has every fault."""
    with tempfile.TemporaryDirectory(prefix="muster-lint-") as directory:
        source, soft = pathlib.Path(directory) / "soft.c", pathlib.Path(directory) / "soft"
        source.write_text('#include <stdio.h>\nint main(int n, char **v)\n{\n    char b[9];\n'
                          '    snprintf(b, 9, "%s", v[n - 1]);\n    return puts(b);\n}\n', encoding="utf-8")
        subprocess.run([compiler, *SOFT, "-o", str(soft), str(source)], check=True, capture_output=True)
        found = faults_of(soft, True)
    if len(found) != 7:
        sys.exit(f"hardening: its own control failed: it found only {found}")


def main(directory, compiler, *options):
    control(compiler)
    faults = [fault for name in PROGRAMS for fault in faults_of(pathlib.Path(directory) / name, "--unoptimised" not in options)]
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"hardening: {len(PROGRAMS)} looked at, {len(faults)} faults; its control held")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
