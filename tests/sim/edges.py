#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every line of edges.txt names tests that exist, and every scenario holds something. Every act of the core that is not
the bearer's alone has a line, whose scenarios show it done by who may, refused to who may not and, where it needs one,
refused without a reason."""
import pathlib
import re
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


def acts():
    """{act: needs a reason}, as the core's life-cycle says; silences, amendments and grants are about no one obligation."""
    table = (ROOT / "broker/core/lifecycle.def").read_text(encoding="utf-8")
    found = re.findall(r'^EVENT\(\w+, "([\w-]+)", (\w+),.*, (NEEDED|FREE)\)', table, re.M)
    return {**{act: reason == "NEEDED" for act, by, reason in found if by != "BEARER"},
            "silence": True, "unsilence": False, "amend-task": True, "grant": True, "ungrant": True}


def shown_of(act, names):
    """Which of "done", "denied" and "reason-missing" the scenarios show of an act."""
    said = re.compile(rf"^(?:at [\d :.-]+ )?(?:office|director|admin|viewer|lead \S+|fill|vacate) (?:{act} )?.*$", re.M)
    shown = set()
    for name in names:
        lines = (HERE / "scenarios" / f"{name}.scn").read_text(encoding="utf-8").splitlines()
        for line, after in zip(lines, lines[1:] + [""]):
            if said.match(line) and re.search(rf"(^|\s){act}\s", line):
                refused = re.match(r"expect refused (\S+)", after)
                shown.add(refused[1] if refused else "done")
    return shown


def faults_of_acts(text, table):
    rows = dict(re.findall(r"^act (\S+) :: (.*)$", text, re.M))
    faults = [f"{act}: no line shows it" for act in table if act not in rows]
    faults += [f"{act}: the core knows no such act" for act in rows if act not in table]
    for act, needs_reason in table.items():
        wanted = {"done", "denied"} | ({"reason-missing"} if needs_reason else set())
        names = [name.strip() for name in rows.get(act, "").split(",") if exists(name.strip())]
        faults += [f"{act}: not shown: {what}" for what in sorted(wanted - shown_of(act, names)) if act in rows]
    return faults


def main():
    # Controls: each fault is found.
    for sample in ("a row ::", "a row :: 99-no-such", "a row :: tests/sim/main.c:no_such_function",
                   "a row :: 10-on-time\na row :: 10-on-time"):
        if not faults_of(sample):
            sys.exit(f"edges: its own control failed: {sample!r}")
    text = (HERE / "edges.txt").read_text(encoding="utf-8")
    for sample in ("", text.replace("act waive ::", "act wave ::"), text.replace("act waive :: 43-waive,", "act waive ::"),
                   re.sub("(act waive :: 43-waive).*", r"\1", text)):
        if not faults_of_acts(sample, acts()):
            sys.exit("edges: its own control of the acts failed")
    faults = faults_of(text) + faults_of_acts(text, acts())
    for fault in faults:
        print(f"edges.txt:{fault}")
    print(f"edges: {text.count(' :: ')} rows, {len(faults)} faults; 8 controls held")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
