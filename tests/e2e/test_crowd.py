#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A crowd at a broker whose disk is slow: letters that come while a batch is committed are taken, read ahead and
served in their order. Good ones, refused ones, and sessions that break in the midst; in the end each report is in
the ledger once, under the row that its receipt named, and nobody was answered before the disk had said so.

    test_crowd.py [--letters N] [--seed S]"""
import argparse
import collections
import datetime
import random

import zmq.utils.monitor

import harness
import muster_client as mc
from harness import Weather, World, check, equal, wait_for

UNITS = 12
LETTERS_AHEAD = 16  # more than that come during one commit
PROGRAMME = """\
id: crowd
title: A duty of every day
source: test
issued: {issued}
zone: {zone}
calendar: workdays.csv
weekend: []
units:
{units}
groups:
{groups}
offices:
  - {{id: office, name: Office, director: Director}}
ladders:
  daily:
    - {{days: 0, level: 1, to: [clerk]}}
duties:
  - id: day
    title: The day
    clause: Every day.
    kind: report
    bearer: leads
    closing: automatic
    period: day
    due: {{after-end: 30 days}}
    ladder: daily
"""
# Every batch with a report is committed by the store's thread, and what is synced is batches alone.
SETTINGS = {"commit_behind": 1, "letters_ahead": LETTERS_AHEAD, "bulk_bytes": 4096, "bulk_ahead_bytes": 0, "alive_mark": 0,
            "batch_messages_max": 24}


class Crowd:
    """A broker in service with its weather, and a session of each unit."""

    def __init__(self, env=None):
        now = datetime.datetime.now(datetime.timezone.utc)
        zone, offset = harness.noon_zone(now)
        self.today = now.astimezone(offset).date()
        self.files = World("crowd-files")
        units = [f"u{i}" for i in range(UNITS)]
        path = self.files.dir / "programme.yaml"
        path.write_text(PROGRAMME.format(
            issued=self.today - datetime.timedelta(days=2), zone=zone,
            units="\n".join(f"  - {{id: {kind}{i}, name: {kind}{i}}}" for i in range(UNITS) for kind in ("u", "m")),
            groups="\n".join(f"  - {{id: g{i}, name: g{i}, lead: u{i}, members: [m{i}], areas: [{{id: a{i}, title: A}}]}}"
                             for i in range(UNITS))), encoding="utf-8")
        (self.files.dir / "workdays.csv").write_text(
            (harness.EXAMPLE.parent / "workdays.csv").read_text(encoding="utf-8"), encoding="utf-8")
        self.world = World("crowd", programme=path, settings=SETTINGS)
        self.weather = Weather(self.world)
        self.world.broker.start(env={**self.weather.env, **(env or {})})
        self.pid = self.world.broker.process.pid
        self.members = [Member(self, unit) for unit in units]

    def __enter__(self):
        self.world.__enter__()
        return self

    def __exit__(self, *what):
        self.weather.set("hold", 0)
        self.world.__exit__(*what)
        self.files.__exit__(*what)

    def hold(self, member):
        """Let the disk be silent in the commit of this member's next letter."""
        self.weather.set("hold", 1)
        member.send(good=True)
        wait_for(lambda: self.weather.get("held") == 1, "the commit")


class Member:
    """A unit: its session, and what it has sent and was told."""

    def __init__(self, crowd, unit):
        self.crowd, self.unit = crowd, unit
        self.client = crowd.world.client(f"unit:{unit}")
        self.sent = []  # (text, good), in their order
        self.told = []  # (first, last, row) of receipts, as they came on this connection
        self.errors = collections.Counter()
        self.breaks = collections.Counter()

    def report(self, text, good):
        # A period that there is none of: refused by the core, and its number is consumed.
        period = f"{self.crowd.today:%Y-%m-%d}" if good else "2001-01-01"
        return mc.pack({"act": "progress", "unit": self.unit, "at": mc.now_ms(), "duty": "day", "period": period,
                        "body": {"text": text}})

    def send(self, good):
        """One letter with one report."""
        text = f"{self.unit}-{len(self.sent) + 1}"
        self.sent.append((text, good))
        self.client.queue_bytes(self.report(text, good))
        self.client.push_waiting()

    def break_off(self, how):
        """End the session in one of the ways in which one ends."""
        self.breaks[how] += 1
        if how == "signature":
            seq, prev = self.client.home["seen"]["last"] + 1, bytes.fromhex(self.client.home["seen"]["head"])
            self.client.push(seq, prev, [self.report("forged", True)], sig=bytes(64))
        elif how == "garbage":
            self.client.wire.send_bytes(b"\xc1")
        else:
            self.again()

    def again(self):
        """On a new connection, as after any break; what has no receipt is pushed again."""
        self.told.clear()
        self.client.connect()

    def take(self):
        """All that has come."""
        while self.client.wire.sock.poll(0):
            try:
                message = self.client.wire.receive(0)
            except mc.MusterError as error:
                self.errors[error.code] += 1
                self.again()
                continue
            if message["type"] == "receipt":
                self.told.append((message["first"], message["last"], message["row"]))
            self.client.take(message)

    def is_done(self):
        self.take()
        return not self.client.home["waiting"]

    def check_receipts(self):
        receipts = self.client.home["receipts"]
        equal(len(receipts), len(self.sent), f"receipts of {self.unit}")
        codes = [receipts[str(seq)]["code"] == "ok" for seq in range(1, len(self.sent) + 1)]
        equal(codes, [good for _, good in self.sent], f"what {self.unit} was told is good")
        rows = [receipts[str(seq)]["row"] for seq in range(1, len(self.sent) + 1)]
        check(rows == sorted(set(rows)), f"rows of {self.unit} are not in the order of its reports: {rows}")
        lasts = [last for _, last, _ in self.told]
        check(lasts == sorted(lasts), f"receipts of {self.unit} came out of order: {self.told}")


