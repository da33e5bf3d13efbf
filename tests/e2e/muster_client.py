#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Muster client written from proto/PROTOCOL.md alone; it shares no code with Muster. A module for the
end-to-end tests, and a small command:

    muster_client.py join INVITATION HOME.json
    muster_client.py submit HOME.json DUTY PERIOD [BODY-AS-JSON]
    muster_client.py listen HOME.json [--count N] [--seconds S] [TOPIC-PREFIX…]
    muster_client.py request HOME.json VERB [NAME=VALUE…]

A home is one JSON file (mode 0600): endpoints, keys, and the outbox with its unacknowledged reports.
It never sends what it has not written there first. Without a file the state lives in memory."""
import hashlib
import json
import os
import pathlib
import re
import secrets
import sys
import time

import msgpack
import nacl.exceptions
import nacl.signing
import zmq
from zmq.utils import z85

VERSION = 1
ALG = "ed25519+blake2b"
SILENCE_S = 10.0


class MusterError(Exception):
    """An `error` from the broker, or a reply whose code is not ok."""
    def __init__(self, message):
        self.code = message["code"]
        self.subject = message.get("subject", "")
        super().__init__(f"{self.code}: {self.subject}" if self.subject else self.code)


class BrokenPromise(Exception):
    """The broker said something that its keys or the chain do not bear out."""


def H(*parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


def u64(number):
    return number.to_bytes(8, "big")


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def unpack(data):
    return msgpack.unpackb(data, raw=False, strict_map_key=True)


def now_ms():
    return time.time_ns() // 1_000_000


def genesis(outbox, programme, unit):
    return H(b"muster.outbox.1", outbox, programme.encode(), b"\0", unit.encode(), b"\0")


def link(prev, seq, report):
    return H(b"muster.report.1", prev, u64(seq), report)


def receipt_text(programme, receipt):
    return b"".join((b"muster.receipt.1", programme.encode(), b"\0", receipt["outbox"], u64(receipt["first"]),
                     u64(receipt["last"]), u64(receipt["row"]), receipt["head"], u64(receipt["at"]),
                     u64(receipt["epoch"]), H(pack(receipt["refused"]))))


def head_text(programme, epoch, row, head, held=b""):
    return b"".join((b"muster.head.1", programme.encode(), b"\0", u64(epoch), u64(row), head, H(held)))


PLACE = {"prev": 0, "ledger_row": 0, "ledger_head": bytes(32)}
FOR_PEOPLE = ("bearer_en", "bearer_zh", "duty_en", "duty_zh", "ledger_epoch", "ledger_sig")


def alert_row(alert):
    """An alert's bytes as the ledger holds them."""
    return pack({name: PLACE.get(name, value) for name, value in alert.items() if name not in FOR_PEOPLE})


def verify_alert(key, alert):
    """Raises BadSignatureError when the broker's ledger is not said to hold it."""
    key.verify(head_text(alert["programme"], alert["ledger_epoch"], alert["ledger_row"], alert["ledger_head"],
                         alert_row(alert)), alert["ledger_sig"])


def verify_proof(proof, key):
    """Why an exported proof is not valid; None when it is. key: hex of the signer's key, or its fingerprint."""
    if proof.get("muster-proof") != 1 or proof["alg"] != ALG:
        return "another format"
    signer = bytes.fromhex(proof["sign_key"])
    if key != signer.hex() and not (len(key) >= 16 and H(signer).hex().startswith(key)):
        return "another key"
    head, sig = bytes.fromhex(proof["head"]), bytes.fromhex(proof["sig"])
    programme, kind = proof["programme"], proof["kind"]
    if kind in ("report", "receipt"):
        outbox, first, chain = bytes.fromhex(proof["outbox"]), proof["sequence"], bytes.fromhex(proof["prev"])
        if first == 1 and chain != genesis(outbox, programme, proof["unit"]):
            return "chain"
        for seq, report in enumerate(proof["reports"], first):
            chain = link(chain, seq, bytes.fromhex(report))
        if chain != head:
            return "chain"
        last = first + len(proof["reports"]) - 1
        text = b"muster.run.1" + outbox + u64(last) + head
        if kind == "receipt":
            refused = [unpack(bytes.fromhex(item)) for item in proof.get("refused", [])]
            text = receipt_text(programme, {**proof, "outbox": outbox, "last": last, "head": head, "refused": refused})
    elif kind in ("alert", "head"):
        text = head_text(programme, proof["epoch"], proof["row"], head, bytes.fromhex(proof.get("bytes", "")))
    else:
        return "another kind"
    try:
        nacl.signing.VerifyKey(signer).verify(text, sig)
    except nacl.exceptions.BadSignatureError:
        return "signature"
    return None


