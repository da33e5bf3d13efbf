#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the broker would refuse is not queued: the desk's word beforehand is the broker's word afterwards, with its
code and its subject; and where nobody can be asked, acts are queued and decided as ever."""
import json
import signal

import harness
from harness import World, check, equal, wait_for

EXCHANGE, MEMBERS = "member-exchange/2023Q1/rsj", ("rsj", "swj")

# Who, words on the command line, and the same as fields of a report. In this order: what is accepted changes what
# comes after it.
ACTS = (
    ("jxj", ("receive", EXCHANGE), {"obligation": EXCHANGE}),                                  # nothing to be received
    ("jxj", ("return", EXCHANGE, "--reason", "x"), {"obligation": EXCHANGE, "reason": "x"}),
    ("jxj", ("urge", EXCHANGE), {"obligation": EXCHANGE}),
    ("jtj", ("urge", EXCHANGE), {"obligation": EXCHANGE}),                                     # leads another group
    ("jtj", ("receive", EXCHANGE), {"obligation": EXCHANGE}),
    ("rsj", ("urge", EXCHANGE), {"obligation": EXCHANGE}),                                     # its own
    ("jxj", ("urge", "member-exchange/2023Q1/nobody"), {"obligation": "member-exchange/2023Q1/nobody"}),
    ("jxj", ("urge", "quarterly-progress/2023Q1/jxj"), {"obligation": "quarterly-progress/2023Q1/jxj"}),
    ("rsj", ("withdraw", "member-exchange", "2023Q1"), {"duty": "member-exchange", "period": "2023Q1"}),
    ("rsj", ("withdraw", "member-exchange", "2024Q1"), {"duty": "member-exchange", "period": "2024Q1"}),  # not open
    ("rsj", ("progress", "nothing", "2023", "--text", "x"), {"duty": "nothing", "period": "2023", "body": {"text": "x"}}),
    ("rsj", ("progress", "member-exchange", "2023", "--text", "x"),
     {"duty": "member-exchange", "period": "2023", "body": {"text": "x"}}),
    ("rsj", ("progress", "member-exchange", "2023Q1", "--text", "x"),
     {"duty": "member-exchange", "period": "2023Q1", "body": {"text": "x"}}),
    ("rsj", ("fill", "unit-contacts", "once", "--post", "king", "--name", "x"),
     {"duty": "unit-contacts", "period": "once", "body": {"post": "king", "name": "x"}}),
    ("rsj", ("fill", "unit-contacts", "once", "--post", "clerk", "--name", "x", "--phone", "1"),
     {"duty": "unit-contacts", "period": "once", "body": {"post": "clerk", "name": "x", "phone": "1"}}),
    ("rsj", ("vacate", "unit-contacts", "once", "--post", "head"),
     {"duty": "unit-contacts", "period": "once", "body": {"post": "head"}}),
    ("rsj", ("extension", "member-exchange", "2023Q1", "--until", "2023-04-30", "--reason", "x"),
     {"duty": "member-exchange", "period": "2023Q1", "reason": "x", "body": {"until": "2023-04-30"}}),
    ("swj", "member-exchange", None),                                                          # it reports
    ("jxj", ("review", "member-exchange/2023Q1/swj", "--approve"), {"obligation": "member-exchange/2023Q1/swj", "act": "approve"}),
    ("jxj", ("receive", "member-exchange/2023Q1/swj"), {"obligation": "member-exchange/2023Q1/swj"}),
    ("jxj", ("receive", "member-exchange/2023Q1/swj"), {"obligation": "member-exchange/2023Q1/swj"}),  # once is enough
    ("jxj", ("review", "member-exchange/2023Q1/swj"), {"obligation": "member-exchange/2023Q1/swj"}),
    ("swj", ("extension", "member-exchange", "2023Q1", "--until", "2023-04-30", "--reason", "x"),
     {"duty": "member-exchange", "period": "2023Q1", "reason": "x", "body": {"until": "2023-04-30"}}),
)


def world():
    return World("try", rehearse="2022-12-05", settings={"log_rate": 10000})


def up(agent):
    wait_for(lambda: agent.json("status")["connected"], "a session")
    return agent


def drained(agent):
    wait_for(lambda: agent.json("status")["queued"] == 0, "everything to arrive")


def test_what_is_refused_beforehand_the_broker_refuses_and_the_rest_it_takes():
    with world() as w:
        w.broker.start()
        w.clock_run("2023-01-10T10:00")
        agents = {unit: up(w.agent(unit)) for unit in ("jxj", "jtj", *MEMBERS)}
        # The same units, with keys, sessions and outboxes of their own.
        clients = {unit: w.client(unit, name="other") for unit in agents}
        refused = taken = 0
        for unit, words, fields in ACTS:
            agent, client = agents[unit], clients[unit]
            if fields is None:
                agent("submit", agent.fill(words, "2023Q1"), "--wait")
                continue
            last = agent.json("status")["last"]
            done = agent.try_(*words, "--json")
            what = f"{unit} {' '.join(words)}: {done.stdout}{done.stderr}"
            if done.returncode == 0:
                taken += 1
                equal(agent.json("status")["last"], last + 1, f"numbers after {what}")
                drained(agent)
                equal(agent.json("receipts")[-1]["state"], "received", what)
                continue
            refused += 1
            equal(done.returncode, 1, what)
            equal(agent.json("status")["last"], last, f"numbers after {what}")
            check("nothing was queued" in done.stderr and "hint:" in done.stderr, what)
            said = json.loads(done.stdout)
            seq = client.queue(**{"act": words[0], **fields})
            client.push_waiting()
            receipt = client.wait_receipt(seq)
            state = ": " + w.obligation(receipt["subject"])["work"] if receipt["code"] == "state" else ""
            equal((said["code"], said["subject"]), (receipt["code"], receipt["subject"] + state), what)
        print(f"  {refused} refused beforehand and afterwards, {taken} taken")
        check(refused >= 14 and taken >= 5, "too few to mean anything")
        w.verify_ledger()
        w.must("musterctl", "replay")


def test_to_ask_changes_nothing():
    with world() as w:
        w.broker.start()
        w.clock_run("2023-03-01T10:00")
        home, before = w.home("jxj"), w.ctl("ledger", "head")
        for _ in range(3):
            equal(json.loads(w.must("musterctl", "--home", home, "try", "urge", "--obligation", EXCHANGE, "--json")),
                  [{"code": "ok", "subject": ""}], "the answer")
        equal([row for row in w.ctl("alerts") if row["kind"] == "urge"], [], "alerts")
        equal(w.ctl("ledger", "head")["row"], before["row"], "rows of the ledger")
        done = w.run("musterctl", "try", "urge", "--obligation", EXCHANGE)
        check(done.returncode != 0 and "may not" in done.stderr, f"who is no unit: {done}")


def test_acts_are_queued_while_the_broker_is_away():
    with world() as w:
        w.broker.start()
        w.clock_run("2023-03-01T10:00")
        lead = up(w.agent("jxj"))
        w.broker.stop()
        wait_for(lambda: not lead.json("status")["connected"], "the session's end")
        equal(lead.json("receive", EXCHANGE)["number"], 1, "number")
        equal(lead.json("urge", EXCHANGE)["number"], 2, "number")
        w.broker.start()
        drained(lead)
        equal([row["state"] for row in lead.json("receipts")], ["refused", "received"], "states")


def test_nobody_is_asked_while_something_is_under_way():
    with world() as w:
        w.broker.start()
        w.clock_run("2023-03-01T10:00")
        lead, member = up(w.agent("jxj", reply_timeout=60000)), up(w.agent("rsj"))
        member("submit", member.fill("member-exchange", "2023Q1"), "--wait")
        w.broker.signal(signal.SIGSTOP)
        try:
            number = lead.append(act="return", obligation=EXCHANGE, reason="x")
            # By what is stored it is submitted, and nobody is urged; by what is under way it is returned.
            done = lead.try_("urge", EXCHANGE, "--json", timeout_s=25)
        finally:
            w.broker.signal(signal.SIGCONT)
        equal((done.returncode, done.stdout.strip()), (0, f'{{"number":{number + 1}}}'), done.stderr)
        drained(lead)
        equal([row["state"] for row in lead.json("receipts")], ["received"] * 2, "states")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
