#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One list of clauses: those of the duties in config/jingning/programme.yaml. Each that binds somebody has its line
in the demo's closing table (DUTIES in tests/demo/year.py) or a row `clause …` of tests/sim/edges.txt with its words,
and both name nothing that the programme does not have. Exhortations (kind attested) are nobody's to show."""
import re
import runpy
import sys

import common

NOT_SHOWN = ("attested",)  # ticked by nobody


def duties_of(text):
    """[(id, kind, clause)] of the programme's duties."""
    _, _, duties = text.partition("\nduties:\n")
    found = []
    for part in re.split(r"(?m)^  - id: ", duties)[1:]:
        kind, clause = (re.search(rf"(?m)^    {key}: (.*?)(?: #.*)?$", part) for key in ("kind", "clause"))
        found.append((part.split()[0], kind[1] if kind else "", clause[1] if clause else ""))
    return found


def clause_rows(text):
    """The words of each row `clause …`, in their parts."""
    rows = re.findall(r"(?m)^clause (.*?) :: ", text)
    return {row: [part for part in re.split("[…、]", row) if part] for row in rows}


def check(root):
    duties = duties_of((root / "config/jingning/programme.yaml").read_text(encoding="utf-8"))
    rows = clause_rows((root / "tests/sim/edges.txt").read_text(encoding="utf-8"))
    sys.path.insert(0, str(root / "tests/demo"))
    try:
        shown = runpy.run_path(str(root / "tests/demo/year.py"))["DUTIES"]
    finally:
        sys.path.pop(0)
    faults = [f"tests/demo/year.py: DUTIES names {name}, which is no duty" for name in shown
              if name not in [duty for duty, _, _ in duties]]
    for duty, kind, clause in duties:
        if not clause:
            faults.append(f"config/jingning/programme.yaml: {duty} names no clause")
        in_row = any(part in clause for parts in rows.values() for part in parts)
        if kind not in NOT_SHOWN and duty not in shown and not in_row:
            faults.append(f"{duty}: its clause stands neither in the demo's closing table nor in tests/sim/edges.txt")
    for row, parts in rows.items():
        faults += [f"tests/sim/edges.txt: {part!r} of {row!r} is in no clause of the programme" for part in parts
                   if not any(part in clause for _, _, clause in duties)]
    return faults, len(duties) + len(rows)


def sample(duties="  - id: a\n    clause: 甲乙\n    kind: report\n", edges="clause 甲 :: 10-x\n", shown='("a",)'):
    return {"config/jingning/programme.yaml": f"id: p\nduties:\n{duties}", "tests/sim/edges.txt": edges,
            "tests/demo/year.py": f"DUTIES = {shown}\n"}


CONTROLS = [
    (sample(), None),
    (sample(shown="()"), None),
    (sample(edges=""), None),
    (sample(edges="", shown="()"), "neither in the demo's closing table nor"),
    (sample(edges="clause 丙 :: 10-x\n"), "is in no clause"),
    (sample(shown='("a", "b")'), "which is no duty"),
    (sample(duties="  - id: a\n    kind: report\n"), "names no clause"),
    (sample(duties="  - id: a\n    clause: 甲乙\n    kind: report\n  - id: b\n    clause: 戊\n    kind: attested\n"), None),
]

if __name__ == "__main__":
    sys.exit(common.run("clauses", check, CONTROLS))
