# SPDX-License-Identifier: Apache-2.0
"""What hostile clients do, one function each. An attack is bounded in count and in time, leaves nothing open
behind it, and says nothing of whether it was borne: that is the suite's to see. `world` is a harness.World with a
broker; `scale` multiplies the counts."""
import contextlib
import ctypes
import os
import random
import socket
import struct
import threading
import time

import zmq

import harness
import muster_client as mc
import zmtp

OFFICE_REQUEST = {"type": "request", "id": 1, "verb": "revoke", "args": {"who": "unit:jxj", "reason": "x"}}


def doors(world):
    return [world.broker.members, world.broker.feed, world.broker.enrol]


def drain(sock, seconds):
    """Read until the broker closes, or so long."""
    sock.settimeout(seconds)
    with contextlib.suppress(OSError):
        while sock.recv(65536):
            pass


# ---- before a handshake ----

def raw_bytes(world, scale):
    dice = random.Random(1)
    shapes = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
              b"\xff" * 8192, zmtp.greeting()[:11], zmtp.greeting(minor=9), zmtp.greeting(as_server=1) * 2,
              zmtp.greeting() + b"\x06" + b"\xff" * 8 + b"\x05HELLO", zmtp.greeting() + zmtp.frame(b"\x05HELLO", zmtp.COMMAND),
              zmtp.greeting() + zmtp.frame(b"\xffNAME", zmtp.COMMAND), zmtp.greeting() + zmtp.frame(b"\x05ERROR\xff", zmtp.COMMAND),
              zmtp.greeting() + zmtp.frame(b"", zmtp.COMMAND), b""]
    for i in range(60 * scale):
        for endpoint in doors(world):
            data = shapes[i] if i < len(shapes) else dice.randbytes(dice.randrange(1, 4000))
            with zmtp.connect(endpoint) as sock, contextlib.suppress(OSError):
                sock.sendall(data)
                if i % 8 == 0:
                    drain(sock, 0.01)


def half_open(world, scale):
    """Connections that stop somewhere in the greeting or the handshake, until the broker ends them."""
    held, stops = [], [b"", zmtp.greeting()[:5], zmtp.greeting(), None]
    key = world.home["broker_key"]
    try:
        for i in range(500 * scale):
            endpoint = doors(world)[i % 3]
            if stops[i % 4] is None:
                held.append(zmtp.Curve(endpoint, key).hello().sock)
            else:
                sock = zmtp.connect(endpoint)
                held.append(sock)
                sock.sendall(stops[i % 4])
        yield_to = time.monotonic() + harness.PATIENCE_S
        for sock in held:
            drain(sock, max(0.01, yield_to - time.monotonic()))
            sock.settimeout(0.01)
            with contextlib.suppress(ConnectionError):
                try:
                    harness.check(sock.recv(1) == b"", "the broker speaks to who says nothing")
                except TimeoutError:
                    raise harness.Failure("a connection that stopped in its handshake is kept") from None
    finally:
        for sock in held:
            sock.close()


def wrong_mechanisms(world, scale):
    for _ in range(10 * scale):
        for endpoint in doors(world):
            for mechanism in (b"NULL", b"PLAIN", b"GSSAPI", b"curve", b""):
                with zmtp.connect(endpoint) as sock, contextlib.suppress(OSError):
                    sock.sendall(zmtp.greeting(mechanism))
                    sock.sendall(zmtp.frame(b"\x05READY" + zmtp.properties(Socket_Type=b"DEALER", Identity=b""), zmtp.COMMAND))
                    sock.sendall(zmtp.frame(mc.pack(OFFICE_REQUEST)))


# ---- keys ----

def unknown_keys(world, scale):
    """Fresh keys at the doors of those who are known, with messages after the handshake."""
    for _ in range(4 * scale):
        for endpoint in doors(world)[:2]:
            with contextlib.suppress(OSError), contextlib.closing(zmtp.Curve(endpoint, world.home["broker_key"])) as peer:
                peer.sock.settimeout(harness.PATIENCE_S)
                peer.open()
                raise harness.Failure("an unknown key was let in")


def revoked_key(world, scale):
    """A key that was good: on the connection that it has, and on new ones."""
    client = world.client("rsj")
    world.must("musterctl", "revoke", "unit:rsj", "--reason", "laptop stolen")
    for _ in range(10 * scale):
        with contextlib.suppress(mc.MusterError):
            client.request("brief")
            raise harness.Failure("a revoked key was answered")
        with contextlib.suppress(OSError):
            peer = zmtp.Curve(world.broker.members, client.home["broker_key"], client.home["curve_public"],
                              client.home["curve_secret"])
            with contextlib.closing(peer):
                peer.open()
                raise harness.Failure("a revoked key was let in")


# ---- routing ids ----

def guesses(count):
    """Ids that libzmq would give to the next peers had nobody seeded rand(): of the first so many draws, and of
    seeds that a careless program takes."""
    libc = ctypes.CDLL(None)
    found = []
    for seed in (1, 0, int(time.time())):
        libc.srand(seed)
        draws = [libc.rand() for _ in range(12)]
        for low, high in zip(draws, draws[1:]):
            start = (low | high << 31) & 0xFFFFFFFF
            found.extend((start + step) & 0xFFFFFFFF for step in range(count))
    return [b"\0" + struct.pack(">I", number) for number in found]