# ---- homes ----

class Home:
    """Endpoints, keys and outbox of one principal. Bytes are kept as hex."""
    def __init__(self, state, path=None):
        self.state, self.path = state, path and pathlib.Path(path)
        self.state.setdefault("outbox", secrets.token_hex(16))
        self.state.setdefault("waiting", [])   # reports without a receipt: [seq, hex]
        self.state.setdefault("receipts", {})  # seq: {"row", "code"}
        self.state.setdefault("cursor", 0)     # last alert dealt with
        self.state.setdefault("seen", {"last": 0, "head": None})  # of the chain, at its end

    @classmethod
    def load(cls, path):
        return cls(json.loads(pathlib.Path(path).read_text(encoding="utf-8")), path)

    def save(self):
        if not self.path:
            return
        fresh = self.path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(self.state, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self.path)

    def __getitem__(self, key):
        return self.state[key]

    def bytes(self, key):
        return bytes.fromhex(self.state[key])

    @property
    def unit(self):
        kind, _, name = self["principal"].partition(":")
        return name if kind == "unit" else None

    @property
    def broker_sign_key(self):
        return nacl.signing.VerifyKey(self.bytes("broker_sign_key"))


def read_invitation(text):
    """The invitation's flat YAML map: KEY: VALUE lines, values plain or quoted."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r"""([a-z_-]+):\s+(?:"([^"]*)"|'((?:[^']|'')*)'|(.*?))\s*""", line)
        if match:
            key, double, single, bare = match.groups()
            found[key] = double if double is not None else single.replace("''", "'") if single is not None else bare
    if found.get("muster-invitation") != "1":
        raise ValueError("not an invitation of version 1")
    return found


def new_keys():
    public, secret = zmq.curve_keypair()
    return {"curve_public": public.decode(), "curve_secret": secret.decode(), "sign_seed": secrets.token_hex(32)}


def join(invitation, path=None, keys=None, timeout_s=SILENCE_S):
    """Enrol with an invitation's text and give the Home. keys: of an earlier attempt, to ask again."""
    told = read_invitation(invitation)
    keys = keys or new_keys()
    home = Home({**{name: told[name] for name in ("programme", "principal", "members", "enrol", "feed", "broker_key",
                                                  "broker_sign_key")}, **keys}, path)
    home.save()
    answer = enrol(home, bytes.fromhex(told["token"]), timeout_s)
    if answer["sign_key"] != home.bytes("broker_sign_key"):
        raise BrokenPromise("another broker answered: its signing key is not the invitation's")
    if (answer["programme"], answer["principal"]) != (home["programme"], home["principal"]):
        raise BrokenPromise(f"enrolled as {answer['principal']}, invited as {home['principal']}")
    home.state["roles"] = answer["roles"]
    home.save()
    return home


def enrol(home, token, timeout_s=SILENCE_S):
    with Wire(home["enrol"], home) as wire:
        wire.send(type="enrol", version=VERSION, token=token, channel_key=z85.decode(home["curve_public"]),
                  sign_key=bytes(nacl.signing.SigningKey(home.bytes("sign_seed")).verify_key))
        return wire.wait("enrolled", timeout_s)


# ---- the wire ----

class Wire:
    """One DEALER; plain to an ipc endpoint (home None), CURVE otherwise."""
    def __init__(self, endpoint, home=None):
        self.sock = zmq.Context.instance().socket(zmq.DEALER)
        self.sock.linger = 0
        self.sock.heartbeat_ivl, self.sock.heartbeat_ttl = 30_000, 60_000
        self.sock.reconnect_ivl, self.sock.reconnect_ivl_max = 500, 60_000
        if home:
            self.sock.curve_serverkey = home["broker_key"].encode()
            self.sock.curve_publickey = home["curve_public"].encode()
            self.sock.curve_secretkey = home["curve_secret"].encode()
        self.sock.connect(endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, **fields):
        self.send_bytes(pack(fields))

    def send_bytes(self, frame):
        """Any bytes, for tests that misbehave."""
        self.sock.send(frame, zmq.DONTWAIT)

    def receive(self, timeout_s):
        """The next message, or None. An `error` is raised."""
        if not self.sock.poll(max(0, int(timeout_s * 1000))):
            return None
        message = unpack(self.sock.recv())
        if message["type"] == "error":
            raise MusterError(message)
        return message

    def wait(self, wanted, timeout_s=SILENCE_S):
        end = time.monotonic() + timeout_s
        while (left := end - time.monotonic()) > 0:
            message = self.receive(left)
            if message and message["type"] == wanted:
                return message
        raise TimeoutError(f"no {wanted} within {timeout_s:g} s")


