#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""muster-sim is not blind: it catches each bug that mutant.c seeds, makes the failing year small, and the command that
it prints fails in the same way.

    mutants.py PATH-OF-muster-sim"""
import re
import subprocess
import sys

# What is said of each, and the most events that its smallest year may have.
CAUGHT = {
    "midnight-a-second-early": ("due at another instant than the midnight that ends the day", 1),
    "verdict-written-twice": ("writes the verdict", 10),
    "rung-skipped": ("nobody was told of rung 1", 10),
    "alert-sent-twice": ("was sent twice", 3),
    "alert-number-lost": ("comes after alert", 10),
    "restart-forgets-silences": ("a restart, or want of memory, changes what happens", 12),
}


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)


def faults_of(sim, mutant):
    said, most = CAUGHT[mutant]
    done = run(sim, "--mutant", mutant, "--seeds", "200")
    if done.returncode != 1 or said not in done.stderr:
        return [f"{mutant}: not caught in 200 years: {done.returncode} {done.stdout}{done.stderr}"]
    small = re.search(r"smallest: (\d+) of (\d+) events", done.stderr)
    again = re.search(r"again with: muster-sim (.*)", done.stderr)
    if not small or not again:
        return [f"{mutant}: it was not made small: {done.stderr}"]
    print(f"{mutant}: caught; {small[1]} of {small[2]} events are left")
    faults = []
    if int(small[1]) > most:
        faults.append(f"{mutant}: its smallest year has {small[1]} events, more than {most}")
    repeated = run(sim, *again[1].split())
    if repeated.returncode != 1 or said not in repeated.stderr:
        faults.append(f"{mutant}: the printed command does not fail alike: {again[1]}: {repeated.stderr}")
    sound = run(sim, *again[1].replace(f"--mutant {mutant} ", "").split())
    if sound.returncode != 0:
        faults.append(f"{mutant}: its smallest year fails without it, too: {sound.stderr}")
    return faults


def main(sim):
    listed = run(sim, "--mutants").stdout.split()
    faults = [f"{name}: listed by {who} alone" for name in sorted(set(listed) ^ set(CAUGHT))
              for who in ["muster-sim" if name in listed else "mutants.py"]]
    for mutant in listed:
        faults += faults_of(sim, mutant) if mutant in CAUGHT else []
    for fault in faults:
        print(fault)
    print(f"mutants: {len(listed)} seeded, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
