#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Write the frames of the golden vectors, good and refused, into corpus directories, one file each,
named by content so that a second run changes nothing.

    make_corpus.py DIRECTORY…"""
import hashlib
import json
import pathlib
import sys

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors"


def frames():
    for name in ("messages.json", "refused.json"):
        for case in json.loads((VECTORS / name).read_text(encoding="utf-8")):
            yield bytes.fromhex(case["frame"])


def main(directories):
    for directory in map(pathlib.Path, directories):
        directory.mkdir(parents=True, exist_ok=True)
        for frame in frames():
            (directory / hashlib.sha1(frame).hexdigest()).write_bytes(frame)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