# ---- a session ----

class Client:
    """A session: hello at once, then push, subscribe, request. Messages that come in between are dealt
    with as they come: receipts go into the home, alerts into `inbox`, `time` into `now`."""
    def __init__(self, home=None, endpoint=None, kind="agent", name="main", programme=None, timeout_s=SILENCE_S):
        self.home, self.kind, self.name, self.timeout_s = home, kind, name, timeout_s
        self.sent = 0  # last number pushed on this connection
        self.programme = programme or (home["programme"] if home else "*")
        self.endpoint = endpoint or home["members"]
        self.inbox, self.replies, self.welcome, self.now, self.next_id = [], [], None, 0, 1
        self.wire = None
        self.connect()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.wire:
            try:
                self.wire.send(type="bye")
            except zmq.Again:
                pass
            self.wire.close()
            self.wire = None

    @property
    def pushes(self):
        return bool(self.home and self.home.unit and self.kind == "agent")

    def connect(self):
        """A new connection and hello; what waits without a receipt is pushed again."""
        if self.wire:
            self.wire.close()
        self.wire = Wire(self.endpoint, self.home)
        self.hello()

    def hello(self):
        fields = {"outbox": self.home.bytes("outbox")} if self.pushes else {}
        self.wire.send(type="hello", version=VERSION, programme=self.programme, kind=self.kind, name=self.name,
                       **fields, software="muster_client.py")
        self.welcome = self.wire.wait("welcome", self.timeout_s)
        self.programme, self.now = self.welcome["programme"], self.welcome["now"]
        if self.home and self.welcome["sign_key"] != self.home.bytes("broker_sign_key"):
            raise BrokenPromise("the broker's signing key is not the pinned one")
        if self.pushes:
            self.resume(self.welcome["last"], self.welcome["head"])
        return self.welcome

    def rotate(self, keys=None, **changed):
        """Register fresh keys; gives a Home that has them. `changed` replaces fields, for tests that misbehave."""
        keys = keys or new_keys()
        old, new = (nacl.signing.SigningKey(bytes.fromhex(state["sign_seed"])) for state in (self.home, keys))
        channel, sign = z85.decode(keys["curve_public"]), bytes(new.verify_key)
        text = b"".join((b"muster.rotate.1", self.programme.encode(), b"\0", self.home["principal"].encode(), b"\0",
                         z85.decode(self.home["curve_public"]), channel, sign))
        self.wire.send(**{"type": "rotate", "channel_key": channel, "sign_key": sign, "alg": ALG,
                          "sig": old.sign(text).signature, "new_sig": new.sign(text).signature, **changed})
        self.wire.wait("enrolled", self.timeout_s)
        return Home({**self.home.state, **keys}, self.home.path)

    # -- reports --

    def resume(self, last, head):
        """Go on where the broker stands: it may have what we have no receipt for."""
        seen, waiting = self.home["seen"], self.home["waiting"]
        if last == 0 and head != genesis(self.home.bytes("outbox"), self.programme, self.home.unit):
            raise BrokenPromise("the outbox begins with another hash")
        if last > seen["last"]:
            raise BrokenPromise(f"the broker knows {last} reports of this outbox, its home {seen['last']}")
        if last < (waiting[0]["seq"] - 1 if waiting else seen["last"]):
            raise BrokenPromise(f"the broker knows {last} reports only and gave receipts for more")
        if seen["head"] is None:
            seen["head"] = head.hex()
        self.sent = 0
        self.push_waiting()

    def clock(self):
        return self.now if self.welcome["rehearsal"] else now_ms()

    def queue(self, act, duty=None, period=None, obligation=None, reason=None, body=None):
        """Put a report into the outbox; gives its number. Sent with the next push_waiting()."""
        fields = {"act": act, "unit": self.home.unit, "at": self.clock(), "duty": duty, "period": period,
                  "obligation": obligation, "reason": reason, "body": body}
        return self.queue_bytes(pack({key: value for key, value in fields.items() if value is not None}))

    def queue_bytes(self, report):
        seen = self.home["seen"]
        seq, prev = seen["last"] + 1, bytes.fromhex(seen["head"])
        self.home["waiting"].append({"seq": seq, "prev": prev.hex(), "report": report.hex()})
        seen.update(last=seq, head=link(prev, seq, report).hex())
        self.home.save()
        return seq

    def push(self, first, prev, reports, **changed):
        """One run, signed. `changed` replaces fields, for tests that misbehave."""
        head = prev
        for seq, report in enumerate(reports, first):
            head = link(head, seq, report)
        outbox = self.home.bytes("outbox")
        text = b"muster.run.1" + outbox + u64(first + len(reports) - 1) + head
        sig = nacl.signing.SigningKey(self.home.bytes("sign_seed")).sign(text).signature
        self.wire.send(**{"type": "push", "outbox": outbox, "first": first, "prev": prev, "reports": reports, "alg": ALG,
                          "sig": sig, **changed})

    def push_waiting(self):
        """Push what was not pushed on this connection, within the window. What the broker has already is
        a run of its own, so that the stored receipts come back; so is what fills a message."""
        run, size = [], 1024
        for entry in self.home["waiting"][:self.welcome["window"]]:
            if entry["seq"] <= self.sent:
                continue
            report = bytes.fromhex(entry["report"])
            if run and (size + len(report) + 5 > self.welcome["message_bytes_max"]
                        or entry["seq"] == self.welcome["last"] + 1):
                self.push_run(run)
                run, size = [], 1024
            run.append((entry, report))
            size += len(report) + 5
        if run:
            self.push_run(run)

    def push_run(self, run):
        self.push(run[0][0]["seq"], bytes.fromhex(run[0][0]["prev"]), [report for _, report in run])
        self.sent = run[-1][0]["seq"]

    def submit(self, duty, period, body, wait=True, **fields):
        """Queue, push, and (wait) give the receipt of this report: {"row", "code", "at"}."""
        seq = self.queue("submit", duty=duty, period=period, body=body, **fields)
        self.push_waiting()
        return self.wait_receipt(seq) if wait else seq

    def wait_receipt(self, seq, timeout_s=None):
        self.pump(lambda: str(seq) in self.home["receipts"], timeout_s, f"receipt for {seq}")
        return self.home["receipts"][str(seq)]

    def take_receipt(self, receipt):
        try:
            self.home.broker_sign_key.verify(receipt_text(self.programme, receipt), receipt["sig"])
        except nacl.exceptions.BadSignatureError:
            raise BrokenPromise("a receipt whose signature does not verify") from None
        waiting = self.home["waiting"]
        refused = {entry["seq"]: entry for entry in receipt["refused"]}
        for entry in waiting:
            seq = entry["seq"]
            if seq == receipt["last"] and link(bytes.fromhex(entry["prev"]), seq,
                                               bytes.fromhex(entry["report"])) != receipt["head"]:
                raise BrokenPromise("a receipt for other bytes than were sent")
            if receipt["first"] <= seq <= receipt["last"]:
                self.home["receipts"][str(seq)] = {
                    "row": receipt["row"] + seq - receipt["first"], "at": receipt["at"],
                    "code": refused.get(seq, {"code": "ok"})["code"],
                    "subject": refused.get(seq, {}).get("subject", "")}
        self.home.state["waiting"] = [entry for entry in waiting if str(entry["seq"]) not in self.home["receipts"]]
        self.home.save()
        self.push_waiting()

    def take_expect(self, expect):
        waiting = self.home["waiting"]
        if not waiting or waiting[0]["seq"] > expect["next"]:
            raise BrokenPromise(f"the broker expects {expect['next']}, which has its receipt")
        self.sent = expect["next"] - 1
        self.push_waiting()

    # -- alerts --

    def subscribe(self, topics=(), credit=100, from_=None):
        fields = {"topics": list(topics)} if topics else {}
        if from_ is not None:
            fields["from"] = from_
        self.wire.send(type="subscribe", **fields, credit=credit)

    def ack(self, cursor, credit=1):
        self.wire.send(type="ack", cursor=cursor, credit=credit)

    def alerts(self, count=None, timeout_s=None):
        """Alerts as they come, each acknowledged once the caller asks for the next."""
        given = 0
        while count is None or given < count:
            self.pump(lambda: self.inbox, timeout_s, "alert")
            alert = self.inbox.pop(0)
            yield alert
            given += 1
            if self.home:
                self.home.state["cursor"] = max(self.home["cursor"], alert["number"])
                self.home.save()
            self.ack(alert["number"])

    # -- requests --

    def request(self, verb, args=None, programme=None, timeout_s=None):
        """The rows of all replies. MusterError when the code is not ok."""
        number, self.next_id = self.next_id, self.next_id + 1
        fields = {"programme": programme} if programme else {}
        self.wire.send(type="request", id=number, verb=verb, **fields,
                       args={name: str(value) for name, value in (args or {}).items()})
        rows = []
        while True:
            self.pump(lambda: any(reply["id"] == number for reply in self.replies), timeout_s, f"reply to {verb}")
            reply = next(reply for reply in self.replies if reply["id"] == number)
            self.replies.remove(reply)
            if reply["code"] != "ok":
                raise MusterError(reply)
            rows.extend(reply["rows"])
            if not reply["more"]:
                return rows

    # -- the pump --

    def pump(self, until, timeout_s=None, what="answer"):
        """Take messages until the condition holds."""
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        end = time.monotonic() + timeout_s
        while not until():
            left = end - time.monotonic()
            message = self.wire.receive(left) if left > 0 else None
            if message:
                self.take(message)
            elif left <= 0:
                raise TimeoutError(f"no {what} within {timeout_s:g} s")

    def take(self, message):
        self.now = message.get("now", self.now)
        if message["type"] == "receipt":
            self.take_receipt(message)
        elif message["type"] == "expect":
            self.take_expect(message)
        elif message["type"] == "alert":
            self.inbox.append(message)
        elif message["type"] == "reply":
            self.replies.append(message)
        elif message["type"] == "welcome":
            self.welcome = message


