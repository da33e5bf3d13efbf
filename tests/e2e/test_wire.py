#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The independent client against a real broker: what PROTOCOL.md promises about joining, pushing, receipts
and alerts. The client shares no code with Muster, and verifies every receipt with PyNaCl."""
import contextlib
import pathlib
import re

import nacl.exceptions
import nacl.signing

import harness
import muster_client as mc
from harness import World, check, equal, task_list

DUTY, PERIOD = "task-list", "once"


def rows_of(world):
    return int(world.verify_ledger()["rows"])


def error_code(client):
    """The code of the error that comes next."""
    try:
        found = client.wire.receive(mc.SILENCE_S)
    except mc.MusterError as error:
        return error.code
    raise harness.Failure(f"wanted an error, found {found}")


def progress(client, text):
    return mc.pack({"act": "progress", "unit": client.home.unit, "at": client.clock(), "duty": DUTY, "period": PERIOD,
                    "body": {"text": text}})


def test_client_joins_submits_and_receives_its_reminder():
    with World("wire", rehearse="2022-12-05") as world:
        world.broker.start()
        client = world.client("rsj")
        equal(client.welcome["principal"], "unit:rsj", "principal")
        with contextlib.closing(mc.feed(world.join("office:main"))) as feed:
            wait_for_feed(world, feed)
            client.subscribe([f"{client.programme}/unit:rsj/"])
            run = world.admin()
            run.wire.send(type="request", id=1, verb="clock", args={"what": "run", "to": "2023-03-11"})
            reminder = next(alert for alert in client.alerts() if alert["obligation"] == "member-exchange/2023Q1/rsj")
            client.ack(reminder["number"])
            run.pump(lambda: run.replies)
            equal(reminder["kind"], "reminder", "alert")
            equal(reminder["rehearsal"], True, "alert.rehearsal")
            equal(on_feed(feed, reminder["number"]), (reminder["topic"], reminder["id"]), "alert on the feed")
        receipt = client.submit("member-exchange", "2023Q1", harness.exchange("县里的路修好了"))
        equal(receipt["code"], "ok", "code")
        row = world.ctl("report", receipt["row"])
        check("县里的路修好了" in str(row), f"the stored report is not what was sent: {row}")
        equal(world.obligation("member-exchange/2023Q1/rsj")["verdict"], "on-time", "verdict")


def wait_for_feed(world, feed):
    """A SUB hears nothing from before it joined: let alerts come until it does."""
    clock = world.ctl("clock", "show")["now"]

    def heard():
        nonlocal clock
        world.must("musterctl", "clock", "step")
        return mc.feed_next(feed, 0.05)
    harness.wait_for(heard, "the feed")
    check(world.ctl("clock", "show")["now"] < "2023-03-10", f"the feed joined late, from {clock} on")


def on_feed(feed, number):
    while True:
        got = mc.feed_next(feed)
        check(got, f"no alert {number} on the feed")
        if got[1]["number"] == number:
            return got[0], got[1]["id"]


def test_listing_in_the_protocol_document_works_with_a_real_broker():
    """Thirty lines of Python, as they stand in PROTOCOL.md."""
    text = (harness.SOURCE / "proto" / "PROTOCOL.md").read_text(encoding="utf-8")
    names = {}
    exec(compile(re.search(r"```python\n(.*?)```", text, re.S).group(1), "PROTOCOL.md", "exec"), names)
    with World("wire", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2022-12-20")  # one reminder is there
        home = world.join("jxj")
        receipt, alert = names["submit"](
            home["members"], home["broker_key"].encode(), home["curve_public"].encode(), home["curve_secret"].encode(),
            home.bytes("sign_seed"), "jingning", "jxj", home.bytes("outbox"), DUTY, PERIOD, task_list("县"))
        equal((receipt["refused"], alert["kind"]), ([], "reminder"), "receipt and alert")


def test_duplicate_gets_the_stored_receipt_and_is_stored_once():
    with World("wire", rehearse="2022-12-05") as world:
        world.broker.start()
        client = world.client("jxj")
        head, reports = bytes.fromhex(client.home["seen"]["head"]), [progress(client, str(i)) for i in range(3)]
        receipts = []
        for _ in range(3):
            client.push(1, head, reports)
            receipts.append(client.wire.wait("receipt"))
        client.push(2, mc.link(head, 1, reports[0]), reports[1:2])  # a part of what is stored
        receipts.append(client.wire.wait("receipt"))
        rows = rows_of(world)
        for receipt in receipts:
            for field in ("first", "last", "row", "head", "at", "refused", "sig"):
                equal(receipt[field], receipts[0][field], f"receipt.{field} of a repeat")
        client.push(1, head, reports)
        client.wire.wait("receipt")
        equal(rows_of(world), rows, "ledger rows after repeats")
        # An overlap that goes on: only what is new is stored; the stored receipt comes with the new one.
        more = reports + [progress(client, "new")]
        client.push(1, head, more)
        receipt = client.wire.wait("receipt")
        equal((receipt["first"], receipt["last"]), (4, 4), "the receipt of an overlap")
        equal(rows_of(world), rows + 1, "ledger rows after an overlap")


def test_gap_gets_expect_and_stores_nothing():
    with World("wire", rehearse="2022-12-05") as world:
        world.broker.start()
        client = world.client("jxj")
        head, rows = bytes.fromhex(client.home["seen"]["head"]), rows_of(world)
        client.push(5, head, [progress(client, "too early")])
        expect = client.wire.wait("expect")
        equal((expect["next"], expect["head"]), (1, head), "expect")
        equal(rows_of(world), rows, "ledger rows after a gap")
        equal(client.submit(DUTY, PERIOD, task_list("in its place"))["code"], "ok", "the session goes on")


def test_forked_chain_is_refused_and_stores_nothing():
    with World("wire", rehearse="2022-12-05") as world:
        world.broker.start()
        client = world.client("jxj")
        client.submit(DUTY, PERIOD, task_list("first"))
        for code, first, prev, stored in (
                ("chain", 2, mc.H(b"another history"), 1),  # does not join
                ("conflict", 1, None, 0)):                  # the same number with another body
            rows = world.verify_ledger()
            genesis = mc.genesis(client.home.bytes("outbox"), client.programme, "jxj")
            client.push(first, prev or genesis, [progress(client, "forged")])
            equal(error_code(client), code, "answer")
            after = world.verify_ledger()
            equal(after["reports"], rows["reports"], f"reports after {code}")
            equal(int(after["security"]), int(rows["security"]) + 1, f"security events after {code}")
            client.connect()
            equal(client.welcome["last"], 1, "last")


def test_receipt_is_signed_by_the_broker():
    with World("wire", rehearse="2022-12-05") as world:
        world.broker.start()
        client = world.client("jxj")
        head, report = bytes.fromhex(client.home["seen"]["head"]), progress(client, "one")
        refused = mc.pack({"act": "submit", "unit": "jxj", "at": 0, "duty": "no-such", "period": "2023", "body": {}})
        client.push(1, head, [report, refused])
        receipt = client.wire.wait("receipt")
        equal([(r["seq"], r["code"]) for r in receipt["refused"]], [(2, "no-obligation")], "refused")
        key = nacl.signing.VerifyKey(client.home.bytes("broker_sign_key"))
        key.verify(mc.receipt_text("jingning", receipt), receipt["sig"])
        for field, forged in (("row", receipt["row"] + 1), ("at", receipt["at"] - 1), ("refused", []),
                              ("head", mc.H(b"other")), ("last", 3)):
            try:
                key.verify(mc.receipt_text("jingning", {**receipt, field: forged}), receipt["sig"])
            except nacl.exceptions.BadSignatureError:
                continue
            raise harness.Failure(f"a receipt with another {field} verifies")


def test_garbage_ends_the_session_and_nothing_else():
    with World("wire", rehearse="2022-12-05") as world:
        world.broker.start()
        client, other = world.client("jxj"), world.client("rsj")
        rows = rows_of(world)
        frames = [b"", b"\xc1", b"\x80", mc.pack({"type": "hello"}), mc.pack({"type": "welcome"}),
                  mc.pack({"type": "push", "extra": 1}), mc.pack({"type": "ack", "cursor": 99, "credit": 1}),
                  b"\xdf\xff\xff\xff\xff", mc.pack({"type": "request", "id": 1, "verb": "status", "args": 1})]
        for frame in frames:
            client.wire.send_bytes(frame)
            equal(error_code(client), "protocol", f"answer to {frame!r}")
            client.wire.send(type="request", id=9, verb="units", args={})
            equal(error_code(client), "protocol", "answer to what follows without hello")
            client.hello()
        equal(len(other.request("brief")) > 0, True, "another session goes on")
        equal(rows_of(world), rows, "ledger rows after garbage")


if __name__ == "__main__":
    harness.main(test_client_joins_submits_and_receives_its_reminder,
                 test_listing_in_the_protocol_document_works_with_a_real_broker,
                 test_duplicate_gets_the_stored_receipt_and_is_stored_once, test_gap_gets_expect_and_stores_nothing,
                 test_forked_chain_is_refused_and_stores_nothing, test_receipt_is_signed_by_the_broker,
                 test_garbage_ends_the_session_and_nothing_else)
