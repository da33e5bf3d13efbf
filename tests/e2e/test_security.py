#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the office is told of beside its duties: numbers in conflict, the use of a revoked key, keys that expire, a
ledger that a witness contradicts. Once, and again when it still goes on after the kind's period; signed like every
alert, explained in both languages, told the same by a replay, and not told again by a restart."""
import contextlib
import re

import harness
import muster_client as mc
from harness import World, check, equal, wait_for
from test_access import refused_with

WORDS = {"sequence-conflict": ("other bytes under a number", "不同内容"), "revoked-key": ("was used", "被使用"),
         "key-expires": ("key_warning", "key_warning"), "head-contradicted": ("another head of the ledger", "另一链头")}


@contextlib.contextmanager
def office(**settings):
    with World("security", rehearse="2022-12-05", settings={"log_rate": 10000, **settings}) as world:
        world.broker.start()
        yield world
        equal(world.verify_ledger()["chain"], "ok", "ledger")
        world.must("musterctl", "replay")


def alerts(world, kind):
    return world.ctl("alerts", "--kind", kind)


def check_told(world, kind, count, who):
    """So many alerts of this kind; the last is about `who`, explained, and proved without the broker."""
    found = wait_for(lambda: len(rows := alerts(world, kind)) >= count and rows, f"an alert {kind}")
    equal((len(found), found[-1]["audience"], found[-1]["reason"].split(",")[0]), (count, "office", who), kind)
    number = found[-1]["number"]
    for language, words in zip(("en", "zh_CN"), WORDS[kind]):
        text = world.must("musterctl", "explain", number, language=language)
        check(words in text and who in text, f"explained in {language}: {text}")
    path = world.dir / f"alert-{number}.json"
    path.unlink(missing_ok=True)
    world.must("musterctl", "export", "alert", number, "--out", path)
    world.must("musterctl", "verify", path, "--key", world.ctl("status")["sign_key"])


def conflict(world, client, seq, prev, text):
    report = mc.pack({"act": "progress", "unit": "jxj", "at": client.clock(), "duty": "task-list", "period": "once",
                      "body": {"text": text}})
    client.hello()
    client.push(seq, prev, [report])
    refused_with("conflict", client.wire.wait, "receipt")


def test_conflict_is_told_once_a_day():
    with office() as world:
        client = world.client("jxj")
        listener = world.client("office:ear", kind="watch", name="ear")
        listener.subscribe(["jingning/office/sequence-conflict"], from_=0)
        seq = client.queue("progress", duty="task-list", period="once", body={"text": "once"})
        entry = client.home["waiting"][0]
        prev = bytes.fromhex(entry["prev"])
        client.push_waiting()
        client.wait_receipt(seq)
        equal((alerts(world, "sequence-conflict"), world.ctl("status")["refused_conflicts"]), ([], "0"), "before")
        for number in range(4):
            conflict(world, client, seq, prev, f"other {number}")
        check_told(world, "sequence-conflict", 1, "unit:jxj")
        equal(world.ctl("status")["refused_conflicts"], "4", "conflicts")
        shown = world.must("musterctl", "status", language="zh_CN")
        check("序号冲突" in shown and not re.search(r"^[a-z_]+ ", shown, re.M), f"each figure has a name: {shown}")
        heard = listener.wire.wait("alert")
        equal((heard["kind"], heard["level"], heard["bearer"]), ("sequence-conflict", 3, "jxj"), "what the office hears")
        world.broker.kill()
        world.broker.start()
        conflict(world, client, seq, prev, "after a restart")
        equal(len(alerts(world, "sequence-conflict")), 1, "alerts after a restart")
        world.clock_run("2022-12-05T23:00")
        conflict(world, client, seq, prev, "the same day")
        equal(len(alerts(world, "sequence-conflict")), 1, "alerts of a day")
        world.clock_run("2022-12-06T01:00")
        conflict(world, client, seq, prev, "the next day")
        check_told(world, "sequence-conflict", 2, "unit:jxj")


def test_use_of_a_revoked_key_is_told_once_a_day():
    with office() as world:
        client = world.client("jxj")
        other = world.client("rsj")
        world.must("musterctl", "revoke", "unit:jxj", "--reason", "laptop stolen")
        equal(alerts(world, "revoked-key"), [], "before it is used")
        for _ in range(3):
            refused_with("revoked", client.request, "brief")
        check_told(world, "revoked-key", 1, "unit:jxj")
        world.clock_run("2022-12-07")
        # At the handshake alone: a stranger to every message.
        client.wire.close()
        client.wire = mc.Wire(client.endpoint, client.home)
        client.wire.send(type="bye")
        check_told(world, "revoked-key", 2, "unit:jxj")
        other.request("brief")
        rows = [row for row in world.ctl("ledger", "list", "--limit", 100000) if row["kind"] == "security"]
        equal(len(rows), 2, "security rows: whoever knocks all day fills no ledger")


def test_key_that_expires_is_told_to_the_office():
    with office(key_life=100000, key_warning=100) as world:
        world.join("jxj")
        world.broker.kill()
        world.broker.start()
        equal(alerts(world, "key-expires"), [], "long before")
    with office(key_life=100000, key_warning=200000) as world:
        world.join("jxj")
        for _ in range(2):
            world.broker.kill()
            world.broker.start()
            check_told(world, "key-expires", 1, "unit:jxj")


def test_contradiction_is_told_to_the_office():
    with office() as world:
        witness = world.client("office:watch", kind="watch", name="far")
        head = world.ctl("ledger", "head")
        for _ in range(3):
            witness.request("contradict", {"row": head["row"], "head": "0" * 64})
        check_told(world, "head-contradicted", 1, "office:watch")
        check(head["row"] in world.must("musterctl", "explain", alerts(world, "head-contradicted")[0]["number"]), "the row")
        for args in ({"row": "x", "head": "0" * 64}, {"row": "1", "head": "0"}, {"row": "1"}, {"head": "0" * 64}):
            refused_with("usage", witness.request, "contradict", args)


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_") and callable(test)])
