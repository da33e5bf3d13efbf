#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real broker on the real clock: a reminder whose minute comes while it waits is fired then, not before,
and reaches its unit; the broker sleeps until that instant. One that was down then catches up. Waits for at most a
good minute of real time."""
import datetime
import time

import harness
from harness import World, check, equal

PROGRAMME = """\
id: clockwork
title: A duty of every day
source: test
issued: {today}
zone: {zone}
calendar: workdays.csv
weekend: []
units:
  - {{id: lead, name: Lead}}
  - {{id: member, name: Member}}
groups:
  - {{id: g, name: Group, lead: lead, members: [member], areas: [{{id: a, title: Area}}]}}
offices:
  - {{id: office, name: Office, director: Director}}
ladders:
  daily:
    - {{days: -1, at: "{minute}", level: 0, to: [clerk]}}
    - {{days: 0, level: 1, to: [clerk, office]}}
duties:
  - id: day
    title: The day
    clause: Every day.
    kind: report
    bearer: leads
    closing: automatic
    period: day
    due: {{after-end: 1 days}}
    ladder: daily
"""


def cpu_s(program):
    fields = open(f"/proc/{program.process.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_reminder_fires_at_its_minute():
    with World("clock") as files:
        zone, offset = harness.noon_zone(datetime.datetime.now(datetime.timezone.utc))
        now = datetime.datetime.now(offset)
        minute = (now + datetime.timedelta(seconds=65)).replace(second=0, microsecond=0)
        (files.dir / "workdays.csv").write_text(
            (harness.EXAMPLE.parent / "workdays.csv").read_text(encoding="utf-8"), encoding="utf-8")
        path = files.dir / "programme.yaml"
        path.write_text(PROGRAMME.format(today=now.date(), zone=zone, minute=minute.strftime("%H:%M")), encoding="utf-8")
        with World("clock", programme=path) as world, World("clock-down", programme=path) as down:
            for broker in (world.broker, down.broker):
                broker.start()
            down.broker.kill()
            client = world.client("lead")
            client.subscribe()
            equal(world.ctl("alerts"), [], "alerts before the minute")
            left = minute.timestamp() - time.time()
            check(left > 1, f"started too late: {left} s before the minute")
            begin = cpu_s(world.broker)
            client.pump(lambda: client.inbox, left + harness.PATIENCE_S, "reminder")
            alert = client.inbox[0]
            equal((alert["kind"], alert["bearer"], alert["rehearsal"]), ("reminder", "lead", False), "alert")
            equal(alert["instant"], round(minute.timestamp() * 1000), "the reminder's instant")
            check(alert["fired"] >= alert["instant"], f"fired {alert['instant'] - alert['fired']} ms early")
            used = cpu_s(world.broker) - begin
            print(f"  fired {alert['fired'] - alert['instant']} ms after its instant; {used:.2f} s of CPU in {left:.0f} s")
            check(used < 0.2 * left, "the broker does not sleep while it waits")
            down.broker.start()
            late = down.ctl("alerts")
            equal([row["kind"] for row in late], ["reminder"], "alerts of the broker that was down")
            equal(datetime.datetime.fromisoformat(late[0]["instant"]), minute, "its instant")
            check(datetime.datetime.fromisoformat(late[0]["fired"]) > minute, "it fired while it was down")


if __name__ == "__main__":
    harness.main(test_reminder_fires_at_its_minute)
