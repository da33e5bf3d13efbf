#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Difficulties and projects, with real agents: one that crosses three groups is raised, answered, confirmed and
raised again; whom it does not concern can read nothing of it, by no way; a killed broker loses none; what reports
bring up is registered and never scored; and the year replays."""
import re

import harness
from harness import World, check, equal, wait_for

PATIENCE_S = 60
WAIT = ("--wait", "60")


def ids(rows):
    return [row["id"] for row in rows]


def test_a_difficulty_crosses_three_groups():
    with World("matters", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-03-01")
        rsj, fgw, kjj = (world.agent(unit) for unit in ("rsj", "fgw", "kjj"))
        done = rsj.try_("difficulty", "raise", "--title", "t", "--helpers", "nobody", *WAIT)
        check(done.returncode == 1 and "nobody" in done.stderr, f"a helper that is no unit: {done.stderr}")
        rsj("difficulty", "raise", "--title", "no water for the park", "--helpers", "fgw,kjj", "--outside", "省水利厅", *WAIT)
        mine = rsj.json("difficulties")
        equal([(row["id"], row["owner"], row["helpers"], row["waiting"]) for row in mine],
              [("d1", "jxj", ["fgw", "kjj"], 2)], "what was raised")
        wait_for(lambda: any(alert["kind"] == "difficulty-raised" for alert in fgw.json("inbox", "--all")),
                 "the helper to hear of it", PATIENCE_S)
        # Raiser, owner, helpers, their leads and the office read it; nobody else does, in no list.
        for unit, sees in (("jxj", True), ("jtj", True), ("nyj", True), ("swj", False), ("zrj", False), ("lyj", False)):
            home = world.home(f"unit:{unit}")
            equal(ids(world.ctl("--home", home, "difficulties")), ["d1"] if sees else [], f"difficulties for {unit}")
            told = [row["kind"] for row in world.ctl("--home", home, "alerts")]
            equal("difficulty-raised" in told, sees, f"alerts for {unit}")
            if not sees:
                whole = "".join(world.must("musterctl", "--home", home, verb, "--json")
                                for verb in ("obligations", "reports", "difficulties", "alerts"))
                check("d1" not in whole.replace('"id"', "") or "difficulty" not in whole, f"{unit} reads of it: {whole}")
        equal(ids(world.ctl("difficulties", "--unit", "kjj")), ["d1"], "the office, by unit")
        equal(ids(world.ctl("difficulties", "--unit", "swj")), [], "the office, by another unit")
        world.broker.kill()
        world.broker.start()
        fgw("difficulty", "reply", "1", "--text", "the pump comes on Monday", *WAIT)
        done = fgw.try_("difficulty", "reply", "1", "--text", "again", *WAIT)
        check(done.returncode == 1 and "d1" in done.stderr, f"a second reply: {done.stderr}")
        done = fgw.try_("difficulty", "confirm", "1", *WAIT)
        check(done.returncode != 0, "a helper confirms")
        world.clock_run("2023-03-21")
        row = world.ctl("difficulties")[0]
        equal((row["state"], row["waiting"], row["days_open"], [reply["unit"] for reply in row["replies"]]),
              ("open", 1, 20, ["fgw"]), "one of two has replied")
        overdue = [alert["audience"] for alert in world.ctl("alerts", "--kind", "overdue", "--unit", "kjj")
                   if "difficulty-reply" in alert["obligation"]]
        equal(sorted(overdue), ["unit:jxj", "unit:kjj", "unit:nyj"], "helper and both leads are told")
        kjj("difficulty", "reply", "d1", "--text", "we have no pump", *WAIT)
        rsj("difficulty", "confirm", "1", *WAIT)
        equal(world.ctl("difficulties")[0]["state"], "solved", "confirmed")
        done = rsj.try_("difficulty", "raise-again", "1", *WAIT)
        check(done.returncode == 1 and "reason" in done.stderr, f"without a reason: {done.stderr}")
        rsj("difficulty", "raise-again", "1", "--reason", "it stands still", *WAIT)
        row = world.ctl("difficulties")[0]
        equal((row["state"], row["waiting"], row["round"]), ("open", 2, 2), "raised again")
        world.clock_run("2023-04-25")
        row = world.ctl("difficulties", "--old")[0]
        check(row["old"] is True, "its age was told of")
        check("解决" in world.must("musterctl", "difficulties", language="zh_CN") or
              "待" in world.must("musterctl", "difficulties", language="zh_CN"), "Chinese")
        check(world.must("musterctl", "difficulties", "--csv").startswith("id,state,days_open,raiser"), "CSV")
        replay = world.ctl("replay")
        equal(replay["differences"], "0", f"replay: {replay}")


def file_with(agent, projects, difficulties):
    """The quarter's report file with these in the places of its two remarks."""
    path = agent.fill("member-exchange", "2023Q1")
    text = path.read_text(encoding="utf-8")
    for key, value in (("projects", projects), ("difficulties", difficulties)):
        text, count = re.subn(rf'(?m)^{key}: .*$', f"{key}: {value}", text)
        equal(count, 1, f"lines for {key} in {text}")
    path.write_text(re.sub(r'(?m)^difficulties: ""\n', "", text), encoding="utf-8")
    return path


def test_reports_bring_up_difficulties_and_projects():
    with World("matters", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-04-03")
        swj = world.agent("swj")
        refused = swj.try_("submit", file_with(swj, "[{amount: 1}]", '""'), *WAIT)
        check(refused.returncode == 1 and re.search(r"yaml:\d+:\d+: error: the project's title is missing", refused.stderr), f"a project without a title: {refused.stderr}")
        equal(world.ctl("projects"), [], "nothing of it is kept")
        swj("submit", file_with(swj, "[{title: water works, amount: 1200, unit: 万元, level: province}, {title: school}]",
                                "[{title: no land, helpers: [zrj]}]"), *WAIT)
        equal([(row["title"], row["amount"], row["owner"]) for row in world.ctl("projects")],
              [("water works", "1200", "swj"), ("school", "", "swj")], "projects")
        equal([row["title"] for row in world.ctl("difficulties")], ["no land"], "difficulties")
        # Its group reads the report and the projects, not what concerns a few.
        rsj, fgw = world.home("unit:rsj"), world.home("unit:fgw")
        number = world.obligation("member-exchange/2023Q1/swj")["receipt"]
        shown = world.ctl("--home", rsj, "report", number)["body"]
        check("projects" in shown and "difficulties" not in shown, f"to a member of the group: {shown}")
        check("difficulties" in world.ctl("report", number)["body"], "to the office")
        equal(len(world.ctl("--home", rsj, "projects")), 2, "projects for the group")
        equal(world.ctl("--home", fgw, "projects"), [], "projects for another group")
        equal(world.ctl("--home", rsj, "difficulties"), [], "difficulties for another member")
        assessed = world.ctl("assess", "--period", "2023Q1")
        check("water works" not in str(assessed), "a project is never scored")
        equal(world.ctl("replay")["differences"], "0", "replay")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
