#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A task list's life with the real programs on the real programme: written, refused at its place, returned, changed,
approved, issued as a batch, signed for, reported on, and followed by the next year's plan; what the office and the
units see of it on the way; and that the ledger gives the same when it is replayed."""
import csv
import io
import re

import harness
from harness import World, check, equal, wait_for

LIST = "task-list/once/jtj"
ISSUE = "issue/once/office/1"


def stage():
    world = World("tasks", rehearse="2022-12-05")
    world.broker.start()
    return world


def join(world, *units):
    agents = [world.agent(unit) for unit in units]
    for agent in agents:
        agent.wait_log("session-open")
    return agents


def task(title, owner, due="2023-12-31", value="10", area="g2-1", more=""):
    return (f'  - title: "{title}"\n    area: "{area}"\n    owner: "{owner}"\n{more}'
            f'    target: {{value: "{value}", unit: "公里"}}\n    due: "{due}"\n')


def write(agent, period, *tasks, duty="task-list"):
    """The blank file with these tasks in the place of its own."""
    path = agent.fill(duty, period)
    text = path.read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^tasks:\n(?:  .*\n)+", "tasks:\n" + "".join(tasks), text)
    check(changed != text, f"the blank file shows no tasks: {text}")
    path.write_text(changed, encoding="utf-8")
    return path


def submit(agent, path):
    check("receipt" in agent("submit", path, "--wait"), "no receipt")


def tasks(world, *words):
    return {row["id"]: row for row in world.ctl("tasks", *words)}


def refused(done, *words, code=1):
    equal(done.returncode, code, f"exit code of {done.args}, which said {done.stdout}{done.stderr}")
    for word in words:
        check(word in done.stderr + done.stdout, f"{word!r} is not in {done.stderr + done.stdout!r}")


def test_wrong_lists_are_refused_at_their_place():
    with stage() as world:
        (lead,) = join(world, "jtj")
        blank = lead.fill("task-list", "once").read_text(encoding="utf-8")
        for word in ('area: "g2-1"', "Planning and building the transport network", "jiaotou", "jnx"):
            check(word in blank, f"{word!r} is not in the blank file: {blank}")
        path = write(lead, "once", task("路", "jxj", "2022-12-05", "many"), task("路", "jtj", more="    colour: red\n    helpers: [jxj, jxk]\n"))
        done = lead.try_("submit", path)
        refused(done, "errors found: 6", "helpers: unknown unit: jxk", "no unit that can own a task of this group: jxj", "must lie ahead",
                "its value must be a figure above 0", "stands twice in its focus area", "unknown field: colour")
        named = lead.fill("task-list", "once")
        named.write_text("duty: task-list\nperiod: once\ntasks:\n" + task("路", "市交投公司", more='    helpers: ["jxx", "jxj", "jxj"]\n')
                         + "uncovered:\n  g9-9: none\nheader: {filled_in_by: a, checked_by: b, signed_off_by: c, phone: d}\n",
                         encoding="utf-8")
        refused(lead.try_("submit", named), "errors found: 4", "write its id: jiaotou", "unknown unit: jxx", "stands twice: jxj",
                ":11:9: error: uncovered: the group has no such focus area: g9-9")
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, column in re.findall(r"\.yaml:(\d+):(\d+): error", done.stderr):
            check(int(column) > 1 and lines[int(number) - 1].strip(), f"{number}:{column} is no place in the file")
        # A file that nobody has checked is refused by the broker alike, and consumes its number.
        client = world.client("unit:jtj", name="other")
        answer = client.submit("task-list", "once", {"tasks": [{"title": "路", "area": "g9", "owner": "jtj"}]})
        equal(answer["code"], "form", "the broker's answer")
        equal(tasks(world), {}, "tasks of refused lists")


def through_approval(world, lead):
    submit(lead, write(lead, "once", task("联络线", "jtj"), task("危桥改造", "jiaotou", "2023-06-30"),
                       task("隧道", "jnx", "2024-06-30")))
    world.must("musterctl", "review", LIST, "--return", "--reason", "隧道由县里另行安排")
    # What was returned stands in the new file, to be corrected: nobody copies it by hand.
    again = world.dir / "again.yaml"
    wait_for(lambda: "Returned: " in lead("new", "task-list", "once", "--out", "-"), "the brief to say so")
    lead("new", "task-list", "once", "--out", again)
    text = again.read_text(encoding="utf-8")
    for word in ('title: "危桥改造"', 'owner: "jiaotou"', 'target: {value: "10", unit: "公里"}', 'due: "2024-06-30"',
                 'filled_in_by: "'):
        check(word in text, f"{word!r} is not in {text}")
    check("nothing is wrong" in lead("submit", again, "--check"), "the file as it was reported")
    submit(lead, write(lead, "once", task("联络线", "jtj", value="12.5", more='    helpers: ["jxj"]\n'),
                       task("危桥改造", "jiaotou", "2023-06-30"), task("公交化", "twb")))
    found = world.ctl("versions", LIST, "--only", "2")
    equal(sorted((row["change"], row["title"], row["field"], row["was"], row["is"]) for row in found),
          [("added", "公交化", "", "", "twb"), ("changed", "联络线", "helpers", "", "jxj"),
           ("changed", "联络线", "target", "10 公里", "12.5 公里"), ("dropped", "隧道", "", "jnx", "")], "what version 2 changed")
    helpers = [row for row in found if row["field"] == "helpers"]
    equal([(row["is_zh"], row["is_en"], row["field_zh"]) for row in helpers],
          [("市经信局", "Economy and Information Technology Bureau", "协助单位")], "for people")
    equal([row["change"] for row in world.ctl("versions", LIST, "--only", "1")], ["added"] * 3, "what version 1 is")
    equal({row["state"] for row in tasks(world).values()}, {"proposed"}, "states")
    equal(list(tasks(world, "--state", "dropped")), ["g2-03"], "dropped")
    world.must("musterctl", "review", LIST, "--approve")
    equal(world.obligation(ISSUE)["due_day"], "2022-12-12", "five working days after the approval")


def test_a_list_from_its_submission_to_the_next_years_plan():
    with stage() as world:
        lead, owner, helper, other = join(world, "jtj", "jiaotou", "jxj", "rsj")
        refused(world.run("musterctl", "issue", "--number", "1"), "no approved list waits")
        through_approval(world, lead)
        refused(world.run("musterctl", "--home", world.home("unit:rsj"), "issue", "--number", "1"), "may not do that", code=4)
        world.must("musterctl", "issue", "--number", "丽团组办〔2022〕1号")
        equal((world.obligation(ISSUE)["work"], world.obligation(ISSUE)["record_number"]),
              ("closed", "丽团组办〔2022〕1号"), "the batch")
        equal({(row["id"], row["state"], row["source"]) for row in tasks(world).values()},
              {(f"g2-{n:02}", "issued", "丽团组办〔2022〕1号") for n in (1, 2, 4)}, "in force")

        # Signing for them: each owner its own, once; nobody another's.
        world.clock_run("2022-12-06")
        wait_for(lambda: [a for a in owner.json("inbox", "--all") if a["obligation"] == "sign-for/once/jiaotou/g2-02"],
                 "the reminder to sign")
        refused(helper.try_("sign-for", "g2-02"), "no task g2-02 waits")
        check("receipt" in owner("sign-for", "--all", "--wait"), "no receipt for signing")
        equal(owner("sign-for", "--all"), "nothing waits to be signed for\n", "signed for already")
        lead("sign-for", "g2-01", "--wait")
        equal({row["id"]: row["signed_for"] for row in tasks(world).values()},
              {"g2-01": True, "g2-02": True, "g2-04": False}, "signed for")
        equal(world.obligation("sign-for/once/jiaotou/g2-02")["verdict"], "on-time", "verdict of signing")

        # What each unit sees of them: its group's, those it helps with, and no others.
        equal([row["id"] for row in helper.json("tasks")], ["g2-01"], "a helper of another group")
        equal([row["id"] for row in owner.json("tasks")], ["g2-01", "g2-02", "g2-04"], "the group's")
        equal([row["id"] for row in owner.json("tasks", "--own")], ["g2-02"], "its own")
        equal(other.json("tasks"), [], "another group's")

        # Progress, and the lights.
        world.clock_run("2023-03-01")
        equal({row["id"]: row["light"] for row in tasks(world).values()}, {"g2-01": "yellow", "g2-02": "red", "g2-04": "yellow"},
              "nothing is done after 87 days of 392, 208 and 392")
        owner("progress", "quarterly-progress", "2023Q1", "--task", "g2-02", "--percent", "40", "--value", "2.5", "--wait")
        refused(owner.try_("progress", "quarterly-progress", "2023Q1", "--task", "g2-02", "--percent", "41", "--light", "red",
                           "--wait"), "needs a reason")
        for words, said, code in (
                (("member-exchange", "2023Q1", "--task", "g2-02", "--percent", "41"), "name quarterly-progress instead", 1),
                (("quarterly-progress", "2023Q1", "--task", "g2-02", "--percent", "140"), "--percent: must be a whole number", 1),
                (("quarterly-progress", "2023Q1", "--task", "g9-02", "--percent", "41"), "--task: no task in force", 1),
                (("quarterly-progress", "2023Q1", "--task", "g2-02", "--percent", "41", "--value", "x"), "--value: is no figure", 1),
                (("quarterly-progress", "2023Q1", "--task", "g2-02"), "--task needs --percent", 2),
                (("quarterly-progress", "2023Q1", "--percent", "41"), "--percent goes with --task", 2),
                (("quarterly-progress", "2023Q1", "--task", "g2-02", "--percent", "41", "--file", "x"), "takes --text", 2),
                (("quarterly-progress", "2023Q1"), "either --text or --file", 2)):
            refused(owner.try_("progress", *words), said, code=code)
        equal([row["act"] for row in owner.json("receipts")].count("progress"), 1, "what was queued for all that")
        helper("progress", "quarterly-progress", "2023Q1", "--task", "g2-01", "--percent", "30", "--light", "red", "--reason",
               "用地未批", "--wait")
        row = tasks(world, "--light", "red")
        equal(list(row), ["g2-01"], "red")
        equal([task["id"] for task in world.ctl("tasks", "--light", "红灯", "--state", "已签收", language="zh_CN")], ["g2-01"],
              "asked for in the reader's language")
        refused(world.run("musterctl", "tasks", "--light", "红灯"), "green|yellow|red", code=2)
        equal((row["g2-01"]["light_given"], row["g2-01"]["reason"]), (True, "用地未批"), "the light that was given")

        # The quarter's report begins with the last state, and tells what it leaves out.
        world.clock_run("2023-04-03")
        path = lead.fill("quarterly-progress", "2023Q1")
        text = path.read_text(encoding="utf-8")
        equal(re.findall(r'id: "(g2-\d\d)"\n    percent: "(\d+)"', text), [("g2-01", "30"), ("g2-02", "40"), ("g2-04", "0")],
              "the last state")
        check('value: "2.5"' in text, "the figure is not carried over")
        check("(Transport Bureau, target 12.5 公里 by 2023-12-31, red)" in text, text)
        zh = lead("new", "quarterly-progress", "2023Q1", "--out", "-", language="zh_CN")
        check("（市交通运输局，目标 12.5 公里，2023-12-31截止，红灯）" in zh, zh)
        part = path.with_name("part.yaml")
        part.write_text(re.sub(r'(?m)^  # 公交化.*\n  - id: "g2-04"\n(?:    .*\n)+', "", text), encoding="utf-8")
        refused(lead.try_("submit", part), "a task of the group is missing: g2-04")
        submit(lead, path)
        equal(world.obligation("quarterly-progress/2023Q1/jtj")["work"], "closed", "the report")

        # The broker dies and comes back: nothing is different.
        before = tasks(world)
        world.broker.kill()
        world.broker.start()
        equal(tasks(world), before, "tasks after a kill")

        # The plan on record is the next year's list.
        world.clock_run("2023-11-01")
        submit(lead, write(lead, "2024", task("联络线开工", "jtj", "2024-12-31"), duty="annual-plan"))
        world.must("musterctl", "review", "annual-plan/2024/jtj", "--record")
        row = tasks(world, "--year", "2024")
        equal([(r["id"], r["source"], r["from"], r["state"]) for r in row.values()], [("g2-05", "2024-01", "2024-01-01", "issued")],
              "the next year's")
        lead("sign-for", "g2-05", "--wait")
        equal(world.ctl("replay")["differences"], "0", "replayed")
        check(int(world.ctl("replay")["items"]) == 5, "items compared")
        check(int(world.ctl("ledger", "verify")["moves"]) > 15, "moves of items in the ledger")


def test_lists_are_tables_json_and_csv_in_both_languages():
    with stage() as world:
        (lead,) = join(world, "jtj")
        through_approval(world, lead)
        rows = list(csv.DictReader(io.StringIO(world.must("musterctl", "tasks", "--csv"))))
        equal([(row["id"], row["owner"], row["state"]) for row in rows],
              [("g2-01", "jtj", "approved"), ("g2-02", "jiaotou", "approved"), ("g2-04", "twb", "approved")], "CSV")
        for language, words in (("en", ("Owner", "approved")), ("zh_CN", ("责任单位", "已审核"))):
            text = world.must("musterctl", "tasks", language=language)
            for word in words:
                check(word in text, f"{word!r} is not in {text!r}")
        refused(world.run("musterctl", "tasks", "--light", "blue"), "green|yellow|red", code=2)
        refused(world.run("musterctl", "versions", "task-list/once/nobody"), "no obligation is called")


def test_every_version_of_a_list_is_shown():
    """More of them than an obligation's record holds, across a broker that is killed in between."""
    count = 12
    with stage() as world:
        for number in range(1, count + 1):
            body = {**harness.task_list("of the group"),
                    "tasks": [{"title": "路", "area": "g2-1", "owner": "jtj", "target": {"value": number, "unit": "公里"},
                               "due": "2023-12-31"}]}
            equal(world.client("unit:jtj").submit("task-list", "once", body)["code"], "ok", f"version {number}")
            if number < count:
                world.must("musterctl", "review", LIST, "--return", "--reason", f"{number}")
            if number == count - 1:
                world.broker.kill()
                world.broker.start()
        found = [(row["version"], row["change"], row["was"], row["is"]) for row in world.ctl("versions", LIST)]
        equal(found, [(1, "added", "", "jtj")] + [(number, "changed", f"{number - 1} 公里", f"{number} 公里")
                                                  for number in range(2, count + 1)], "what each version changed")
        equal([row["version"] for row in world.ctl("versions", LIST, "--only", "10")], [10], "one of those in between")
        equal(world.ctl("replay")["differences"], "0", "replay")


