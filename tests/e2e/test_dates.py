#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The dates that were worked by hand from the plan and the State Council's notices, out of `musterctl
calendar` and out of a running broker. A due *date* is due at the next local midnight, half-open."""
import datetime
import json

import harness
from harness import World, check, equal

# (duty, period): due date, and the date through which grace lasts where that is another.
BY_HAND = {
    ("task-list", "once"): ("2023-01-03", None),             # issue + 20 working days
    ("quarterly-progress", "2023Q1"): ("2023-04-10", None),  # 5 April is a holiday
    ("quarterly-progress", "2023Q3"): ("2023-10-11", None),  # make-up days on 7 and 8 October
    ("quarterly-progress", "2023Q4"): ("2024-01-08", None),  # due in January, counted in 2023
    ("annual-plan", "2024"): ("2023-11-30", None),
    ("annual-plan", "2025"): ("2024-11-29", "2024-11-30"),   # 30 November is a Saturday: obeys the clause as well
    ("annual-plan", "2026"): ("2025-11-28", "2025-11-30"),
    ("member-exchange", "2023Q1"): ("2023-03-24", None),
    ("member-exchange", "2023Q2"): ("2023-06-25", None),     # a make-up Sunday
    ("member-exchange", "2023Q3"): ("2023-09-21", None),
    ("member-exchange", "2023Q4"): ("2023-12-22", None),
}
BEARERS = {"task-list": 5, "quarterly-progress": 5, "annual-plan": 5, "member-exchange": 26}
FIELDS = ("programme", "duty", "period", "bearer", "group", "counterpart", "opens", "due", "grace_until", "provisional",
          "clause")


def midnight_after(date):
    day = datetime.date.fromisoformat(date) + datetime.timedelta(days=1)
    return f"{day.isoformat()}T00:00:00+08:00"


def check_by_hand(rows):
    for (duty, period), (due, grace) in BY_HAND.items():
        found = [row for row in rows if (row["duty"], row["period"]) == (duty, period)]
        equal(len(found), BEARERS[duty], f"bearers of {duty} {period}")
        for row in found:
            equal(row["due"], midnight_after(due), f"due of {duty} {period} of {row['bearer']}")
            equal(row["grace_until"], midnight_after(grace or due), f"grace of {duty} {period} of {row['bearer']}")
            equal(row["provisional"], False, f"provisional, {duty} {period}")


def calendar(world, programme, start, end):
    return json.loads(world.must("musterctl", "calendar", programme, "--from", start, "--to", end, "--json"))


def test_calendar_prints_the_dates_worked_by_hand():
    with World("dates") as world:
        rows = calendar(world, harness.JINGNING, "2022-12-01", "2025-12-31")
        check_by_hand(rows)
        for row in rows:
            check(all(field in row for field in FIELDS), f"fields of {row}")
        impossible = {(row["duty"], row["period"]) for row in rows if not row["applicable"]}
        equal(impossible, {("group-meeting", "2022")}, "what was impossible from the start")
        check(("quarterly-progress", "2022Q4") not in {(row["duty"], row["period"]) for row in rows},
              "the first quarter is 2023Q1, by a setting")
        # The check has teeth: any other date would be noticed.
        try:
            check_by_hand([{**row, "due": row["due"].replace("2023-10-12", "2023-10-07")} for row in rows])
        except harness.Failure:
            pass
        else:
            raise harness.Failure("a wrong date went unnoticed")


def test_first_quarter_is_a_setting():
    with World("dates") as world:
        text = harness.JINGNING.read_text(encoding="utf-8")
        changed = text.replace("first: 2023Q1 # D\n    due: {after-end: 5 working-days}",
                               "first: 2022Q4\n    due: {after-end: 5 working-days}")
        check(changed != text, "the programme's first quarter has moved in its file")
        for name in ("programme.yaml", "workdays.csv"):
            (world.dir / name).write_text((harness.JINGNING.parent / name).read_text(encoding="utf-8"), encoding="utf-8")
        (world.dir / "programme.yaml").write_text(changed, encoding="utf-8")
        rows = calendar(world, world.dir / "programme.yaml", "2023-01-01", "2023-01-31")
        equal({row["due"] for row in rows if row["period"] == "2022Q4"}, {midnight_after("2023-01-09")}, "due of 2022Q4")


def test_dates_in_an_uncovered_year_are_provisional():
    with World("dates") as world:
        rows = calendar(world, harness.JINGNING, "2026-12-01", "2027-03-31")
        by_period = {row["period"]: row["provisional"] for row in rows if row["duty"] == "quarterly-progress"}
        equal(by_period, {"2026Q4": True}, "provisional")


def test_broker_owes_what_the_calendar_prints():
    with World("dates", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2025-12-05")
        rows = world.ctl("obligations")
        check_by_hand(rows)
        printed = {row["id"]: row for row in calendar(world, harness.JINGNING, "2022-11-01", "2026-12-31")}
        for row in rows:
            wanted = printed[row["id"]]
            row["bearer"] = row["bearer"] or "office"
            for field in FIELDS:
                equal(row[field] or None, wanted[field] or None, f"{field} of {row['id']}")
            check(all(field in row for field in ("phase", "work", "verdict", "original_due")), f"fields of {row}")
            equal(row["original_due"], row["due"], f"original due of {row['id']}")
        owed = {row["id"] for row in rows}
        for id, row in printed.items():
            if row["enforced"] and row["opens"] <= "2025-12-04":
                check(id in owed, f"{id} is printed, and the broker does not know it")
        unowed = {row["id"] for row in rows if row["work"] == "not-applicable"}
        equal(unowed, {id for id, row in printed.items() if row["enforced"] and not row["applicable"]}, "what is not owed")
        check("annual-plan/2023/jxj" in unowed, "the annual plan for 2023 was impossible from the start")


if __name__ == "__main__":
    harness.main(test_calendar_prints_the_dates_worked_by_hand, test_first_quarter_is_a_setting,
                 test_dates_in_an_uncovered_year_are_provisional, test_broker_owes_what_the_calendar_prints)
