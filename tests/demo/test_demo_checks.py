#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The negative control of the demo: what its checks say of a sound year, and that each of them fails when the year
is sabotaged in one place. No process is started."""
import copy
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import checks  # noqa: E402
import grid  # noqa: E402
import matters  # noqa: E402
import render  # noqa: E402
import texts  # noqa: E402
import words  # noqa: E402
import year  # noqa: E402


def sound_reports():
    queued = {unit: [{"number": n + 1, "act": "submit", "duty": "member-exchange", "period": period, "obligation": "",
                      "bytes": 100 + n, "receipt": 10 * base + n, "state": "received"}
                     for n, period in enumerate(year.QUARTERS)]
              for base, unit in enumerate(("rsj", "swj"), 1)}
    queued["swj"][3]["state"] = "refused"  # a refusal consumes its number, and is stored
    stored = [{**{key: row[key] for key in ("receipt", "act", "duty", "period", "bytes")}, "unit": unit}
              for unit, rows in queued.items() for row in rows]
    return queued, stored


def sound_alerts():
    logged = [{"number": n, "kind": "reminder", "topic": "jingning/unit:rsj/reminder", "audience": "unit:rsj",
               "role": "clerk", "obligation": f"member-exchange/2023Q{n}/rsj", "duty": "member-exchange",
               "period": f"2023Q{n}", "bearer": "rsj", "group": "g1", "level": 0, "missed": 0, "rehearsal": True,
               "ledger_row": 20 + n, "reason": "", "instant": "2022-12-19T09:00:00+08:00",
               "fired": "2022-12-19T09:00:00+08:00", "due": "2023-01-04T00:00:00+08:00"} for n in range(1, 5)]
    watched = [{**row, "id": f"{row['number']:032x}", "reason": None, "instant": "2022-12-19T01:00:00+00:00",
                "fired": "2022-12-19T01:00:00+00:00", "due": "2023-01-03T16:00:00+00:00"} for row in logged]
    return watched, logged


def sound_ledger():
    return {"chain": "ok", "reports": "8", "alerts": "4", "security": "0"}


def sound_obligations():
    rows = []
    for name, (work, verdict, days, returns, record) in year.expected().items():
        due, original = year.EXTENDED.get(name, ("2023-04-11T00:00:00+08:00",) * 2)
        rows.append({"id": name, "work": work, "verdict": verdict, "days_late": days, "returns": returns,
                     "record_number": record, "due": due, "original_due": original})
    rows.append({**rows[0], "id": "quarterly-progress/2024Q1/jxj", "work": "awaiting", "verdict": ""})
    return rows


class Reports(unittest.TestCase):
    def sabotaged(self, hurt):
        queued, stored = sound_reports()
        hurt(queued, stored)
        return checks.receipts(queued, stored)

    def test_a_sound_year_is_content(self):
        self.assertEqual(checks.receipts(*sound_reports()), [])

    def test_a_lost_report_is_found(self):
        self.assertTrue(self.sabotaged(lambda queued, stored: stored.pop(2)))

    def test_a_report_stored_twice_is_found(self):
        self.assertTrue(self.sabotaged(lambda queued, stored: stored.append({**stored[0], "receipt": 99})))

    def test_a_receipt_given_twice_is_found(self):
        self.assertTrue(self.sabotaged(lambda queued, stored: stored.append(dict(stored[0]))))

    def test_a_receipt_for_two_reports_is_found(self):
        self.assertTrue(self.sabotaged(lambda queued, stored: queued["rsj"][1].update(receipt=10)))

    def test_an_unacknowledged_report_is_found(self):
        self.assertTrue(self.sabotaged(lambda queued, stored: queued["rsj"][0].update(state="queued", receipt=0)))

    def test_a_number_missing_in_an_outbox_is_found(self):
        self.assertTrue(self.sabotaged(lambda queued, stored: (queued["rsj"].pop(0), stored.pop(0))))

    def test_a_receipt_of_another_unit_is_found(self):
        self.assertTrue(self.sabotaged(lambda queued, stored: stored[0].update(unit="swj")))

    def test_a_body_of_another_size_is_found(self):
        self.assertTrue(self.sabotaged(lambda queued, stored: stored[0].update(bytes=1)))


class Alerts(unittest.TestCase):
    def sabotaged(self, hurt, told=4):
        watched, logged = sound_alerts()
        hurt(watched, logged)
        return checks.alerts(watched, logged, told)

    def test_a_sound_year_is_content(self):
        self.assertEqual(checks.alerts(*sound_alerts(), 4), [])

    def test_a_gap_in_what_was_received_is_found(self):
        self.assertTrue(self.sabotaged(lambda watched, logged: watched.pop(1)))

    def test_a_missing_last_alert_is_found(self):
        self.assertTrue(self.sabotaged(lambda watched, logged: (watched.pop(), logged.pop())))

    def test_an_alert_received_twice_is_found(self):
        self.assertTrue(self.sabotaged(lambda watched, logged: watched.insert(1, watched[0])))

    def test_one_alert_under_two_numbers_is_found(self):
        self.assertTrue(self.sabotaged(lambda watched, logged: watched[1].update(id=watched[0]["id"])))

    def test_a_gap_in_the_log_is_found(self):
        self.assertTrue(self.sabotaged(lambda watched, logged: (watched.pop(1), logged.pop(1)), told=3))

    def test_another_content_is_found(self):
        for key in (*checks.SAME_IN_BOTH, "reason"):
            self.assertTrue(self.sabotaged(lambda watched, logged, key=key: logged[2].update({key: "other"})), key)

    def test_another_instant_is_found(self):
        for key in checks.INSTANTS_IN_BOTH:
            self.assertTrue(self.sabotaged(
                lambda watched, logged, key=key: logged[2].update({key: "2022-12-19T09:00:01+08:00"})), key)


class Ledger(unittest.TestCase):
    def sabotaged(self, replayed=None, **changed):
        return checks.ledger({**sound_ledger(), **changed}, replayed or {"differences": "0", "alerts": "4"},
                             sound_reports()[1], sound_alerts()[1])

    def test_a_sound_year_is_content(self):
        self.assertEqual(self.sabotaged(), [])

    def test_a_broken_chain_is_found(self):
        self.assertTrue(self.sabotaged(chain="broken at row 7"))

    def test_rows_that_are_not_listed_are_found(self):
        self.assertTrue(self.sabotaged(reports="9"))
        self.assertTrue(self.sabotaged(alerts="3"))

    def test_another_year_in_the_replay_is_found(self):
        self.assertTrue(self.sabotaged(replayed={"differences": "1", "alerts": "4"}))
        self.assertTrue(self.sabotaged(replayed={"differences": "0", "alerts": "3"}))

    def test_a_security_event_is_found(self):
        self.assertTrue(self.sabotaged(security="1"))


class Verdicts(unittest.TestCase):
    def sabotaged(self, hurt):
        rows = sound_obligations()
        hurt({row["id"]: row for row in rows}, rows)
        return checks.verdicts(rows, year.expected(), year.EXTENDED)

    def test_a_sound_year_is_content(self):
        self.assertEqual(self.sabotaged(lambda by_id, rows: None), [])

    def test_every_single_verdict_counts(self):
        for name in year.expected():
            self.assertTrue(self.sabotaged(lambda by_id, rows, name=name: by_id[name].update(verdict="in-grace")), name)

    def test_each_side_of_a_verdict_counts(self):
        for key, value in (("work", "submitted"), ("days_late", 2), ("returns", 7), ("record_number", "x")):
            self.assertTrue(self.sabotaged(
                lambda by_id, rows: by_id["quarterly-progress/2023Q2/jtj"].update({key: value})), key)

    def test_a_missing_obligation_is_found(self):
        self.assertTrue(self.sabotaged(lambda by_id, rows: rows.pop(0)))

    def test_a_verdict_out_of_turn_is_found(self):
        self.assertTrue(self.sabotaged(
            lambda by_id, rows: by_id["quarterly-progress/2024Q1/jxj"].update(verdict="missing")))

    def test_a_due_date_that_moved_is_found(self):
        self.assertTrue(self.sabotaged(
            lambda by_id, rows: by_id["quarterly-progress/2023Q1/jxj"].update(due="2023-04-12T00:00:00+08:00")))
        self.assertTrue(self.sabotaged(
            lambda by_id, rows: by_id["quarterly-progress/2023Q3/nyj"].update(due="2023-10-20T00:00:00+08:00")))

    def test_the_digest_is_of_the_verdicts_alone(self):
        rows = sound_obligations()
        before = checks.verdict_digest(rows)
        again = copy.deepcopy(rows[::-1])
        again[0]["receipt"] = 7
        self.assertEqual(checks.verdict_digest(again), before)
        again[0]["days_late"] = 1
        self.assertNotEqual(checks.verdict_digest(again), before)


def sound_tasks():
    rows = []
    for tasks, of, percent in ((year.FIRST_TASKS, 2023, 100), (year.NEXT_TASKS, 2024, 0)):
        for task, area in tasks.items():
            lead = year.GROUPS[task[:2]][0]
            rows.append({"id": task, "area": area, "owner": year.OWNERS[area], "year": of, "percent": percent,
                         "source": year.ISSUE_NUMBER if of == 2023 else year.RECORD_NUMBERS[lead], "signed_for": True})
    return rows, [{"change": "changed", "area": "g3-4", "field": "target"}]


class Tasks(unittest.TestCase):
    def sabotaged(self, hurt):
        rows, changes = sound_tasks()
        hurt(rows, changes)
        return checks.tasks(rows, changes, year.FIRST_TASKS, year.NEXT_TASKS, year.OWNERS, year.ISSUE_NUMBER,
                            year.RECORD_NUMBERS)

    def test_sound_tasks_are_content(self):
        self.assertEqual(self.sabotaged(lambda rows, changes: None), [])

    def test_a_missing_task_is_found(self):
        self.assertTrue(self.sabotaged(lambda rows, changes: rows.pop(3)))

    def test_a_task_that_differs_is_found(self):
        for key, value in (("owner", "nobody"), ("source", ""), ("signed_for", False), ("percent", 99), ("year", 2022)):
            self.assertTrue(self.sabotaged(lambda rows, changes, key=key, value=value: rows[5].update({key: value})), key)

    def test_another_difference_between_versions_is_found(self):
        self.assertTrue(self.sabotaged(lambda rows, changes: changes.pop()))
        self.assertTrue(self.sabotaged(lambda rows, changes: changes[0].update(field="due")))


def sound_matters():
    """The rows that the year should leave behind, with the units concerned written out by hand."""
    rows, logged = [], []
    concerned = {"d1": ("jxj", "slj", "zrj", "nyj", "lyj"), "d2": ("wjw", "czj", "fgw", "lyj", "jtj")}
    for d in matters.DIFFICULTIES:
        replies = [{"unit": unit, "at": f"{at.replace(' ', 'T')}:00+08:00", "text": "x"}
                   for turn in d.rounds for unit, at in turn.replies.items()]
        rows.append({"id": d.id, "title": d.title, "raiser": d.raiser, "helpers": list(d.helpers), "outside": d.outside,
                     "state": "solved", "round": len(d.rounds), "waiting": 0, "replies": replies})
        logged += [{"kind": kind, "obligation": f"difficulty/{d.id}", "audience": audience}
                   for kind in ("difficulty-raised", "difficulty-confirmed") for _ in d.rounds
                   for audience in ("office", *(f"unit:{unit}" for unit in concerned[d.id]))]
    projects = [{"owner": unit, "title": title, "amount": str(said["amount"]), "unit": said.get("unit", ""),
                 "level": said["level"], "remark": said.get("remark", "")} for (unit, title), said in matters.won().items()]
    return rows, logged, projects


class Matters(unittest.TestCase):
    def sabotaged(self, hurt):
        rows, logged, projects = sound_matters()
        hurt(rows, logged, projects)
        return [*checks.difficulties(rows, logged, matters.DIFFICULTIES, year.LEAD_OF), *checks.projects(projects, matters.won())]

    def test_a_sound_year_is_content(self):
        self.assertEqual(self.sabotaged(lambda rows, logged, projects: None), [])

    def test_one_crosses_three_groups_and_one_is_raised_again(self):
        crossed = [{matters.group_of(unit, year.GROUPS) for unit in (d.raiser, *d.helpers)} for d in matters.DIFFICULTIES]
        self.assertEqual([len(groups) for groups in crossed], [3, 3])
        self.assertEqual([len(d.rounds) for d in matters.DIFFICULTIES], [1, 2])

    def test_a_difficulty_that_differs_is_found(self):
        self.assertTrue(self.sabotaged(lambda rows, logged, projects: rows.pop()))
        for key, value in (("state", "answered"), ("round", 3), ("waiting", 1), ("raiser", "nyj"), ("helpers", ["slj"])):
            self.assertTrue(self.sabotaged(lambda rows, logged, projects, key=key, value=value:
                                           rows[0].update({key: value})), key)

    def test_a_reply_lost_doubled_or_another_units_is_found(self):
        self.assertTrue(self.sabotaged(lambda rows, logged, projects: rows[1]["replies"].pop()))
        self.assertTrue(self.sabotaged(lambda rows, logged, projects: rows[0]["replies"].append(rows[0]["replies"][0])))
        self.assertTrue(self.sabotaged(lambda rows, logged, projects: rows[0]["replies"][0].update(unit="swj")))
        self.assertTrue(self.sabotaged(lambda rows, logged, projects: rows[0]["replies"][0].update(at="2023-04-15T10:20")))

    def test_whoever_was_not_told_or_told_without_need_is_found(self):
        self.assertTrue(self.sabotaged(lambda rows, logged, projects: logged.pop()))
        self.assertTrue(self.sabotaged(lambda rows, logged, projects: logged.append({**logged[0], "audience": "unit:swj"})))

    def test_a_project_that_differs_is_found(self):
        self.assertTrue(self.sabotaged(lambda rows, logged, projects: projects.pop()))
        self.assertTrue(self.sabotaged(lambda rows, logged, projects: projects.append(dict(projects[0]))))
        for row in range(len(matters.won())):
            self.assertTrue(self.sabotaged(lambda rows, logged, projects, row=row: projects[row].update(amount="1")))


class Year(unittest.TestCase):
    def test_counts_are_the_plans(self):
        self.assertEqual((len(year.LEADS), len(year.MEMBERS), len(set(year.HOMES))), (5, 26, 32))
        self.assertEqual(len(texts.AREAS), 14)
        self.assertEqual(set(texts.MEMBERS), set(year.MEMBERS))
        self.assertEqual(len(year.expected()),
                         5 * (1 + 1 + 4) + 26 * 4 + 5 + 2 + 3 + (1 + 14 + 5 + 31) + 1 + 2 * 14 + 6)
        self.assertEqual(year.AREAS, tuple(texts.AREAS))
        self.assertLessEqual(set(year.EXCEPTIONS), set(year.expected()))

    def test_every_story_has_words(self):
        for _, acts in year.script():
            for act in acts:
                self.assertTrue(act.story is None or act.story in words.WORDS, act.story)

    def test_words_stand_in_both_languages(self):
        for key, both in words.WORDS.items():
            self.assertEqual(len(both), len(words.LANGUAGES), key)
            places = [set(__import__("re").findall(r"{(\w+)", text)) for text in both]
            self.assertEqual(places[0], places[1], key)

    def test_a_filled_in_form_leaves_nothing_empty_that_is_needed(self):
        form = ('duty: "quarterly-progress"\nperiod: "2023Q2"\nheader:\n  filled_in_by: ""   # who\n  checked_by: ""\n'
                '  signed_off_by: ""\n  phone: ""\nareas:\n  - id: "g3-1"\n    progress: ""\n  - id: "g3-2"\n'
                '    progress: ""\nsummary: ""\ndifficulties: ""\nprojects: ""\n')
        filled = texts.fill_in(form, "nyj")
        self.assertEqual(filled.count('""'), 1)  # no difficulties in the second quarter
        self.assertIn(texts.AREAS["g3-2"][1][1], filled)
        self.assertNotEqual(filled, texts.fill_in(form, "nyj", version=2))


    def test_filled_in_minutes_are_of_their_date(self):
        form = ('duty: "group-meeting"\nperiod: "2023"\nheader:\n  filled_in_by: ""\n  checked_by: ""\n'
                '  signed_off_by: ""\n  phone: ""\ndate: ""\nconvener: ""\nattendees: ""\ndecisions: ""\n')
        filled = texts.fill_in(form, "jxj", date="2023-02-16")
        self.assertNotIn('""', filled)
        self.assertIn('date: "2023-02-16"', filled)

    def test_nobody_on_record_is_somebody_else_too(self):
        people = [texts.person(number) for number in range(30 + 3 * 31)]
        self.assertEqual(len(set(people)), len(people))


class Pictures(unittest.TestCase):
    def test_wide_characters_take_two_columns(self):
        self.assertEqual(grid.width("市经信局 ✓"), 10)
        self.assertEqual(grid.cut("市经信局", 5), "市经…")
        lines = grid.columns([["市", "a"], ["xyz", ("b", "red")]], colour=False)
        self.assertEqual([grid.width(line) for line in lines], [6, 6])

    def test_colours_become_spans(self):
        picture = render.picture("\x1b[31m逾期\x1b[0m & <ok>\n", "t")
        self.assertIn(">逾期<", picture)
        self.assertIn("&amp; &lt;ok&gt;", picture)
        self.assertIn(render.PALETTE["31"], picture)


if __name__ == "__main__":
    unittest.main()
