#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does a report still take as many instructions as it did? Counts them under valgrind on the broker's hot path
(guard.c) and compares them with guard.json, within a few percent. Instructions do not depend on how busy a machine is, but
on its compiler, libraries and vector units: where these are not those of guard.json, the guard skips itself (77).

    guard.py DIRECTORY            compare; DIRECTORY holds bench_guard
    guard.py DIRECTORY --update   rewrite guard.json, after a change that was meant"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

COMMITTED = pathlib.Path(__file__).with_name("guard.json")
TOLERANCE = 0.05
PATHS = {"effects": "bytes to effects, memory store", "disk": "bytes to the disk, SQLite"}
PUSHES = (8, 16)
SKIPPED = 77


def skip(why):
    print(f"guard: skipped: {why}")
    sys.exit(SKIPPED)


def versions(program):
    """What the count depends on besides our own code."""
    found = json.loads(subprocess.run([program, "versions"], capture_output=True, text=True, check=True).stdout)
    told = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True).stdout
    return {**found, "valgrind": told.strip()}


def instructions(program, path, pushes):
    """Of the whole program, all threads; and how many reports it took."""
    with tempfile.NamedTemporaryFile() as log:
        outcome = subprocess.run(
            ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", f"--log-file={log.name}",
             program, "run", path, str(pushes), str(max(PUSHES))], capture_output=True, text=True, check=False,
            env={**os.environ, "LC_ALL": "C", "GLIBC_TUNABLES": ""})
        text = pathlib.Path(log.name).read_text(encoding="utf-8")
    found = re.search(r"I\s+refs:\s+([\d,]+)", text)
    if outcome.returncode or not found:
        raise SystemExit(f"guard: {path}: {outcome.stderr}{text}")
    return int(found[1].replace(",", "")), json.loads(outcome.stdout)["reports"]


def per_report(program):
    """Two runs differ by what taking the further pushes costs."""
    jobs = [(path, pushes) for path in PATHS for pushes in PUSHES]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = dict(zip(jobs, pool.map(lambda job: instructions(program, *job), jobs)))
    result = {}
    for path in PATHS:
        (less, few), (more, many) = (counts[(path, pushes)] for pushes in PUSHES)
        result[path] = round((more - less) / (many - few))
    return result


def main():
    program = pathlib.Path(sys.argv[1]) / "bench_guard"
    if not shutil.which("valgrind"):
        skip("valgrind is not installed")
    mine = versions(program)
    if sys.argv[2:] == ["--update"]:
        found = {"versions": mine, "instructions_per_report": per_report(program)}
        COMMITTED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print("guard: written:", ", ".join(f"{path} {count:,}" for path, count in found["instructions_per_report"].items()))
        return 0
    kept = json.loads(COMMITTED.read_text(encoding="utf-8"))
    others = [f"{name} is {mine.get(name)}, not {value}" for name, value in kept["versions"].items() if mine.get(name) != value]
    if others:
        skip("; ".join(others))
    failed = False
    for path, count in per_report(program).items():
        before = kept["instructions_per_report"][path]
        change = count / before - 1
        beyond = abs(change) > TOLERANCE
        failed = failed or beyond
        print(f"guard: {PATHS[path]}: {count:,} instructions a report, {before:,} committed, {change:+.1%}"
              + (f", beyond {TOLERANCE:.0%}" if beyond else ""))
    if failed:
        print("guard: if that is meant, commit new numbers with the change: ./dev guard --update")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
