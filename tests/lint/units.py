#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd units keep their sandbox: `systemd-analyze security --offline` must rate each at most
EXPOSURE_MAX (0 is best, 10 is no sandbox at all)."""
import re
import shutil
import subprocess
import sys

import common

EXPOSURE_MAX = 1.5


def exposure(path):
    outcome = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", str(path)],
                             capture_output=True, text=True, check=False)
    match = re.search(r"Overall exposure level for .*: ([0-9.]+)", outcome.stdout)
    return float(match.group(1)) if match else None


def check(root):
    names = common.files(root, ".service")
    faults = []
    for name in names:
        rating = exposure(root / name)
        if rating is None:
            faults.append(f"{name}: systemd-analyze cannot rate it")
        elif rating > EXPOSURE_MAX:
            faults.append(f"{name}: exposure {rating}; {EXPOSURE_MAX} is the limit")
    return faults, len(names)


CONTROLS = [
    ({"bare.service": "[Service]\nExecStart=/bin/true\n"}, "is the limit"),
]

if __name__ == "__main__":
    if not shutil.which("systemd-analyze"):
        common.skip("systemd-analyze is not installed (Debian: apt-get install systemd)")
    sys.exit(common.run("units", check, CONTROLS))
