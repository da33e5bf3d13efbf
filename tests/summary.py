#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sum up a CTest run from its JUnit file: seconds per suite, why tests were skipped, and, as the very
last line, "N passed, N failed, N skipped". Runs nothing itself. Exit 1 when a test failed or none ran."""
import re
import sys
import xml.etree.ElementTree as ET


def suite_of(name):
    """test_core_late -> core; lint_purity -> lint; e2e_enrol -> e2e"""
    return re.sub(r"^test_", "", name).split("_")[0]


def skip_reason(output):
    """A suite that skips itself (exit 77) says why on the last line that it prints."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it did not say why"


def is_skipped(case):
    """CTest also says "skipped" of a test whose program is not there: that one failed."""
    skipped = case.find("skipped")
    by_itself = skipped is not None and skipped.get("message", "").startswith("SKIP_")
    return by_itself or case.get("status") == "disabled"


def main(path):
    try:
        cases = ET.parse(path).getroot().findall("testcase")
    except (OSError, ET.ParseError) as fault:
        print(f"no results: {fault}", file=sys.stderr)
        cases = []
    seconds, counts = {}, {"passed": 0, "failed": 0, "skipped": 0}
    failed, skipped = [], []
    for case in cases:
        name = case.get("name")
        suite = suite_of(name)
        seconds.setdefault(suite, [0, 0.0])
        seconds[suite][0] += 1
        seconds[suite][1] += float(case.get("time") or 0)
        output = case.findtext("system-out") or ""
        if case.get("status") == "run":
            counts["passed"] += 1
        elif is_skipped(case):
            counts["skipped"] += 1
            skipped.append((name, skip_reason(output)))
        else:
            counts["failed"] += 1
            failed.append(name)
    print("\nsuite        tests   seconds")
    for suite, (number, total) in sorted(seconds.items()):
        print(f"{suite:<12}{number:>6}{total:>10.1f}")
    for name, reason in skipped:
        print(f"skipped {name}: {reason}")
    for name in failed:
        print(f"failed  {name}")
    sys.stderr.flush()
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts), flush=True)
    return 1 if counts["failed"] or not cases else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
