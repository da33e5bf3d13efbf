#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Make what the harnesses begin with: for each a directory of seeds and a dictionary, from the golden vectors,
the tables of the protocol, the files that the other suites read, and tests/fuzz/seeds. Seeds are named by
content, so that a second run changes nothing.

    make_corpus.py MUSTER-PROTO-DOC MUSTERCTL OUT"""
import hashlib
import json
import pathlib
import re
import subprocess
import sys

FUZZ = pathlib.Path(__file__).resolve().parent
ROOT = FUZZ.parents[1]
KEY = re.compile(rb"([A-Za-z_-]+):", re.M)


def vectors(wanted=None):
    for name in ("messages.json", "refused.json"):
        for case in json.loads((ROOT / "tests" / "vectors" / name).read_text(encoding="utf-8")):
            frame = bytes.fromhex(case["frame"])
            if wanted is None or wanted in frame:
                yield frame


def files(*patterns):
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            yield path.read_bytes()


def enrolments():
    """An enrolment as it should be; the harness knows the token and the key by these bytes."""
    channel = b"\x07" + bytes(31)
    for token, key in ((b"T" * 16, channel), (b"T" * 16, b"K" * 32), (b"X" * 16, channel)):
        yield (b"\x85\xa4type\xa5enrol\xa7version\x01\xa5token\xc4\x10" + token + b"\xabchannel_key\xc4\x20" + key
               + b"\xa8sign_key\xc4\x20" + b"S" * 32)


def proofs():
    for case in json.loads((ROOT / "tests" / "vectors" / "proofs.json").read_text(encoding="utf-8")):
        yield json.dumps(case["proof"]).encode()


def fields_of(seeds):
    """The keys of JSON objects, as a dictionary."""
    return "".join(f'"\\x22{key}\\x22: "\n' for key in sorted({key for seed in seeds for key in json.loads(seed)}))


def words_of(seeds):
    """The keys of YAML files, as a dictionary."""
    found = sorted({word for seed in seeds for word in KEY.findall(seed)})
    return "".join(f'"{word.decode()}: "\n' for word in found)


def main(printer, musterctl, out):
    def told(*argv):
        return subprocess.run(argv, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    frames = told(printer, "--dict")
    requests = [text.encode() for text in told(printer, "--requests").strip().split("\n\n")]
    settings = "".join(f'"{row["name"]}: "\n' for row in json.loads(told(musterctl, "settings", "--json")))
    programmes = [*files("tests/yaml/*.yaml", "config/example/programme.yaml", "tests/sim/scenarios/programmes/*.yaml")]
    reports, invitations = [*files("tests/fuzz/seeds/report/*")], [*files("tests/fuzz/seeds/invitation/*")]
    corpora = {
        "validate": ([*vectors()], frames),
        "msg": ([*vectors()], frames),
        "programme": (programmes, words_of(programmes)),
        "settings": ([*files("tests/fuzz/seeds/settings/*")], settings),
        "report": (reports, words_of(reports)),
        "invitation": (invitations, words_of(invitations)),
        "calendar": ([*files("config/*/workdays.csv", "tests/yaml/*.csv", "tests/sim/scenarios/programmes/*.csv")],
                     '"holiday"\n"workday"\n"# 2026: "\n"2026-02-29,"\n'),
        "proof": ([*proofs()], fields_of(proofs())),
        "enrol": ([*enrolments(), *vectors(b"enrol")], frames + '"TTTTTTTTTTTTTTTT"\n'),
        "admin": ([*requests, *vectors(b"request")], told(printer, "--admin-dict") + frames),
    }
    for name, (seeds, dictionary) in corpora.items():
        directory = out / name
        directory.mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            (directory / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
        (out / f"{name}.dict").write_text(dictionary, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
