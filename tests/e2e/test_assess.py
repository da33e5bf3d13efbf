#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`musterctl assess`: rates and points by original and by effective due dates side by side, the formula with every
result, as known on a date and as known now, and what the office bears itself flagged."""
import harness
from harness import World, check, equal, main

Q1 = "quarterly-progress/2023Q1"


def by_group(world, *args):
    rows = world.ctl("assess", "--period", "2023Q1", "--duty", "quarterly-progress", *args)
    return {row["group"]: row for row in rows if "note" not in row}


def test_both_views_as_known_then_and_now():
    with World("assess", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-04-07")
        equal(world.client("unit:jxj").submit("quarterly-progress", "2023Q1", harness.progress("in time", "jxj"))["code"], "ok", "g1")
        world.must("musterctl", "extend", f"{Q1}/jtj", "--until", "2023-04-20", "--reason", "flood")
        world.must("musterctl", "waive", f"{Q1}/nyj", "--reason", "no")
        world.clock_run("2023-04-14T10:00")
        equal(world.client("unit:jtj").submit("quarterly-progress", "2023Q1", harness.progress("within", "jtj"))["code"], "ok", "g2")
        then = by_group(world)
        equal(world.client("unit:lyj").submit("quarterly-progress", "2023Q1", harness.progress("late", "lyj"))["code"], "ok", "g4")
        world.clock_run("2023-04-25")
        now = by_group(world)
        rates = {group: (row["original_rate"], row["rate"]) for group, row in now.items()}
        equal(rates["g1"], ("100.0%", "100.0%"), "in time")
        equal(rates["g2"], ("0.0%", "100.0%"), "in time by the extension only")
        equal(rates["g3"], ("", ""), "waived: nothing is due")
        equal((rates["g4"], now["g4"]["effective"]["late"]), (("0.0%", "0.0%"), 1), "late")
        equal((rates["g5"], now["g5"]["effective"]["open"]), (("0.0%", "0.0%"), 1), "open and overdue counts against")
        check("on_time" in now["g1"]["formula"] and now["g1"]["rubric_version"] == 1, "formula and rubric")
        for row in now.values():
            check(row["effective"]["on_time"] <= row["effective"]["due"], "no more than 100 %")
        # As known on the 12th: what came later is not known, and no later act has rewritten it.
        known = by_group(world, "--as-known", "2023-04-12")
        equal((known["g4"]["effective"]["late"], known["g4"]["effective"]["open"]), (0, 1), "not known yet")
        equal(known["g2"]["not_due"], 1, "extended: not due yet")
        equal(then["g1"]["points"], now["g1"]["points"], "points stay")
        equal(by_group(world, "--as-known", "now")["g4"]["effective"]["late"], 1, "as known now")
        table = world.must("musterctl", "assess", "--period", "2023Q1")
        check("rate = (on time + in grace) / owed" in table and "points (rubric 1) = 100 × on time" in table
              and "− 10 × returns" in table, f"the formula stands under the table: {table}")
        chinese = world.must("musterctl", "assess", "--period", "2023Q1", language="zh_CN")
        check("得分（计分规则 1）= 100 × 按时" in chinese and "截至 " in chinese and "due by" not in chinese, f"in Chinese: {chinese}")
        units = world.must("musterctl", "assess", "--period", "2023Q1", "--duty", "quarterly-progress", "--by", "unit")
        check(units.startswith("Bearer ") and "\nEconomy and Information Technology Bureau " in units, f"a row for each unit says which: {units}")
        everything = world.ctl("assess", "--period", "2023", "--by", "duty")
        check(any(row["conflicts"] for row in everything if "note" not in row), "what the office judges of itself")


def test_who_may_and_what_is_wrong():
    with World("assess", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-04-25")
        for args, words in ((("--period", "2023X"), "2023X"), (("--period", "2023", "--by", "colour"), "by"),
                            (("--period", "2023", "--as-known", "yesterday"), "yesterday"),
                            (("--period", "2023", "--as-known", "2020-01-01"), "not known")):
            done = world.run("musterctl", "assess", *args)
            check(done.returncode != 0 and words in done.stderr, f"{args}: {done.stderr}")
        done = world.run("musterctl", "--home", world.home("unit:rsj"), "assess", "--period", "2023")
        check(done.returncode != 0 and "may not" in done.stderr, done.stderr)


def test_outlook_tells_who_may_be_late_and_why():
    with World("outlook", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-04-07")
        world.client("unit:jxj").submit("quarterly-progress", "2023Q1", harness.progress("in time", "jxj"))
        world.clock_run("2023-04-25")
        world.client("unit:jtj").submit("quarterly-progress", "2023Q1", harness.progress("late", "jtj"))
        world.clock_run("2023-07-03")
        client = world.client("unit:wjw")
        seq = client.queue("extension", duty="quarterly-progress", period="2023Q2", reason="flood", body={})
        client.push_waiting()
        equal(client.wait_receipt(seq)["code"], "ok", "the request")
        rows = {row["bearer"]: row for row in world.ctl("outlook", "--duty", "quarterly-progress", "--all") if "id" in row}
        reasons = {unit: {reason["reason"]: (reason["n"], reason["of"]) for reason in row["reasons"]}
                   for unit, row in rows.items()}
        equal(len(rows), 5, "one for each group")
        check("late-before" not in reasons["jxj"], f"jxj was on time: {reasons['jxj']}")
        equal(reasons["jtj"]["late-before"], (1, 1), "jtj was late")
        check("asked-for-time" in reasons["wjw"] and rows["wjw"]["likelihood"] == "likely", str(rows["wjw"]))
        check(all(row["advice"] is True for row in rows.values()), "it is advice")
        shown = {row["bearer"] for row in world.ctl("outlook", "--duty", "quarterly-progress", "--group", "g1")
                 if "id" in row}
        check(shown <= {"jxj"}, f"only the group: {shown}")
        table = world.must("musterctl", "outlook", "--duty", "quarterly-progress")
        check("1 of 1 earlier ones came late or never" in table and "no assessment" in table, table)
        zh = world.must("musterctl", "outlook", "--duty", "quarterly-progress", language="zh_CN")
        check("此前" in zh and "不计入考评" in zh and "earlier" not in zh and "advice" not in zh, zh)
        csv = world.must("musterctl", "outlook", "--duty", "quarterly-progress", "--csv")
        check(csv.startswith("id,due,days_left,likelihood,bearer,duty,reasons"), csv)
        home = world.home("unit:rsj")
        own = world.ctl("--home", home, "outlook", "--days", "90", "--all")
        equal({row["bearer"] for row in own if "id" in row}, {"rsj"}, "a member sees its own")


if __name__ == "__main__":
    main(test_both_views_as_known_then_and_now, test_who_may_and_what_is_wrong, test_outlook_tells_who_may_be_late_and_why)
