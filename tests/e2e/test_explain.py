#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`musterctl explain`, of an alert and of a verdict: who owes what, the rule, the days that were counted, what moved
the date, and the event that decided."""
from harness import World, check, equal, main

Q3 = "quarterly-progress/2023Q3/jxj"


def test_verdict_is_explained_day_by_day():
    with World("explain", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-10-16T10:00")
        client = world.client("unit:jxj")
        client.submit("quarterly-progress", "2023Q3", {"text": "late"})
        told = world.ctl("explain", Q3)
        equal((told["bearer"], told["counterpart"], told["verdict"]), ("jxj", "office", "late"), "who and what")
        check("5 working days after the end of 2023Q3" in told["rule"], told["rule"])
        check("报送工作进度" in told["clause"], told["clause"])
        days = {name[4:]: text for name, text in told.items() if name.startswith("day ")}
        equal(list(days), [f"2023-10-{day:02}" for day in range(1, 12)], "the days that were counted")
        check(days["2023-10-06"].startswith("Fri, holiday"), days["2023-10-06"])
        check(days["2023-10-07"].startswith("Sat, working day 1 ("), days["2023-10-07"])
        equal(days["2023-10-11"], "Wed, working day 5", "the due date")
        check(told["why"].endswith("2023-10-12T00:00:00+08:00: 3"), told["why"])
        check("submit by jxj" in told["deciding_event"], told["deciding_event"])


def test_dates_counted_back_and_moved():
    with World("explain", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-06-01")
        told = world.ctl("explain", "member-exchange/2023Q2/rsj")
        days = {name[4:]: text for name, text in told.items() if name.startswith("day ")}
        check("day 0" in days["2023-06-30"], str(days))
        check(days["2023-06-25"].startswith("Sun, working day 5"), str(days))
        world.must("musterctl", "extend", "member-exchange/2023Q2/rsj", "--until", "2023-07-07", "--reason", "flood")
        told = world.ctl("explain", "member-exchange/2023Q2/rsj")
        check(any("extend by" in text and text.endswith("flood") for text in told.values()), str(told))
        equal(told["due"][:10], "2023-07-08", "the effective due instant")
        check("none yet" in told["why"], told["why"])
        alert = world.ctl("alerts", "--kind", "extended")[0]
        equal(world.ctl("explain", str(alert["number"]))["obligation"], "member-exchange/2023Q2/rsj", "an alert")


def test_others_obligations_are_not_explained():
    with World("explain", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-06-01")
        done = world.run("musterctl", "--home", world.home("unit:rsj"), "explain", "quarterly-progress/2023Q2/jtj")
        check(done.returncode != 0 and "may not" in done.stderr, done.stderr)


if __name__ == "__main__":
    main(test_verdict_is_explained_day_by_day, test_dates_counted_back_and_moved,
         test_others_obligations_are_not_explained)
