#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Python client and the listing in PROTOCOL.md, against a double of the broker that answers over real
CURVE sockets as PROTOCOL.md says and can be told to misbehave. Proves the client before the broker is
tested with it. Each test is a claim."""
import contextlib
import io
import json
import pathlib
import re
import secrets
import tempfile
import threading
import unittest

import nacl.signing
import zmq

import muster_client as mc

TESTS = pathlib.Path(__file__).resolve().parents[1]
PROTOCOL = TESTS.parent / "proto/PROTOCOL.md"
T0 = 1_696_989_600_000
ZERO = bytes(32)


class Double(threading.Thread):
    """One programme, one unit. `drop` receipts are lost on the way; `forge` spoils their signature."""
    def __init__(self):
        super().__init__(daemon=True)
        self.public, self.secret = zmq.curve_keypair()
        self.key = nacl.signing.SigningKey(secrets.token_bytes(32))
        self.token = secrets.token_bytes(16)
        self.drop, self.forge, self.alerts, self.window = 0, False, 0, 4
        self.runs, self.reports, self.acks, self.pushes = {}, {}, [], 0
        self.other_sign_key = None
        self.members, self.enrol, self.feed = (self.bind(kind) for kind in (zmq.ROUTER, zmq.ROUTER, zmq.PUB))
        self.stopping = threading.Event()

    def bind(self, kind):
        sock = zmq.Context.instance().socket(kind)
        sock.linger, sock.curve_server, sock.curve_secretkey = 0, True, self.secret
        sock.bind("tcp://127.0.0.1:*")
        return sock

    def invitation(self):
        return (f"muster-invitation: 1\nprogramme: p\nprincipal: \"unit:u1\"\nmembers: {self.at(self.members)}\n"
                f"enrol: {self.at(self.enrol)}\nfeed: \"{self.at(self.feed)}\"\nbroker_key: '{self.public.decode()}'\n"
                f"broker_sign_key: {self.sign_key().hex()}\ntoken: \"{self.token.hex()}\"\nexpires: 2030-01-01T00:00:00Z\n")

    @staticmethod
    def at(sock):
        return sock.last_endpoint.decode()

    def sign_key(self):
        return bytes(self.key.verify_key)

    def run(self):
        poller = zmq.Poller()
        for sock in (self.members, self.enrol):
            poller.register(sock, zmq.POLLIN)
        while not self.stopping.is_set():
            for sock, _ in poller.poll(20):
                peer, frame = sock.recv_multipart()
                message = mc.unpack(frame)
                for answer in getattr(self, "on_" + message["type"])(message) or ():
                    sock.send_multipart([peer, mc.pack(answer)])
        for sock in (self.members, self.enrol, self.feed):
            sock.close()

    def on_enrol(self, m):
        self.unit_key = nacl.signing.VerifyKey(m["sign_key"])
        if m["token"] != self.token:
            return [{"type": "error", "code": "denied", "subject": "token"}]
        return [{"type": "enrolled", "programme": "p", "principal": "unit:u1", "roles": ["unit"],
                 "sign_key": self.other_sign_key or self.sign_key()}]

    def last(self, outbox):
        return len(self.reports.setdefault(outbox, []))

    def head(self, outbox, last):
        head = mc.genesis(outbox, "p", "u1")
        for seq, report in enumerate(self.reports[outbox][:last], 1):
            head = mc.link(head, seq, report)
        return head

    def on_hello(self, m):
        held = {}
        if outbox := m.get("outbox"):
            held = {"last": self.last(outbox), "head": self.head(outbox, self.last(outbox))}
        return [{"type": "welcome", "version": 1, "programme": "p", "principal": "unit:u1", "roles": ["unit"], "unit": "u1",
                 "now": T0, "rehearsal": True, "epoch": 0, "watermark": 0, **held, "window": self.window,
                 "message_bytes_max": 65536, "capabilities": [], "sign_key": self.sign_key()}]

    def on_push(self, m):
        self.pushes += 1
        outbox, last = m["outbox"], self.last(m["outbox"])
        end = m["first"] + len(m["reports"]) - 1
        if m["first"] > last + 1:
            return [{"type": "expect", "outbox": outbox, "next": last + 1, "head": self.head(outbox, last)}]
        if end > last:
            self.reports[outbox] += m["reports"][last + 1 - m["first"]:]
            head = self.head(outbox, end)
            self.unit_key.verify(b"muster.run.1" + outbox + mc.u64(end) + head, m["sig"])
            self.runs.setdefault(outbox, []).append((last + 1, end))
            wanted = [(last + 1, end)]
        else:
            wanted = [run for run in self.runs[outbox] if run[1] >= m["first"] and run[0] <= end]
        if self.drop:
            self.drop -= 1
            return []
        return [self.receipt(outbox, *run) for run in wanted]

    def receipt(self, outbox, first, last):
        refused = [{"seq": seq, "code": "locked", "subject": "s", "text": "locked: s"} for seq in range(first, last + 1)
                   if mc.unpack(self.reports[outbox][seq - 1])["duty"] == "locked"]
        receipt = {"type": "receipt", "outbox": outbox, "first": first, "last": last, "row": 100 + first,
                   "head": self.head(outbox, last), "at": T0, "refused": refused, "epoch": 0, "watermark": 0, "now": T0,
                   "alg": mc.ALG}
        sig = self.key.sign(mc.receipt_text("p", receipt)).signature
        return {**receipt, "sig": bytes(64) if self.forge else sig}

    def alert(self):
        self.alerts += 1
        topic = "p/unit:u1/reminder"
        message = {"type": "alert", "number": self.alerts, "prev": self.alerts - 1, "id": ZERO, "programme": "p",
                   "topic": topic, "kind": "reminder", "audience": "unit:u1", "role": "clerk", "rung": 0, "level": 0,
                   "occurrence": 0, "revision": 0, "instant": T0, "fired": T0, "due": T0, "missed": 0, "rehearsal": True,
                   "ledger_row": 1, "ledger_head": ZERO}
        self.feed.send_multipart([topic.encode(), mc.pack(message)])
        return message

    def on_subscribe(self, m):
        return [self.alert() for _ in range(m["credit"])]

    def on_ack(self, m):
        self.acks.append(m["cursor"])
        return [self.alert() for _ in range(m["credit"])]

    def on_request(self, m):
        answer = {"type": "reply", "id": m["id"], "now": T0}
        if m["verb"] != "units":
            return [{**answer, "code": "denied", "subject": m["verb"], "rows": [], "more": False}]
        return [{**answer, "code": "ok", "rows": [{"id": "u1"}], "more": True},
                {**answer, "code": "ok", "rows": [{"id": m["args"]["unit"]}], "more": False}]

    def on_bye(self, _):
        return []


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.double = Double()
        self.double.start()
        self.addCleanup(self.stop)
        self.home = mc.join(self.double.invitation())

    def stop(self):
        self.double.stopping.set()
        self.double.join()

    def client(self, **options):
        client = mc.Client(self.home, **options)
        self.addCleanup(client.close)
        return client

    def test_join_writes_a_private_home_that_loads_again(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "home.json"
            mc.join(self.double.invitation(), path)
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            self.assertEqual(mc.Home.load(path).unit, "u1")

    def test_a_wrong_token_is_refused(self):
        invitation = self.double.invitation().replace(self.double.token.hex(), "00" * 16)
        with self.assertRaisesRegex(mc.MusterError, "denied: token"):
            mc.join(invitation)

    def test_its_formulas_give_the_golden_vectors(self):
        vectors = json.loads((TESTS / "vectors/seal.json").read_text(encoding="utf-8"))
        for case in vectors["outboxes"]:
            head = mc.genesis(bytes.fromhex(case["outbox"]), case["programme"], case["unit"])
            self.assertEqual(head.hex(), case["genesis"])
            for seq, report in enumerate(case["reports"], 1):
                head = mc.link(head, seq, bytes.fromhex(report["bytes"]))
                self.assertEqual(head.hex(), report["hash"])
        for case in vectors["receipts"]:
            fields = {name: bytes.fromhex(value["hex"]) if isinstance(value, dict) else value
                      for name, value in case["fields"].items()}
            nacl.signing.VerifyKey(bytes.fromhex(case["public"])).verify(
                mc.receipt_text(case["programme"], fields), bytes.fromhex(case["sig"]))

    def test_another_broker_is_noticed_when_joining(self):
        self.double.other_sign_key = ZERO
        with self.assertRaises(mc.BrokenPromise):
            mc.join(self.double.invitation())

    def test_a_report_gets_its_receipt_number_and_a_refused_one_its_code(self):
        client = self.client()
        self.assertEqual(client.submit("d", "2023Q3", {"text": "县"}), {"row": 101, "at": T0, "code": "ok", "subject": ""})
        self.assertEqual(client.submit("locked", "2023Q3", {})["code"], "locked")
        self.assertEqual(client.submit("d", "2023Q4", {})["row"], 103)
        self.assertEqual(self.home["waiting"], [])

    def test_more_than_the_window_goes_out_in_runs(self):
        client = self.client()
        for number in range(10):
            client.queue("submit", duty="d", period=str(number), body={})
        client.push_waiting()
        client.wait_receipt(10)
        self.assertEqual(len(self.home["receipts"]), 10)
        self.assertEqual(self.double.pushes, 3)

    def test_a_lost_receipt_comes_again_and_nothing_is_stored_twice(self):
        self.double.drop = 1
        client = self.client(timeout_s=0.3)
        with self.assertRaises(TimeoutError):
            client.submit("d", "2023Q3", {})
        client.queue("submit", duty="d", period="2023Q4", body={})
        client.timeout_s = mc.SILENCE_S
        client.connect()
        self.assertEqual(client.wait_receipt(1)["row"], 101)
        self.assertEqual(client.wait_receipt(2)["row"], 102)
        self.assertEqual(len(self.double.reports[self.home.bytes("outbox")]), 2)

    def test_a_gap_is_answered_with_the_number_to_go_on_at(self):
        client = self.client()
        seq = client.queue("submit", duty="d", period="2023Q3", body={})
        client.push(7, ZERO, [b"\x80"])
        self.assertEqual(client.wait_receipt(seq)["row"], 101)

    def test_a_forged_receipt_is_noticed(self):
        self.double.forge = True
        with self.assertRaisesRegex(mc.BrokenPromise, "signature"):
            self.client().submit("d", "2023Q3", {})

    def test_a_broker_that_lost_reports_is_noticed(self):
        client = self.client()
        client.submit("d", "2023Q3", {})
        self.double.reports.clear()
        with self.assertRaisesRegex(mc.BrokenPromise, "gave receipts for more"):
            client.connect()

    def test_alerts_come_by_credit_and_each_is_acknowledged(self):
        client = self.client(kind="watch")
        client.subscribe(credit=2)
        self.assertEqual([alert["number"] for alert in client.alerts(5)], [1, 2, 3, 4, 5])
        client.request("units", {"unit": "u2"})
        self.assertEqual(self.double.acks, [1, 2, 3, 4, 5])

    def test_rows_of_all_replies_are_gathered_and_refusals_are_raised(self):
        client = self.client(kind="ctl")
        self.assertEqual(client.request("units", {"unit": "u2"}), [{"id": "u1"}, {"id": "u2"}])
        with self.assertRaisesRegex(mc.MusterError, "denied: review"):
            client.request("review")

    def test_the_feed_brings_topic_and_alert(self):
        with contextlib.closing(mc.feed(self.home, ["p/unit:u1/"])) as feed:
            client = self.client(kind="watch")
            client.subscribe(credit=1)
            while not (got := mc.feed_next(feed, 0.05)):  # a SUB hears nothing from before it joined
                client.ack(0)
        self.assertEqual((got[0], got[1]["topic"]), ("p/unit:u1/reminder", "p/unit:u1/reminder"))

    def test_the_command_submits_asks_and_listens(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "home.json"
            invitation = pathlib.Path(directory) / "u1.invite"
            invitation.write_text(self.double.invitation(), encoding="utf-8")
            for words, said in ((["join", invitation, path], '"unit:u1"'),
                                (["submit", path, "d", "2023Q3", '{"text": "县"}'], '"row": 101'),
                                (["request", path, "units", "unit=u2"], '{"id": "u2"}'),
                                (["listen", path, "--count", "3", "p/unit:u1/"], '"number": 3')):
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    self.assertEqual(mc.main([str(word) for word in words]), 0)
                self.assertIn(said, out.getvalue())

    def test_the_listing_in_the_protocol_document_works(self):
        listing = re.search(r"```python\n(.*?)```", PROTOCOL.read_text(encoding="utf-8"), re.S).group(1)
        names = {}
        exec(compile(listing, "PROTOCOL.md", "exec"), names)
        receipt, alert = names["submit"](
            self.home["members"], self.home["broker_key"].encode(), self.home["curve_public"].encode(),
            self.home["curve_secret"].encode(), self.home.bytes("sign_seed"), "p", "u1", self.home.bytes("outbox"),
            "d", "2023Q3", {"text": "县"})
        self.assertEqual((receipt["row"], receipt["refused"], alert["number"]), (101, [], 1))


if __name__ == "__main__":
    unittest.main()