def chosen_routing_ids(world, scale):
    """Peers that claim the ids which others are to be given; libzmq ends the process when one is given twice."""
    held = []
    try:
        for identity in guesses(3 * scale):
            held.append(zmtp.null(world.broker.admin, identity))
        for identity in guesses(scale):
            with contextlib.suppress(OSError):
                held.append(zmtp.Curve(world.broker.enrol, world.home["broker_key"]).open(identity).sock)
        for identity in (b"A", b"x" * 255):  # these are heard, and refused
            peer = zmtp.Curve(world.broker.enrol, world.home["broker_key"]).open(identity)
            held.append(peer.sock)
            peer.send(mc.pack(OFFICE_REQUEST))
        for _ in range(3 if world.broker.running() else 0):  # who comes now is given the next ones
            world.run("musterctl", "--timeout", 2, "status")
            with contextlib.suppress(TimeoutError):
                mc.Client(world.home, kind="ctl", name="after", timeout_s=2).close()
    finally:
        for sock in held:
            sock.close()


# ---- messages ----

def member(world, who="czj"):
    """A raw connection of an enrolled key: an insider."""
    home = world.insiders.setdefault(who, None) or world.join(who)
    world.insiders[who] = home
    return zmtp.Curve(home["members"], home["broker_key"], home["curve_public"], home["curve_secret"]).open()


def huge_messages(world, scale):
    for _ in range(5 * scale):
        for size in (65537, 1 << 20):
            with contextlib.suppress(OSError), contextlib.closing(member(world)) as peer:
                peer.send(bytes(size))
                drain(peer.sock, 0.05)
        with contextlib.suppress(OSError), contextlib.closing(member(world)) as peer:
            peer.sock.sendall(struct.pack(">BQ", zmtp.LONG, 1 << 62) + bytes(1000))
            drain(peer.sock, 0.05)


def many_parts(world, scale):
    """Messages of a thousand parts."""
    for _ in range(3 * scale):
        with contextlib.suppress(OSError), contextlib.closing(member(world)) as peer:
            peer.sock.sendall(b"".join(peer.message(b"part", more=True) for _ in range(999)))
            peer.send(b"end")


def office_listener(world):
    """A raw connection to the feed, with an office key."""
    home = world.insiders.setdefault("office:ear", None) or world.join("office:ear")
    world.insiders["office:ear"] = home
    return zmtp.Curve(home["feed"], home["broker_key"], home["curve_public"], home["curve_secret"]).open(socket_type=b"SUB")


