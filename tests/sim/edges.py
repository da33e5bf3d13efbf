#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every line of edges.txt names tests that exist, and every scenario holds something."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def exists(name):
    file, colon, function = name.partition(":")
    if colon:
        path = ROOT / file
        return path.is_file() and f"{function}(" in path.read_text(encoding="utf-8")
    path = HERE / "scenarios" / f"{name}.scn"
    return path.is_file() and "\nexpect " in path.read_text(encoding="utf-8")


def faults_of(text):
    faults, seen = [], set()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        row, arrow, names = line.partition(" :: ")
        names = [name.strip() for name in names.split(",") if name.strip()]
        if not arrow or not names:
            faults.append(f"{number}: {row!r} is shown nowhere")
        if row in seen:
            faults.append(f"{number}: {row!r} stands twice")
        seen.add(row)
        faults += [f"{number}: there is no test {name}" for name in names if not exists(name)]
    return faults


def main():
    # Controls: each fault is found.
    for sample in ("a row ::", "a row :: 99-no-such", "a row :: tests/sim/main.c:no_such_function",
                   "a row :: 10-on-time\na row :: 10-on-time"):
        if not faults_of(sample):
            sys.exit(f"edges: its own control failed: {sample!r}")
    text = (HERE / "edges.txt").read_text(encoding="utf-8")
    faults = faults_of(text)
    for fault in faults:
        print(f"edges.txt:{fault}")
    print(f"edges: {text.count(' :: ')} rows, {len(faults)} faults; 4 controls held")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