def test_an_issued_task_is_amended():
    with stage() as world:
        lead, owner, successor = join(world, "jtj", "jiaotou", "twb")
        through_approval(world, lead)
        world.must("musterctl", "issue", "--number", "1")
        owner("sign-for", "g2-02", "--wait")
        asked = ("g2-02", "--owner", "twb", "--due", "2023-09-30", "--helpers", "jiaotou,jxj", "--reason", "职能划转")
        wanted = [("owner", "jiaotou", "twb"), ("helpers", "", "jiaotou jxj"), ("due", "2023-06-30", "2023-09-30")]
        # What it would change, which changes nothing yet.
        shown = world.ctl("amend-task", *asked, "--preview")
        equal([(row["field"], row["was"], row["is"]) for row in shown], wanted, "the preview")
        equal(tasks(world)["g2-02"]["owner"], "jiaotou", "after a preview")
        before = world.verify_ledger()["acts"]
        refused(world.run("musterctl", "--home", world.home("unit:jtj"), "amend-task", *asked), "may not do that", code=4)
        refused(world.run("musterctl", "amend-task", "g2-02", "--owner", "jxj", "--reason", "x"), "owner")
        refused(world.run("musterctl", "amend-task", "g2-02", "--due", "2023-02-30", "--reason", "x"), "due")
        refused(world.run("musterctl", "amend-task", "g2-99", "--due", "2023-10-30", "--reason", "x"), "g2-99")
        equal(tasks(world)["g2-02"]["amended"], 0, "after refusals")
        done = world.ctl("amend-task", *asked)
        equal([(row["task"], row["field"], row["was"], row["is"]) for row in done], [("g2-02", *row) for row in wanted],
              "what was amended")
        row = tasks(world)["g2-02"]
        equal((row["owner"], row["due"], row["helpers"], row["state"], row["signed_for"], row["amended"]),
              ("twb", "2023-09-30", ["jiaotou", "jxj"], "issued", False, 1), "the task")
        check(int(world.verify_ledger()["acts"]) > int(before), "no act in the ledger")
        # The old owner, the new one and the helper are told why; the new one signs for it, and tells of it.
        for unit in ("jiaotou", "twb", "jxj", "jtj"):
            told = [alert["obligation"] for alert in world.ctl("alerts", "--kind", "task-amended")
                    if alert["audience"] == f"unit:{unit}"]
            equal(told, ["task/g2-02"], f"told {unit}")
        reason = world.ctl("alerts", "--kind", "task-amended")[0]["reason"]
        check("owner: jiaotou → twb" in reason and reason.endswith("职能划转"), f"the reason told: {reason}")
        wait_for(lambda: [a for a in successor.json("inbox", "--all") if a["kind"] == "task-amended"], "the new owner to hear")
        check("任务调整" in successor("inbox", "--all", language="zh_CN"), "in Chinese")
        refused(owner.try_("sign-for", "g2-02"), "no task g2-02 waits")
        world.broker.kill()
        world.broker.start()
        wait_for(lambda: successor.json("status")["connected"], "the new owner's agent to be back")
        successor("sign-for", "g2-02", "--wait")
        equal(world.obligation("sign-for/once/twb/g2-02.2")["work"], "closed", "signed for anew")
        equal(world.obligation("sign-for/once/jiaotou/g2-02")["work"], "closed", "the signature that there was")
        equal(tasks(world)["g2-02"]["state"], "signed", "the task")
        world.clock_run("2023-01-10")
        successor("progress", "quarterly-progress", "2023Q1", "--task", "g2-02", "--percent", "30", "--wait")
        equal(tasks(world)["g2-02"]["percent"], 30, "told by the new owner")
        equal(world.ctl("replay")["differences"], "0", "replay")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
