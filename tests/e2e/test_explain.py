#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`musterctl explain` and `show`: who owes what, the rule, the days that were counted, what moved the date, the event
that decided, and whose fault it is that nothing came; as data, and in the reader's language."""
import harness
from harness import SOURCE, World, check, equal, main

Q3 = "quarterly-progress/2023Q3/jxj"


def said(told, name):
    """The sentence of that name; the first, where there are several."""
    value = told[name]
    return value[0] if isinstance(value, list) else value


def evidence(told):
    found = told.get("evidence", [])
    return found if isinstance(found, list) else [found]


def test_verdict_is_explained_day_by_day():
    with World("explain", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-10-16T10:00")
        client = world.client("unit:jxj")
        client.submit("quarterly-progress", "2023Q3", harness.progress("late", "jxj"))
        told = world.ctl("explain", Q3)
        equal((told["bearer"], told["counterpart"], told["verdict"]), ("jxj", "office", "late"), "who and what")
        rule = told["rule"]
        equal((rule["n"], rule["offset"], rule["side"], rule["anchor"], rule["period"]),
              (5, "working-days", "after", "end", "2023Q3"), "the rule")
        check("报送工作进度" in told["clause"], told["clause"])
        days = {name[4:]: day for name, day in told.items() if name.startswith("day ")}
        equal(list(days), [f"2023-10-{day:02}" for day in range(1, 12)], "the days that were counted")
        equal((days["2023-10-06"]["say"], days["2023-10-06"]["weekday"]), ("day-holiday", "fri"), "a holiday")
        equal((days["2023-10-07"]["say"], days["2023-10-07"]["n"]), ("day-counted", 1), "a make-up day")
        check(days["2023-10-07"]["occasion"], str(days["2023-10-07"]))
        equal((days["2023-10-11"]["say"], days["2023-10-11"]["n"]), ("day-counted", 5), "the due date")
        equal((told["why"]["say"], told["why"]["days_late"]), ("why-late", 3), "why")
        equal((told["deciding_event"]["event"], told["deciding_event"]["actor"]), ("submit", "jxj"), "what decided")


def test_people_read_it_in_their_language():
    with World("explain", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-10-16T10:00")
        world.must("musterctl", "urge", Q3, "--reason", "the meeting is on Friday")
        for language, words, not_words in (
                ("en", ["5 working days after the end of 2023Q3 (2023-07-01 to 2023-09-30)", "Fri, holiday (", "Wed, working day 5",
                        "none yet: nothing was received", "at 2023-10-12 00:00 +08:00: the unit,", "a rehearsal does not watch agents"], []),
                ("zh_CN", ["2023Q3（2023-07-01 至 2023-09-30）结束后 5 个工作日", "周五，节假日（", "周三，第 5 个工作日", "尚无：未收到报送",
                           "2023-10-12 00:00 +08:00：在该单位", "日期 2023-10-07", "演练不监测单位端"], ["working", "holiday", "received"])):
            text = world.must("musterctl", "explain", Q3, language=language)
            for word in words:
                check(word in text, f"{language}: {word!r} is not in\n{text}")
            for word in not_words:
                check(word not in text, f"{language}: {word!r} is in\n{text}")
        shown = world.must("musterctl", "show", Q3, language="zh_CN")
        for word in ("办件产生：待报送 → 待报送，时钟", "催办：待报送 → 待报送，", "：the meeting is on Friday"):
            check(word in shown, f"{word!r} is not in\n{shown}")
        check("awaiting" not in shown and "materialise" not in shown, shown)
        skipped = world.must("musterctl", "show", "annual-plan/2023/jxj", language="zh_CN")
        check("方案印发前已到期" in skipped or "办件产生：" in skipped, skipped)


def test_dates_counted_back_and_moved():
    with World("explain", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-06-01")
        exchange = "member-exchange/2023Q2/rsj"
        told = world.ctl("explain", exchange)
        days = {name[4:]: day for name, day in told.items() if name.startswith("day ")}
        equal(days["2023-06-30"]["say"], "day-zero", "day 0")
        equal((days["2023-06-25"]["weekday"], days["2023-06-25"]["n"]), ("sun", 5), "the make-up Sunday")
        world.must("musterctl", "extend", exchange, "--until", "2023-07-07", "--reason", "flood")
        told = world.ctl("explain", exchange)
        moved = [value for name, value in told.items() if name.startswith("row ")]
        equal([(row["event"], row["reason"]) for row in moved], [("extend", "flood")], "what moved the date")
        equal(told["due"][:10], "2023-07-08", "the effective due instant")
        equal(told["why"]["say"], "why-none", "why")
        check("blame" not in told, "nobody is blamed before the deadline")
        alert = world.ctl("alerts", "--kind", "extended")[0]
        told = world.ctl("explain", str(alert["number"]))
        equal((told["obligation"], told["deciding_event"]["event"]), (exchange, "extend"), "an alert")
        equal([row["event"] for name, row in world.ctl("show", exchange).items() if name.startswith("row ")],
              ["materialise", "extend"], "its history")


def test_long_history_is_shown_whole():
    with World("explain", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-10-08")
        admin = world.admin()
        for number in range(130):  # over two full pages
            admin.request("urge", {"obligation": Q3, "reason": str(number)})
        shown = [row for name, row in world.ctl("show", Q3).items() if name.startswith("row ")]
        equal([row["reason"] for row in shown if row["event"] == "urge"], [str(n) for n in range(130)], "in their order")


def test_blame_is_split():
    with World("explain", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-04-10")
        client = world.client("unit:wjw")
        seq = client.queue("submit", duty="quarterly-progress", period="2023Q1", body=harness.progress("in time", "wjw"))
        world.broker.stop()
        world.broker.start(rehearse="2023-04-14")  # down across the deadline, 2023-04-11T00:00
        told = world.ctl("explain", "quarterly-progress/2023Q1/jxj")
        equal(said(told, "blame")["say"], "broker-down", "at the deadline the broker was down")
        equal(said(told, "blame_now")["say"], "unit-silent", "now it is the unit")
        down = evidence(told)[0]
        equal((down["say"], down["from"][:10], down["to"][:10]), ("known-down", "2023-04-10", "2023-04-14"), "the evidence")
        row = world.ctl("ledger", "list", "--from", str(down["row"]), "--limit", "1")
        equal(row[0]["kind"], "start", "the row that it names")
        alert = next(alert for alert in world.ctl("alerts", "--kind", "overdue", "--limit", 100000)
                     if alert["obligation"] == "quarterly-progress/2023Q1/jxj")
        equal(said(world.ctl("explain", str(alert["number"])), "blame")["say"], "broker-down", "and so says the alert")
        client = world.client(client.home)
        client.push_waiting()
        equal(client.wait_receipt(seq)["code"], "ok", "what was queued in time comes late")
        told = world.ctl("explain", "quarterly-progress/2023Q1/wjw")
        equal(said(told, "blame")["say"], "broker-down", "the nearest to the broker is named")
        check("known-queued" in [known["say"] for known in evidence(told)], str(evidence(told)))
        world.clock_run("2023-07-12")
        told = world.ctl("explain", "quarterly-progress/2023Q2/jxj")
        equal(said(told, "blame")["say"], "unit-silent", "the broker was up")
        equal([known["say"] for known in evidence(told)][:2], ["known-up", "known-rehearsed"], "and nobody watched the agent")


def test_service_knows_its_agents():
    with World("explain", programme=SOURCE / "tests/sim/scenarios/programmes/small.yaml") as world:
        world.broker.start()
        world.agent("alpha").wait_log("session-open")
        late = [row for row in world.ctl("obligations") if row["phase"] in ("overdue", "escalated")]
        told = {unit: world.ctl("explain", next(row["id"] for row in late if (row["duty"], row["bearer"]) == (duty, unit)))
                for duty, unit in (("weekly", "alpha"), ("exchange", "beta"))}
        equal(said(told["alpha"], "blame")["say"], "not-served", "at the deadline there was no broker")
        equal(evidence(told["alpha"])[0]["say"], "known-unborn", "its first start says so")
        equal(said(told["alpha"], "blame_now")["say"], "unit-silent", "its agent is there now")
        check("known-heard" in [known["say"] for known in evidence(told["alpha"])], str(evidence(told["alpha"])))
        equal(said(told["beta"], "blame_now")["say"], "agent-silent", "whose agent nobody has ever heard of")
        check("known-never" in [known["say"] for known in evidence(told["beta"])], str(evidence(told["beta"])))


def test_others_obligations_are_not_explained():
    with World("explain", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-06-01")
        home = world.home("unit:rsj")
        # What it may see as its group's progress is denied; what it may not see is not told from what is not there.
        for id, why in (("quarterly-progress/2023Q2/jxj", "may not"), ("quarterly-progress/2023Q2/jtj", "no obligation is called"),
                        ("quarterly-progress/2023Q2/nobody", "no obligation is called")):
            done = world.run("musterctl", "--home", home, "explain", id)
            check(done.returncode != 0 and why in done.stderr, f"{id}: {done.stderr}")


if __name__ == "__main__":
    main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
