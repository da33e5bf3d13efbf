#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PROTOCOL.md keeps step with messages.def, codes.def and sayings.def: what stands between its markers is what
muster-proto-doc prints. With --update it writes that there; otherwise it only reads.

    protocol.py PATH-OF-muster-proto-doc [--update]"""
import re
import subprocess
import sys

import common

SECTIONS = ("messages", "codes", "sayings")


def printed(tool):
    return {name: subprocess.run([tool, f"--{name}"], capture_output=True, text=True, check=True).stdout
            for name in SECTIONS}


def renewed(document, sections):
    for name, text in sections.items():
        marked = re.compile(f"(<!-- begin {name}[^\n]*-->\n).*?(\n<!-- end {name} -->)", re.S)
        document, count = marked.subn(lambda m: m.group(1) + text + m.group(2), document)
        if count != 1:
            sys.exit(f"PROTOCOL.md has {count} places marked for {name}; it needs one")
    return document


def control(sections):
    """A document whose table lost one line must be found different."""
    good = "".join(f"<!-- begin {name} -->\n{text}\n<!-- end {name} -->\n" for name, text in sections.items())
    if renewed(good, sections) != good or renewed(good.replace("| `version` ", "| `vision` ", 1), sections) != good:
        sys.exit("protocol: its own control failed: a good document changed")
    bad = good.replace("| `version` ", "| `vision` ", 1)
    if bad == good or renewed(bad, sections) == bad:
        sys.exit("protocol: its own control failed: a stale table was not noticed")


def main(tool, update=False):
    sections = printed(tool)
    control(sections)
    path = common.ROOT / "proto/PROTOCOL.md"
    document = path.read_text(encoding="utf-8")
    wanted = renewed(document, sections)
    if wanted == document:
        print("protocol: PROTOCOL.md is in step with the tables")
    elif update:
        path.write_text(wanted, encoding="utf-8")
        print("protocol: PROTOCOL.md was renewed from the tables")
    else:
        sys.exit(f"PROTOCOL.md is not what the tables say; renew it: tests/lint/protocol.py {tool} --update")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[2:] not in ([], ["--update"]):
        sys.exit(__doc__)
    main(sys.argv[1], bool(sys.argv[2:]))
