#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Purity of proto, config/model and broker/core: what their objects leave undefined must be defined
by another pure object or stand in allowed-symbols.txt. An allow list, since a forbid list forgets."""
import pathlib
import subprocess
import sys
import tempfile

import common

PURE = {"muster_proto": "proto", "muster_model": "config/model", "muster_core": "broker/core"}


def allowed():
    table = {}
    path = common.ROOT / "tests/lint/allowed-symbols.txt"
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            symbol, _, reason = line.partition(" ")
            if not reason.strip():
                sys.exit(f"{path.name}:{number}: {symbol} is allowed without a reason")
            table[symbol] = reason.strip()
    return table


def symbols(obj, *options):
    listing = subprocess.run(["nm", "-P", *options, str(obj)], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in listing.stdout.splitlines()]


def faults_of(objects, table):
    defined = {symbol for obj in objects for symbol in symbols(obj, "--defined-only", "-g")}
    return [f"{obj.name}: takes {symbol} from outside, which allowed-symbols.txt does not list"
            for obj in objects for symbol in symbols(obj, "-u")
            if symbol not in defined and symbol not in table]


def control(compiler, table):
    """An object that reads the clock must be complained of; one that only copies must not."""
    with tempfile.TemporaryDirectory(prefix="muster-lint-") as directory:
        for text, word in (("#include <time.h>\nlong f(void) { return (long)time(0); }\n", "takes time"),
                           ("#include <stdlib.h>\nchar *f(void) { return getenv(\"X\"); }\n", "takes getenv"),
                           ("#include <string.h>\nvoid f(char *a, char *b, size_t n) { memcpy(a, b, n); }\n", None)):
            source = pathlib.Path(directory) / "sample.c"
            source.write_text(text, encoding="utf-8")
            subprocess.run([compiler, "-c", "-o", source.with_suffix(".o"), source], check=True)
            faults = faults_of([source.with_suffix(".o")], table)
            if (not faults) if word else faults:
                sys.exit(f"purity: its own control failed: expected {word!r}, got {faults}")


def main(build, compiler):
    table = allowed()
    control(compiler, table)
    objects = [obj for target, folder in PURE.items()
               for obj in sorted(pathlib.Path(build).glob(f"{folder}/CMakeFiles/{target}.dir/*.o"))
               # An object may outlive its source in an old build tree.
               if (common.ROOT / folder / obj.name.removesuffix(".o")).is_file()]
    faults = faults_of(objects, table)
    for fault in faults:
        print(fault)
    if not objects:
        print(f"no object of a pure folder under {build}")
    print(f"purity: {len(objects)} objects, {len(faults)} faults; 3 controls held")
    return 1 if faults or not objects else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