def feed(home, topics=("",)):
    """A SUB on the feed, of a home with the role office. Receive with feed_next()."""
    sock = zmq.Context.instance().socket(zmq.SUB)
    sock.linger = 0
    sock.curve_serverkey = home["broker_key"].encode()
    sock.curve_publickey = home["curve_public"].encode()
    sock.curve_secretkey = home["curve_secret"].encode()
    for topic in topics:
        sock.subscribe(topic)
    sock.connect(home["feed"])
    return sock


def feed_next(sock, timeout_s=SILENCE_S):
    """(topic, alert), or None when nothing came."""
    if not sock.poll(int(timeout_s * 1000)):
        return None
    topic, frame = sock.recv_multipart()
    return topic.decode(), unpack(frame)


# ---- the command ----

def printable(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: printable(item) for key, item in value.items()}
    return [printable(item) for item in value] if isinstance(value, list) else value


def show(value):
    print(json.dumps(printable(value), ensure_ascii=False), flush=True)


def run_listen(home, words):
    count, seconds, topics = None, SILENCE_S, []
    words = iter(words)
    for word in words:
        if word == "--count":
            count = int(next(words))
        elif word == "--seconds":
            seconds = float(next(words))
        else:
            topics.append(word)
    with Client(home, kind="watch", name="listen") as client:
        client.subscribe(topics)
        try:
            for alert in client.alerts(count, seconds):
                show(alert)
        except TimeoutError:
            return 0 if count is None else 3
    return 0


def main(words):
    if len(words) < 2 or words[0] not in ("join", "submit", "listen", "request"):
        print(__doc__, file=sys.stderr)
        return 2
    command, path, *rest = words
    if command == "join":
        home = join(pathlib.Path(path).read_text(encoding="utf-8"), rest[0])
        show({"principal": home["principal"], "programme": home["programme"], "roles": home["roles"]})
        return 0
    home = Home.load(path)
    if command == "listen":
        return run_listen(home, rest)
    if command == "submit":
        with Client(home) as client:
            receipt = client.submit(rest[0], rest[1], json.loads(rest[2]) if len(rest) > 2 else {})
            show(receipt)
            return 0 if receipt["code"] == "ok" else 1
    with Client(home, kind="ctl", name="ctl") as client:
        for row in client.request(rest[0], dict(word.split("=", 1) for word in rest[1:])):
            show(row)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (MusterError, BrokenPromise) as fault:
        print(f"muster_client: {fault}", file=sys.stderr)
        sys.exit(1)
    except TimeoutError as fault:
        print(f"muster_client: {fault}", file=sys.stderr)
        sys.exit(3)