def check_ledger(crowd):
    """Each report once, under the row that its receipt named, and nothing else."""
    stored = {row: (unit, seq, text) for row, (unit, _, seq, text) in crowd.world.stored_reports().items()}
    wanted = {}
    for member in crowd.members:
        for seq, (text, _) in enumerate(member.sent, 1):
            wanted[member.client.home["receipts"][str(seq)]["row"]] = (member.unit, seq, text)
    equal(len(wanted), sum(len(member.sent) for member in crowd.members), "rows, each of one report")
    lost, unexpected = sorted(wanted.items() - stored.items()), sorted(stored.items() - wanted.items())
    equal((lost[:5], unexpected[:5]), ([], []), "lost, and unexpected")
    equal(crowd.world.verify_ledger()["chain"], "ok", "chain")
    check(crowd.world.broker.running() and crowd.world.broker.process.pid == crowd.pid, "the broker is another process")
    return len(stored)


def handshakes(client_home):
    """A new connection, and a function that tells whether it has been let in."""
    sock = zmq.Context.instance().socket(zmq.DEALER)
    sock.linger = 0
    monitor = sock.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    sock.curve_serverkey = client_home["broker_key"].encode()
    sock.curve_publickey = client_home["curve_public"].encode()
    sock.curve_secretkey = client_home["curve_secret"].encode()
    sock.connect(client_home["members"])
    return sock, lambda: monitor.poll(0)


def during_a_commit(env=None):
    """What comes while the disk is silent. Returns how many answers came before it spoke."""
    with Crowd(env) as crowd:
        first, many, mixed, broken, late = crowd.members[:5]
        crowd.hold(first)
        for _ in range(LETTERS_AHEAD + 24):
            many.send(good=True)
        for good in (True, False, True):
            mixed.send(good)
        broken.send(good=True)
        broken.break_off("signature")
        broken.send(good=True)
        # Who connects is let in: the authenticator is asked meanwhile, and behind all those letters.
        sock, is_in = handshakes(late.client.home)
        wait_for(is_in, "a newcomer to be let in during a commit")
        early = sum(member.client.wire.sock.poll(0) for member in (first, many, mixed, broken))
        equal(crowd.weather.get("held"), 1, "syncs that are waited for")
        crowd.weather.set("hold", 0)
        for member in crowd.members:
            wait_for(member.is_done, f"receipts of {member.unit}")
            member.check_receipts()
        equal(dict(broken.errors), {"signature": 1}, "what the broken session was told")
        equal([(first, last) for first, last, _ in many.told], [(n, n) for n in range(1, LETTERS_AHEAD + 25)],
              "receipts, one by one")
        sock.close()
        check_ledger(crowd)
        return early


def test_letters_that_come_during_a_commit_wait_for_their_own():
    equal(during_a_commit(), 0, "answers before the disk had spoken")


def test_answers_before_the_commit_would_be_seen():
    """The negative control."""
    check(during_a_commit({"MUSTER_MUTANT": "ack-before-commit"}) > 0, "a broker that answers early was not noticed")


def test_crowd_loses_nothing_and_doubles_nothing():
    dice = random.Random(ARGS.seed)
    with Crowd() as crowd:
        crowd.weather.set("sync_us", 4000)
        for _ in range(ARGS.letters):
            member = dice.choice(crowd.members)
            member.send(good=dice.random() < 0.9)
            if dice.random() < 0.01:
                member.break_off(dice.choice(("signature", "garbage", "connection")))
            for other in dice.sample(crowd.members, 3):
                other.take()
        for member in crowd.members:
            wait_for(member.is_done, f"receipts of {member.unit}", 60)
            member.check_receipts()
        breaks = sum((member.breaks for member in crowd.members), collections.Counter())
        errors = sum((member.errors for member in crowd.members), collections.Counter())
        check(errors["signature"] > 0 and errors["protocol"] > 0, f"no session was ended by the broker: {errors}")
        refused = sum(not good for member in crowd.members for _, good in member.sent)
        stored = check_ledger(crowd)
        print(f"  {stored} reports of {UNITS} units, {refused} of them refused; sessions broken: {dict(breaks)}; "
              f"0 lost, 0 doubled, 0 out of order")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20261128)
    ARGS = parser.parse_args()
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
