#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Before a programme is loaded: `musterctl plan` tells what would change, and the reload then does just that. The year
ahead: `musterctl calendar`, from a file and from a broker, also as an iCalendar feed."""
import json
import re
import shutil

import harness
from harness import World, check, equal, main


def copy(world, name):
    folder = world.dir / name
    folder.mkdir()
    for file in ("programme.yaml", "workdays.csv"):
        shutil.copy(harness.JINGNING.parent / file, folder / file)
    return folder / "programme.yaml"


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    check(old in text, f"{path} has {old!r}")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def changed(world):
    """The quarterly report gets two days more from 2023Q3 on; a day of the calendar becomes a holiday."""
    path = copy(world, "new")
    edit(path, "first: 2023Q1 # D\n    due: {after-end: 5 working-days}",
         "first: 2023Q1 # D\n    version: 2\n    due: {after-end: 7 working-days}")
    edit(path.parent / "workdays.csv", "2023-10-07,workday", "2023-10-07,holiday")
    return path


def lines(rows):
    return {(row["change"], row["what"]): (row["was"], row["is"]) for row in rows}


def plan(world, *args):
    return lines(json.loads(world.must("musterctl", "plan", *args, "--json")))


def test_two_files_are_compared():
    with World("plan") as world:
        equal(plan(world, harness.JINGNING, copy(world, "same"), "--at", "2023-08-01"), {}, "nothing changes")
        found = plan(world, harness.JINGNING, changed(world), "--at", "2023-08-01")
        equal(found["changed", "duty quarterly-progress, version"], ("1", "2"), "the rule's version")
        check("5 working days" in found["changed", "duty quarterly-progress, due"][0], "the rule")
        # The third quarter has opened in July and keeps its rule; the fourth opens in October and has the new one.
        equal(found["kept", "quarterly-progress/2023Q3/jxj"], ("2023-10-11", "2023-10-11"), "opened: pinned")
        equal(found["moved", "quarterly-progress/2023Q4/jxj"], ("2024-01-08", "2024-01-10"), "not opened: moves")
        check(("moved", "member-exchange/2023Q3/rsj") not in found, "what is not touched is not told")
        done = world.run("musterctl", "plan", harness.JINGNING)
        check(done.returncode != 0 and "--diff" in done.stderr, done.stderr)
        table = world.must("musterctl", "plan", harness.JINGNING, world.dir / "new/programme.yaml", "--at", "2023-08-01",
                           language="zh_CN")
        check("quarterly-progress/2023Q4/jxj" in table, table)


def test_plan_against_a_broker_is_what_a_reload_does():
    with World("plan", rehearse="2022-12-05") as world:
        path = copy(world, "live")
        world.broker.argv[world.broker.argv.index("--programme") + 1] = str(path)
        world.broker.start()
        world.clock_run("2023-08-01")
        found = plan(world, "--diff", changed(world), "--at", "2023-08-01")
        for file in ("programme.yaml", "workdays.csv"):
            shutil.copy(world.dir / "new" / file, world.dir / "live" / file)
        world.must("musterctl", "reload")
        world.clock_run("2023-10-02")
        for (change, what), (_, is_) in found.items():
            if change in ("moved", "kept") and "/2023Q" in what:
                equal(world.obligation(what)["due_day"], is_, f"{change} {what}")
        equal(plan(world, "--diff", path, "--at", "2023-10-02"), {}, "nothing is left to change")
        # What has opened comes under the new rule by an act only.
        world.must("musterctl", "rebase", "quarterly-progress/2023Q3/jxj", "--reason", "the same for all")
        equal(world.obligation("quarterly-progress/2023Q3/jxj")["due_day"], "2023-10-16", "rebased")
        equal(world.obligation("quarterly-progress/2023Q3/jtj")["due_day"], "2023-10-11", "the others stay")
        day = world.ctl("explain", "quarterly-progress/2023Q3/jxj")["day 2023-10-16"]
        equal((day["weekday"], day["n"]), ("mon", 7), "explained")
        equal(world.ctl("replay")["differences"], "0", "replay")
        done = world.run("musterctl", "--home", world.home("unit:jxj"), "plan", "--diff", path)
        check(done.returncode != 0 and "may not" in done.stderr, "contacts are not for every unit")


def unfold(text):
    return re.sub(r"\r?\n[ \t]", "", text)


def events(text):
    return [dict(line.split(":", 1) for line in event.strip().splitlines() if ":" in line)
            for event in re.findall(r"BEGIN:VEVENT(.*?)END:VEVENT", unfold(text), re.S)]


def test_year_ahead_from_a_file_and_from_a_broker():
    with World("plan", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-07-03")
        args = ("--from", "2023-07-03", "--to", "2024-01-31", "--duty", "quarterly-progress")
        from_file = json.loads(world.must("musterctl", "calendar", harness.JINGNING, *args, "--json"))
        equal(json.loads(world.must("musterctl", "calendar", *args, "--json")), from_file, "file and broker")
        # The broker knows what was extended, and who may know of it.
        world.must("musterctl", "extend", "quarterly-progress/2023Q2/jxj", "--until", "2023-07-20", "--reason", "flood")
        mine = json.loads(world.must("musterctl", "--home", world.home("unit:rsj"), "calendar", "--json"))
        equal({row["bearer"] for row in mine}, {"rsj"}, "a unit's own year")
        moved = [row for row in json.loads(world.must("musterctl", "calendar", *args, "--unit", "jxj", "--json"))
                 if row["period"] == "2023Q2"]
        equal([row["due_day"] for row in moved], ["2023-07-20"], "extended")
        feed = world.must("musterctl", "calendar", *args, "--ical")
        check(feed.startswith("BEGIN:VCALENDAR") and "VERSION:2.0" in feed, feed[:200])
        found = {event["UID"]: event for event in events(feed)}
        equal(found["quarterly-progress/2023Q2/jxj"]["DTSTART;VALUE=DATE"], "20230720", "the feed's day")
        equal(len(found), len(from_file), "an event for each")
        for language, name, due in (("en", "Economy and Information Technology Bureau", "Due: 2023-07-20 24:00 +08:00"),
                                    ("zh_CN", "市经信局", "截止: 2023-07-20 24:00 +08:00")):
            whole = world.must("musterctl", "calendar", *args, "--ical", language=language)
            event = {e["UID"]: e for e in events(whole)}["quarterly-progress/2023Q2/jxj"]
            check(f"2023Q2 ({name})" in event["SUMMARY"], event["SUMMARY"])
            check(event["DESCRIPTION"].startswith(due) and "quarterly-progress/2023Q2/jxj\\n" in event["DESCRIPTION"], event["DESCRIPTION"])
        far = world.must("musterctl", "calendar", harness.JINGNING, "--from", "2028-01-01", "--to", "2028-06-30",
                         "--duty", "quarterly-progress", "--ical")
        check(all(event["SUMMARY"].endswith("provisional") for event in events(far)), "provisional is said")
        zh = world.must("musterctl", "calendar", harness.JINGNING, "--from", "2028-01-01", "--to", "2028-06-30",
                         "--duty", "quarterly-progress", "--ical",
                        language="zh_CN")
        check(all("暂定" in event["SUMMARY"] for event in events(zh)), "in Chinese, too")


if __name__ == "__main__":
    main(test_two_files_are_compared, test_plan_against_a_broker_is_what_a_reload_does,
         test_year_ahead_from_a_file_and_from_a_broker)