def message_without_end(world, scale):
    """Parts and parts, and never the last: no high-water mark counts them. At every door."""
    def pour(sock, part, count):
        with sock:
            sock.settimeout(1.5)
            try:
                for _ in range(count // 64):
                    sock.sendall(b"".join(part() for _ in range(64)))
            except OSError:
                return
        raise harness.Failure(f"{count} parts of {len(part())} bytes were taken")

    def pour_curve(peer, body, count):
        pour(peer.sock, lambda: peer.message(body, more=True), count)
    pour_curve(zmtp.Curve(world.broker.enrol, world.home["broker_key"]).open(), bytes(900), 200000 * scale)
    pour_curve(member(world), bytes(60000), 5000 * scale)
    pour_curve(office_listener(world), b"\x01" + bytes(900), 200000 * scale)
    pour(zmtp.null(world.broker.admin), lambda: zmtp.frame(b"", zmtp.MORE), 2000000 * scale)


def messages_without_end_of_many(world, scale):
    """Many connections, none of which holds more than it may by itself."""
    crowd = [member(world) for _ in range(60 * scale)]
    try:
        for peer in crowd:
            peer.sock.settimeout(10)
        for _ in range(50):  # 3 MB each
            for peer in list(crowd):
                try:
                    peer.sock.sendall(peer.message(bytes(60000), more=True))
                except OSError:
                    peer.close()
                    crowd.remove(peer)
        harness.check(len(crowd) < 60 * scale, "all of a crowd was let fill the memory")
    finally:
        for peer in crowd:
            peer.close()


def bombs():
    """msgpack that claims what it does not hold, nests, repeats, or is not what the table wants."""
    deep = b"\x91" * 60000
    return [b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", deep,
            b"\x81\xa4type" * 5000, b"\x82\xa4type\xa5hello\xa4type\xa5hello", b"\xde\xff\xff" + b"\xa1a\xc0" * 10000,
            mc.pack({"type": "request", "id": 2**63 - 1, "verb": "x" * 40, "args": {str(i): "y" for i in range(500)}}),
            mc.pack({"type": "push", "reports": [b""] * 5000}), b"\xc9\xff\xff\xff\xff\x01", b"\xca\x7f\xc0\0\0", b""]


def msgpack_bombs(world, scale):
    hello = mc.pack({"type": "hello", "version": 1, "programme": "jingning", "kind": "ctl", "name": "bomb"})
    for _ in range(4 * scale):
        with contextlib.suppress(OSError), contextlib.closing(member(world)) as peer:
            for bomb in bombs():
                peer.sock.sendall(peer.message(hello) + peer.message(bomb))
            drain(peer.sock, 0.05)
        with contextlib.closing(zmtp.null(world.broker.admin)) as sock, contextlib.suppress(OSError):
            for bomb in bombs():
                sock.sendall(zmtp.frame(bomb))
            drain(sock, 0.05)


# ---- floods ----

def flood(world, scale):
    """One key sends far more than its rate, by four connections."""
    request = mc.pack({"type": "request", "id": 1, "verb": "status", "args": {}})
    hello = mc.pack({"type": "hello", "version": 1, "programme": "jingning", "kind": "ctl", "name": "flood"})

    def pour(peer):
        with contextlib.suppress(OSError), contextlib.closing(peer):
            peer.sock.settimeout(5)
            for _ in range(40 * scale):
                peer.sock.sendall(b"".join(peer.message(hello) + peer.message(request) for _ in range(50)))
    threads = [threading.Thread(target=pour, args=(member(world),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def enrolment_flood(world, scale):
    """Guessed tokens, more than the door takes in a second."""
    for _ in range(4 * scale):
        with contextlib.suppress(OSError), contextlib.closing(zmtp.Curve(world.broker.enrol, world.home["broker_key"])) as peer:
            peer.open()
            for _ in range(40):
                peer.send(mc.pack({"type": "enrol", "version": 1, "token": os.urandom(16), "channel_key": bytes(32),
                                   "sign_key": bytes(32)}))


# ---- speaking for others ----

def replayed_run(world, scale):
    """A run that was received, sent again: from its own session, from another's, on the members door and elsewhere."""
    owner = world.client("kjj")
    seq = owner.queue("progress", duty="task-list", period="once", body={"text": "once"})
    entry = owner.home["waiting"][0]
    owner.push_waiting()
    owner.wait_receipt(seq)
    rows = world.verify_ledger()["reports"]
    thief = world.client("slj")
    for _ in range(10 * scale):
        owner.push(seq, bytes.fromhex(entry["prev"]), [bytes.fromhex(entry["report"])])
        owner.wire.wait("receipt")
        with contextlib.suppress(mc.MusterError):
            thief.hello()
            thief.push(seq, bytes.fromhex(entry["prev"]), [bytes.fromhex(entry["report"])], outbox=owner.home.bytes("outbox"))
            thief.wire.wait("receipt", 5)
            raise harness.Failure("another's run was receipted")
    # The honest one goes on meanwhile: what may not grow is the number of this outbox.
    owner.hello()
    harness.equal(owner.welcome["last"], seq, "reports of the outbox")
    harness.check(int(world.verify_ledger()["reports"]) >= int(rows), "reports")


def forged_identity(world, scale):
    mine = world.client("mzj")
    for _ in range(5 * scale):
        report = mc.pack({"act": "submit", "unit": "jxj", "at": mine.clock(), "duty": "task-list", "period": "once",
                          "body": {"text": "forged"}})
        seq = mine.queue_bytes(report)
        mine.push_waiting()
        harness.equal(mine.wait_receipt(seq)["code"], "identity", "a report in another's name")
        with contextlib.suppress(mc.MusterError):
            mine.request("revoke", {"who": "unit:jxj", "reason": "x"})
            raise harness.Failure("a unit revoked a key")


# ---- not reading ----

def slow_readers(world, scale):
    """An office that subscribes to everything, gives all the credit there is, asks, and never reads; on the
    feed, too. Alerts of two months are there."""
    world.clock_run("2023-02-01")
    office = world.join("office:sloth")
    held = []
    try:
        for i in range(5 * scale):
            for endpoint, kind in ((office["members"], b"DEALER"), (office["feed"], b"SUB")):
                peer = zmtp.Curve(endpoint, office["broker_key"], office["curve_public"], office["curve_secret"])
                peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                peer.hello().initiate(socket_type=kind).ready()
                held.append(peer)
                if kind == b"SUB":
                    peer.send(b"\x01")
                    continue
                peer.send(mc.pack({"type": "hello", "version": 1, "programme": "jingning", "kind": "watch", "name": f"sloth-{i}"}))
                peer.send(mc.pack({"type": "subscribe", "from": 0, "credit": 65535}))
                for n in range(60):
                    peer.send(mc.pack({"type": "request", "id": n + 1, "verb": "obligations", "args": {}}))
        world.must("musterctl", "--timeout", 50, "obligations", timeout_s=60)
    finally:
        for peer in held:
            peer.close()


ALL = (raw_bytes, half_open, wrong_mechanisms, unknown_keys, revoked_key, chosen_routing_ids, huge_messages, many_parts,
       message_without_end, messages_without_end_of_many, msgpack_bombs, flood, enrolment_flood, replayed_run, forged_identity, slow_readers)
