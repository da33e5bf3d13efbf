#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Queries beside a load that never ends: each sees what was acknowledged before it was asked, although the database
takes batches later than they are answered, and each has its turn, although one commit follows the other."""
import datetime
import os

import harness
from harness import BUILD, World, check, equal, wait_for

QUESTIONS = 40
UNITS = 4
YEAR = datetime.date.today().year


def programme(world):
    """Every unit may send progress at any time."""
    units = [f"unit-{number}" for number in range(UNITS)]
    rows = "".join(f"  - {{id: {unit}, name: {unit}}}\n" for unit in [*units, "lead"])
    path = world.dir / "programme.yaml"
    path.write_text(f"""id: load
title: Load
issued: {YEAR}-01-01
zone: UTC
calendar: workdays.csv
units:
{rows}groups:
  - {{id: g, name: Group, lead: lead, members: [{", ".join(units)}]}}
offices:
  - {{id: office, name: Office}}
ladders:
  standard:
    - {{days: 0, level: 1, to: [clerk, office]}}
duties:
  - id: progress
    title: Progress
    kind: report
    bearer: all
    closing: automatic
    period: year
    first: {YEAR}
    due: {{on: 12-31, roll: none}}
""", encoding="utf-8")
    (world.dir / "workdays.csv").write_text(f"# {YEAR}: none, working days play no part here\n", encoding="utf-8")
    return path


class Loaded(World):
    """Units that send as fast as they are answered, from the first receipt on until the end. With `slow`, each sync takes
    some milliseconds more, in which they have sent again."""

    def __init__(self, slow=False, **settings):
        super().__init__("queries", settings={"rate_messages": 1000000, "rate_burst": 10000000, "rate_bytes": 1073741824,
                                              "rate_bytes_burst": 4294967296, "growth_bytes_day": 0, **settings})
        sanitizer = os.environ.get("ASAN_OPTIONS", "")
        self.env = {"LD_PRELOAD": str(BUILD / "tests" / "libe2e_weather.so"), "MUSTER_SYNC_EXTRA_US": "5000",
                    "ASAN_OPTIONS": f"{sanitizer}:verify_asan_link_order=0"} if slow else {}

    def __enter__(self):
        argv = self.broker.argv
        argv[argv.index(str(harness.JINGNING))] = str(programme(self))
        self.broker.start(env=self.env)
        homes = [self.home(f"unit:unit-{number}") for number in range(1, UNITS)]
        self.load = self.add(harness.Program(self, "load", [
            BUILD / "tests" / "muster-load", "--seconds", 600, "--outstanding", 64, "--outboxes", 4 * len(homes), "--body", 64,
            "--duty", "progress", "--period", YEAR, *homes])).start()
        self.asker = self.admin(timeout_s=60)
        wait_for(lambda: self.rows() > 1000, "reports of the load")
        return self

    def rows(self):
        """Of the ledger, as the loop itself tells it: no query."""
        return next(int(row["value"]) for row in self.asker.request("status") if row["name"] == "ledger_rows")

    def must_go_on(self, since):
        check(self.load.running(), "the load has ended")
        wait_for(lambda: self.rows() > since, "more reports of the load")


def test_a_query_sees_what_was_acknowledged_before_it():
    with Loaded() as world:
        unit = world.client("unit:unit-0")
        for number in range(QUESTIONS):
            text = f"question {number}"
            seq = unit.queue("progress", duty="progress", period=str(YEAR), body={"progress": text})
            unit.push_waiting()
            receipt = unit.wait_receipt(seq)
            equal(receipt["code"], "ok", "the report")
            rows = world.asker.request("report", {"receipt": receipt["row"]})
            check(any(text in str(row) for row in rows), f"receipt {receipt['row']} was answered, and a query says {rows}")
        world.must_go_on(world.rows())


def test_every_query_has_its_turn_while_commits_follow_each_other():
    """More letters wait than a batch takes, and a thread commits each batch: the loop is never between two of them but
    in the moment after one."""
    with Loaded(slow=True, batch_messages_max=4, commit_behind=1) as world:
        begin = world.rows()
        for _ in range(QUESTIONS):
            check(world.asker.request("units"), "an answer")
        check(world.rows() > begin, "the load stood still meanwhile")
        world.must_go_on(world.rows())


if __name__ == "__main__":
    harness.main(test_a_query_sees_what_was_acknowledged_before_it,
                 test_every_query_has_its_turn_while_commits_follow_each_other)
