#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The broker is down across deadlines: killed, and started again at a later instant. What fell due meanwhile
is caught up, oldest first and once; what it says is the deadline's own instant, not the broker's."""
import harness
from harness import World, check, equal, wait_for

Q1 = "quarterly-progress/2023Q1/jxj"
DUE = "2023-04-11T00:00:00+08:00"


def alerts(world, obligation=Q1):
    return [row for row in world.ctl("alerts", "--limit", "100000") if row["obligation"] == obligation]


def told(rows, *fields):
    return [tuple(row[field] for field in fields) for row in rows]


def check_numbers(world):
    """Gap-free, in order, and no alert twice."""
    rows = world.ctl("alerts", "--limit", "100000")
    equal([row["number"] for row in rows], list(range(1, len(rows) + 1)), "alert numbers")
    keys = told(rows, "obligation", "kind", "audience", "role", "instant")
    equal(len(set(keys)), len(keys), "alerts, each once")
    equal(world.verify_ledger()["chain"], "ok", "ledger")
    return rows


def restart(world, at):
    world.broker.kill()
    world.broker.start(rehearse=at)


def until(world, instant):
    world.broker.start()
    world.clock_run(instant)


def test_overdue_alert_carries_the_deadlines_own_instant():
    with World("downtime", rehearse="2022-12-05") as world:
        until(world, "2023-04-10")
        check("overdue" not in {row["kind"] for row in alerts(world)}, "overdue before it was due")
        restart(world, "2023-04-13T12:00")
        equal(world.obligation(Q1)["phase"], "escalated", "phase")
        late = [row for row in alerts(world) if row["fired"] == "2023-04-13T12:00:00+08:00"]
        equal(told(late, "kind", "audience", "instant"),
              [("overdue", "unit:jxj", DUE), ("overdue", "office", DUE),
               ("escalation", "office", "2023-04-11T09:00:00+08:00"),
               ("escalation", "office", "2023-04-13T09:00:00+08:00"),
               ("escalation", "group-head:g1", "2023-04-13T09:00:00+08:00")], "alerts after the downtime")
        instants = [row["instant"] for row in check_numbers(world) if row["fired"] == "2023-04-13T12:00:00+08:00"]
        equal(instants, sorted(instants), "oldest first")


def test_missed_reminders_collapse_into_one():
    with World("downtime", rehearse="2022-12-05") as world:
        until(world, "2023-03-28")
        equal(told(alerts(world), "kind", "instant", "missed"), [("reminder", "2023-03-24T09:00:00+08:00", 0)], "before")
        restart(world, "2023-04-08")
        equal(told(alerts(world)[1:], "kind", "instant", "missed"), [("reminder", "2023-04-07T09:00:00+08:00", 1)],
              "while the broker was down")
        check_numbers(world)
        # What comes after is as if it had never been down.
        world.clock_run("2023-04-12")
        equal(told(alerts(world)[2:], "kind", "audience", "instant", "missed")[0], ("overdue", "unit:jxj", DUE, 0), "after")


def test_restart_at_once_repeats_nothing():
    with World("downtime", rehearse="2022-12-05") as world:
        until(world, "2023-04-12")
        before = check_numbers(world)
        for _ in range(3):
            restart(world, "2023-04-12")
        equal(check_numbers(world), before, "alerts after restarts")


def test_report_queued_in_time_while_the_broker_was_down_is_attested():
    with World("downtime", rehearse="2022-12-05") as world:
        until(world, "2023-04-10")
        agent = world.agent("jxj")
        agent.wait_log("session-open")
        world.clock_run("2023-04-10T12:00")
        wait_for(lambda: agent.json("status")["now"] >= "2023-04-10T04:00:00", "the agent to hear the time")
        world.broker.kill()
        agent("submit", agent.fill("quarterly-progress", "2023Q1"))
        world.broker.start(rehearse="2023-04-12")
        wait_for(lambda: world.obligation(Q1)["work"] == "closed", "the report")
        found = world.obligation(Q1)
        equal((found["verdict"], found["submitted"][:10]), ("on-time-attested", "2023-04-12"), "verdict and arrival")
        check_numbers(world)


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
