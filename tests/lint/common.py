# SPDX-License-Identifier: Apache-2.0
"""What the lints share: the list of files, and the frame in which every lint first proves on samples
that it can complain, then checks the tree. A lint reads; it never changes a file."""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77  # CTest's SKIP_RETURN_CODE


def files(root, *suffixes):
    """Files of the project by suffix, relative and sorted: what git tracks or would track; without git
    (a source archive) everything outside build/."""
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False)
    if root == ROOT and listing.returncode == 0:
        names = [pathlib.Path(name) for name in listing.stdout.decode().split("\0") if name]
    else:
        names = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
        names = [name for name in names if name.parts[0] != "build"]
    return sorted(name for name in set(names)
                  if name.name.endswith(suffixes) and (root / name).is_file())


def tree_of(samples):
    """A temporary tree with the given {path: text}."""
    holder = tempfile.TemporaryDirectory(prefix="muster-lint-")
    for name, text in samples.items():
        path = pathlib.Path(holder.name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return holder


def skip(reason):
    print(reason)
    sys.exit(SKIPPED)


def run(name, check, controls):
    """check(root) gives (faults, things looked at). controls: a list of (samples, word): the check
    must complain of the sample tree with a fault that holds the word, and of nothing when word is None."""
    for samples, word in controls:
        with tree_of(samples) as directory:
            faults, _ = check(pathlib.Path(directory))
        caught = not faults if word is None else any(word in fault for fault in faults)
        if not caught:
            print(f"{name}: its own control failed: expected {word!r} of {sorted(samples)}, got {faults}")
            sys.exit(1)
    faults, count = check(ROOT)
    for fault in faults:
        print(fault)
    print(f"{name}: {count} looked at, {len(faults)} faults; {len(controls)} controls held")
    sys.exit(1 if faults else 0)
