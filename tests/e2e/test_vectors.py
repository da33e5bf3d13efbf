#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The golden byte vectors of tests/vectors, computed again from what PROTOCOL.md says with libraries
that share nothing with Muster: msgpack, hashlib and PyNaCl. The C tests check the same files.

    test_vectors.py [--update]     --update writes the computed values into the files

A value {"hex": …} is bytes. Inputs are written by hand, outputs ("frame", "hash", "sig", …) computed."""
import copy
import hashlib
import json
import pathlib
import struct
import sys

import msgpack
import nacl.signing

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors"


def plain(value):
    """JSON to Python, with {"hex": …} as bytes."""
    if isinstance(value, dict):
        if set(value) == {"hex"}:
            return bytes.fromhex(value["hex"])
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def H(*parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


def u64(number):
    return struct.pack(">Q", number)


def text00(text):
    return text.encode() + b"\0"


# ---- messages.json: {"type", "fields", "frame"}; a part has no type in its frame ----

def compute_messages(cases):
    for case in cases:
        fields = plain(case["fields"])
        head = {} if case["type"] == "report" else {"type": case["type"]}
        case["frame"] = pack({**head, **fields}).hex()


# ---- seal.json ----

def compute_outbox(case):
    outbox, seed = bytes.fromhex(case["outbox"]), bytes.fromhex(case["seed"])
    key = nacl.signing.SigningKey(seed)
    case["public"] = key.verify_key.encode().hex()
    head = H(b"muster.outbox.1", outbox, text00(case["programme"]), text00(case["unit"]))
    case["genesis"] = head.hex()
    for number, report in enumerate(case["reports"], 1):
        head = H(b"muster.report.1", head, u64(number), bytes.fromhex(report["bytes"]))
        report["hash"] = head.hex()
        report["sig"] = key.sign(b"muster.run.1" + outbox + u64(number) + head).signature.hex()


def compute_receipt(case):
    fields = plain(case["fields"])
    signed = b"".join((b"muster.receipt.1", text00(case["programme"]), fields["outbox"], u64(fields["first"]),
                       u64(fields["last"]), u64(fields["row"]), fields["head"], u64(fields["at"]),
                       u64(fields["epoch"]), H(pack(fields["refused"]))))
    key = nacl.signing.SigningKey(bytes.fromhex(case["seed"]))
    case["public"] = key.verify_key.encode().hex()
    case["sig"] = key.sign(signed).signature.hex()


def compute_ledger(case):
    head = H(b"muster.ledger.1", text00(case["programme"]))
    case["genesis"] = head.hex()
    for number, row in enumerate(case["rows"], 1):
        head = H(b"muster.row.1", head, u64(number), u64(row["at"]), bytes([row["kind"]]), bytes.fromhex(row["bytes"]))
        row["hash"] = head.hex()


def compute_alert_id(case):
    case["id"] = H(b"muster.alert.1", text00(case["obligation"]), u64(case["revision"]), u64(case["rung"]),
                   u64(case["occurrence"]), text00(case["audience"])).hex()


def signed_head(programme, epoch, row, head, held):
    return b"muster.head.1" + text00(programme) + u64(epoch) + u64(row) + head + H(held)


def compute_head(case):
    key = nacl.signing.SigningKey(bytes.fromhex(case["seed"]))
    case["public"] = key.verify_key.encode().hex()
    case["sig"] = key.sign(signed_head(case["programme"], case["epoch"], case["row"], bytes.fromhex(case["head"]),
                                       bytes.fromhex(case["bytes"]))).signature.hex()


def compute_rotation(case):
    keys = [nacl.signing.SigningKey(bytes.fromhex(case[name])) for name in ("seed", "new_seed")]
    case["new_sign"] = keys[1].verify_key.encode().hex()
    text = b"muster.rotate.1" + text00(case["programme"]) + text00(case["principal"]) + b"".join(
        bytes.fromhex(case[name]) for name in ("old_channel", "new_channel", "new_sign"))
    for name, key in zip(("sig", "new_sig"), keys):
        case[name] = key.sign(text).signature.hex()


def compute_seal(groups):
    for group, compute in (("outboxes", compute_outbox), ("receipts", compute_receipt),
                           ("ledgers", compute_ledger), ("alert_ids", compute_alert_id),
                           ("heads", compute_head), ("rotations", compute_rotation)):
        for case in groups[group]:
            compute(case)


# ---- proofs.json: {"seed", "proof"}; head of a run, sign_key and sig are computed ----

def compute_proofs(cases):
    for case in cases:
        proof, key = case["proof"], nacl.signing.SigningKey(bytes.fromhex(case["seed"]))
        proof["sign_key"] = key.verify_key.encode().hex()
        case["fingerprint"] = H(key.verify_key.encode()).hex()[:16]
        if "reports" not in proof:
            text = signed_head(proof["programme"], proof["epoch"], proof["row"], bytes.fromhex(proof["head"]),
                               bytes.fromhex(proof.get("bytes", "")))
        else:
            head, outbox = bytes.fromhex(proof["prev"]), bytes.fromhex(proof["outbox"])
            for number, report in enumerate(proof["reports"], proof["sequence"]):
                head = H(b"muster.report.1", head, u64(number), bytes.fromhex(report))
            proof["head"] = head.hex()
            text = b"muster.run.1" + outbox + u64(number) + head
            if proof["kind"] == "receipt":
                refused = msgpack.packb([msgpack.unpackb(bytes.fromhex(item)) for item in proof["refused"]])
                text = b"".join((b"muster.receipt.1", text00(proof["programme"]), outbox, u64(proof["first"]), u64(number),
                                 u64(proof["row"]), head, u64(proof["at"]), u64(proof["epoch"]), H(refused)))
        proof["sig"] = key.sign(text).signature.hex()


# ---- refused.json: {"why", "frame"}; an independent strict reader must refuse each ----

class Refused(Exception):
    pass


class Strict:
    """Reads one value as PROTOCOL.md's chapter on frames demands, or raises Refused."""
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise Refused("ends too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, width):
        return int.from_bytes(self.take(width), "big")

    def text(self, count):
        try:
            text = self.take(count).decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("not UTF-8") from None
        if "\0" in text:
            raise Refused("NUL in text")
        return text

    def items(self, count, per_item, depth):
        if depth >= 16:
            raise Refused("too deep")
        if count * per_item > len(self.data) - self.at:
            raise Refused("claims too much")
        return count

    def map(self, count, depth):
        if self.items(count, 2, depth) > 512:
            raise Refused("too many keys")
        found = {}
        for _ in range(count):
            key = self.value(depth + 1)
            if not isinstance(key, str) or key in found:
                raise Refused("key twice, or not text")
            found[key] = self.value(depth + 1)
        return found

    def value(self, depth=0):
        byte = self.number(1)
        if byte < 0x80 or byte >= 0xe0:
            return byte if byte < 0x80 else byte - 256
        if byte < 0x90:
            return self.map(byte & 15, depth)
        if byte < 0xa0:
            return [self.value(depth + 1) for _ in range(self.items(byte & 15, 1, depth))]
        if byte < 0xc0:
            return self.text(byte & 31)
        if byte in (0xc0, 0xc2, 0xc3):
            return {0xc0: None, 0xc2: False, 0xc3: True}[byte]
        if 0xc4 <= byte <= 0xc6:
            return self.take(self.number(1 << byte - 0xc4))
        if byte == 0xcb:
            double = struct.unpack(">d", self.take(8))[0]
            if double - double != 0:
                raise Refused("not finite")
            return double
        if 0xcc <= byte <= 0xcf:
            return self.number(1 << byte - 0xcc)
        if 0xd0 <= byte <= 0xd3:
            return int.from_bytes(self.take(1 << byte - 0xd0), "big", signed=True)
        if 0xd9 <= byte <= 0xdb:
            return self.text(self.number(1 << byte - 0xd9))
        if byte in (0xdc, 0xdd):
            return [self.value(depth + 1) for _ in range(self.items(self.number(2 << byte - 0xdc), 1, depth))]
        if byte in (0xde, 0xdf):
            return self.map(self.number(2 << byte - 0xde), depth)
        raise Refused("ext, float32 or c1")

    def whole(self):
        value = self.value()
        if self.at != len(self.data):
            raise Refused("bytes follow")
        return value


def check_refused(cases):
    for case in cases:
        try:
            Strict(bytes.fromhex(case["frame"])).whole()
        except Refused:
            continue
        sys.exit(f"refused.json: accepted: {case['why']}")


def main(update):
    faults = 0
    for name, compute in (("messages.json", compute_messages), ("seal.json", compute_seal),
                          ("proofs.json", compute_proofs)):
        path = VECTORS / name
        stored = json.loads(path.read_text(encoding="utf-8"))
        wanted = copy.deepcopy(stored)
        compute(wanted)
        if update:
            path.write_text(json.dumps(wanted, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        elif wanted != stored:
            print(f"{name}: the stored values are not what PROTOCOL.md's formulas give")
            faults += 1
    messages = json.loads((VECTORS / "messages.json").read_text(encoding="utf-8"))
    for case in messages:
        Strict(bytes.fromhex(case["frame"])).whole()
    refused = json.loads((VECTORS / "refused.json").read_text(encoding="utf-8"))
    check_refused(refused)
    print(f"vectors: {len(messages)} frames, {len(refused)} refused, {faults} files that differ")
    return 1 if faults else 0


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--update"]):
        sys.exit(__doc__)
    sys.exit(main(bool(sys.argv[1:])))
