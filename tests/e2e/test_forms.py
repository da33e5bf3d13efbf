#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Forms, from both sides: what a clerk is told of a wrong file, word by word and in both languages, and what the
broker says of the same fault in a body that an independent client signed. tests/forms holds the programme, the right
file and what is told of each wrong one (NAME.en.txt, NAME.zh.txt; RENEW=1 writes them anew, to be read)."""
import copy
import os

import harness
from harness import SOURCE, World, check, equal

FORMS = SOURCE / "tests" / "forms"
RIGHT = (FORMS / "right.yaml").read_text(encoding="utf-8")
BODY = {
    "header": {"filled_in_by": "Ann", "checked_by": "Ben", "signed_off_by": "Cem", "phone": "040 123"},
    "summary": "all is well", "money": "12.50", "people": 40, "rate": "33.3", "audited": True,
    "closed_on": "2026-03-31", "state": "good", "author": "north-2",
    "areas": [{"area": "farms", "spent": "1.25"}],
    "tasks": [{"title": "a bridge", "helpers": ["north-2", "north-3"], "target": {"value": "1.5", "unit": "km"}},
              {"title": "a roof", "target": {"value": 200, "unit": "m2"}}],
    "difficulties": [{"title": "no road to the mill", "owner": "north-3", "helpers": ["north-1", "south-2"]}],
    "projects": [{"title": "a mill", "amount": "1200.50", "unit": "EUR"}, {"title": "a school", "amount": 7}]}
GONE = object()

# name: what of the right file becomes what; in the body, what at which path; what the broker's subject then names.
CASES = {
    "missing": (("summary: all is well\n", ""), ("summary", GONE), "summary: missing"),
    "empty": (("summary: all is well", "summary: ' '"), ("summary", " "), "summary: empty"),
    "header-missing": (("checked_by: Ben, ", ""), ("header.checked_by", GONE), "header.checked_by: missing"),
    "header-text": (("{filled_in_by: Ann, checked_by: Ben, signed_off_by: Cem, phone: \"040 123\"}", "Ann"),
                    ("header", "Ann"), "header: wrong-type"),
    "unknown-field": (("rate: 33.3", "rates: 33.3"), ("rates", "33.3"), "rates: unknown-field"),
    "unknown-column": (("spent: 1.25", "spend: 1.25"), ("areas.0.spend", "1"), "areas[0].spend: unknown-field"),
    "too-long": (("all is well", "all is well, " * 4), ("summary", "a" * 41), "summary: too-long"),
    "no-number": (("money: 12.50", "money: \"12,5\""), ("money", "12,5"), "money: wrong-type"),
    "no-whole-number": (("people: \"40\"", "people: 40.5"), ("people", "40.5"), "people: wrong-type"),
    "too-fine": (("money: 12.50", "money: 12.505"), ("money", "12.505"), "money: too-fine"),
    "too-big": (("money: 12.50", "money: 10000000000000"), ("money", 10000000000000), "money: too-big"),
    "below": (("money: 12.50", "money: -1"), ("money", -1), "money: below"),
    "above": (("money: 12.50", "money: 5000.01"), ("money", "5000.01"), "money: above"),
    "percent": (("rate: 33.3", "rate: 100.1"), ("rate", "100.1"), "rate: above"),
    "no-boolean": (("audited: true", "audited: perhaps"), ("audited", "true"), "audited: wrong-type"),
    "no-date": (("2026-03-31", "2026-02-30"), ("closed_on", "2026-02-30"), "closed_on: no-date"),
    "no-choice": (("state: good", "state: godo"), ("state", "godo"), "state: no-choice"),
    "no-unit": (("author: north-2", "author: nort-2"), ("author", "nort-2"), "author: no-unit"),
    "no-list": (("tasks:\n  - title: a bridge\n    helpers: [north-2, north-3]\n    target: {value: 1.5, unit: km}\n"
                 "  - title: a roof\n    target: {value: 200, unit: m2}", "tasks: a bridge"),
                ("tasks", "a bridge"), "tasks: wrong-type"),
    "no-area": (("area: roads", "area: raods"), ("areas.0.area", "roads"), "areas[0].area: no-area"),
    "area-twice": (("area: schools", "area: roads"), ("areas", [{"area": "farms"}, {"area": "farms"}]),
                   "areas[1].area: twice"),
    "not-covered": (("  - {area: schools, spent: 3}\n", ""), ("areas", []), "areas: not-covered"),
    "title-twice": (("title: a roof", "title: a bridge"), ("tasks.1.title", "a bridge"), "tasks[1].title: twice"),
    "too-many": (("tasks:\n", "tasks:\n" + "".join(f"  - {{title: t{n}, target: {{value: 1, unit: m}}}}\n"
                                                    for n in range(2))),
                 ("tasks", [{"title": f"t{n}", "target": {"value": 1, "unit": "m"}} for n in range(4)]),
                 "tasks: too-many"),
    "helper-unknown": (("[north-2, north-3]", "[north-2, west-1]"), ("tasks.0.helpers.1", "west-1"),
                       "tasks[0].helpers[1]: no-unit"),
    "nested": (("{value: 1.5, unit: km}", "{value: short, unit: ''}"), ("tasks.0.target.value", "short"),
               "tasks[0].target.value: wrong-type"),
    "difficulties-no-list": (("difficulties:\n  - title", "difficulties:\n    title"), ("difficulties", {"title": "t"}),
                             "difficulties: wrong-type"),
    "difficulties-many": (("difficulties:\n", "difficulties:\n  - title: one\n  - title: two\n"),
                          ("difficulties", [{"title": f"t{n}"} for n in range(3)]), "difficulties: too-many"),
    "difficulty-no-map": (("difficulties:\n", "difficulties:\n  - no water\n"), ("difficulties.1", "no water"),
                          "difficulties[1]: wrong-type"),
    "difficulty-unknown-key": (("    outside:", "    outsiders:"), ("difficulties.0.outsiders", "the county"),
                               "difficulties[0].outsiders: unknown-field"),
    "difficulty-title-missing": (("title: no road to the mill\n    text:", "text:"), ("difficulties.0.title", GONE),
                                 "difficulties[0].title: missing"),
    "difficulty-title-long": (("no road to the mill", "no road " * 31), ("difficulties.0.title", "路" * 241),
                              "difficulties[0].title: too-long"),
    "difficulty-twice": (("difficulties:\n", "difficulties:\n  - title: no road to the mill\n"),
                         ("difficulties.1", {"title": "no road to the mill"}), "difficulties[1].title: twice"),
    "difficulty-owner-unknown": (("owner: north-3", "owner: north-33"), ("difficulties.0.owner", "north-33"),
                                 "difficulties[0].owner: no-unit"),
    "difficulty-helpers-words": (("[south-1, south-2]", "south-1"), ("difficulties.0.helpers", "north-1"),
                                 "difficulties[0].helpers: wrong-type"),
    "difficulty-helpers-many": (("[south-1, south-2]", "[south-1, south-2, north-2]"),
                                ("difficulties.0.helpers", ["north-1", "north-2", "south-2"]),
                                "difficulties[0].helpers: too-many"),
    "difficulty-helper-unknown": (("[south-1, south-2]", "[south-1, south]"), ("difficulties.0.helpers.1", "south"),
                                  "difficulties[0].helpers[1]: no-unit"),
    "difficulty-helper-twice": (("[south-1, south-2]", "[south-2, south-2]"), ("difficulties.0.helpers.0", "south-2"),
                                "difficulties[0].helpers[1]: twice"),
    "difficulty-helper-itself": (("[south-1, south-2]", "[north-1, south-2]"), ("difficulties.0.helpers.0", "south-1"),
                                 "difficulties[0].helpers[0]: itself"),
    "projects-many": (("projects:\n", "projects:\n  - {title: a well}\n"), ("projects.2", {"title": "a well"}),
                      "projects: too-many"),
    "project-title-empty": (("title: a school", "title: ''"), ("projects.1.title", ""), "projects[1].title: empty"),
    "project-amount-below": (("1200.50", "-1200.50"), ("projects.0.amount", -1), "projects[0].amount: below"),
    "project-amount-list": (("about a million", "[1, 2]"), ("projects.1.amount", [1, 2]), "projects[1].amount: wrong-type"),
    "project-level-long": (("level: county", "level: " + "county " * 40), ("projects.0.level", "县" * 241),
                           "projects[0].level: too-long"),
}


def programme(world):
    """The programme beside a world, with its calendar's path written out."""
    path = world / "programme.yaml"
    text = (FORMS / "programme.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("../../config", str(SOURCE / "config")), encoding="utf-8")
    return path


def forms(name):
    directory = harness.pathlib.Path(harness.tempfile.mkdtemp(prefix=f"muster-{name}-"))
    world = World(name, programme=programme(directory), rehearse="2026-01-05", directory=directory)
    world.broker.start()
    return world


def staff(world, unit):
    """A unit's agent that knows its duties by now."""
    agent = world.agent(unit)
    harness.wait_for(lambda: agent.json("status")["connected"], f"{unit} to be connected", 60)
    duty = "quarterly" if unit in ("north-1", "south-1") else "exchange"
    harness.wait_for(lambda: "money" in agent("new", duty, "2026Q1", "--out", "-"), f"the brief of {unit}", 60)
    return agent


def changed(path, value):
    """The right body with another value at a path."""
    body = at = copy.deepcopy(BODY)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step in steps:
        at = at[step]
    if value is GONE:
        del at[last]
    elif isinstance(at, list) and last == len(at):
        at.append(value)
    else:
        at[last] = value
    return body


def test_wrong_files_are_told_word_by_word():
    check(len(CASES) >= 20, "fewer than twenty kinds")
    with forms("forms") as world:
        agent = staff(world, "north-1")
        right = world.dir / "right.yaml"
        right.write_text(RIGHT, encoding="utf-8")
        agent("submit", right, "--check")
        wrong = []
        for name, (change, _, _) in CASES.items():
            check(change[0] in RIGHT, f"{name}: {change[0]} is not in the right file")
            path = world.dir / f"{name}.yaml"
            path.write_text(RIGHT.replace(*change, 1), encoding="utf-8")
            for language, gettext in (("en", "en"), ("zh", "zh_CN")):
                done = agent.try_("submit", path, "--check", language=gettext)
                told = done.stderr.replace(f"{world.dir}/", "")
                golden = FORMS / f"{name}.{language}.txt"
                if os.environ.get("RENEW"):
                    golden.write_text(told, encoding="utf-8")
                expected = golden.read_text(encoding="utf-8") if golden.exists() else None
                if done.returncode != 1 or told != expected:
                    wrong.append(f"{golden.name}: exit {done.returncode}, told\n{told}expected\n{expected}")
        check(not wrong, "\n".join(wrong))
        equal(agent.json("receipts"), [], "queued by --check")


def test_broker_refuses_the_same_faults_and_takes_the_right_one():
    with forms("refused") as world:
        client = world.client("unit:south-1")
        for name, (_, (path, value), subject) in CASES.items():
            receipt = client.submit("quarterly", "2026Q1", changed(path, value))
            equal((receipt["code"], receipt["subject"]), ("form", f"quarterly/2026Q1/south-1: body.{subject}"), name)
        equal(world.obligation("quarterly/2026Q1/south-1")["work"], "awaiting", "after refused reports")
        equal(client.submit("quarterly", "2026Q1", BODY)["code"], "ok", "the right one")
        equal(world.obligation("quarterly/2026Q1/south-1")["work"], "submitted", "work")
        equal(world.verify_ledger()["refusals"], str(len(CASES)), "refusals in the ledger")


def test_filled_in_template_is_taken_by_the_broker():
    with forms("template") as world:
        agent = staff(world, "north-1")
        path = agent.fill("quarterly", "2026Q1", text="好")
        text = path.read_text(encoding="utf-8")
        for label in ("money that arrived", "million", "at most 5000.00", "good: good", "Roads", "at most 2 decimals"):
            check(label in text, f"{label} is not in the template:\n{text}")
        path.write_text(text.replace('state: "好"', "state: 良好").replace('author: "好"', "author: 北二"), encoding="utf-8")
        agent("submit", path, "--wait", "30")
        equal(world.obligation("quarterly/2026Q1/north-1")["work"], "submitted", "work")
        receipt = agent.json("receipts")[0]["receipt"]
        body = world.ctl("report", receipt)["body"]
        equal((body["state"], body["author"], body["money"], body["people"]), ("good", "north-2", 1, 1), "names became ids")


def test_new_report_begins_with_what_was_said():
    """The unit's own last report, and what the members sent to their lead: of nobody else."""
    with forms("prefill") as world:
        agent = staff(world, "north-1")
        said = {"header": BODY["header"], "summary": "from the south", "money": "77.77"}
        first = world.dir / "first.yaml"
        first.write_text(RIGHT, encoding="utf-8")
        agent("submit", first, "--wait", "30")
        world.clock_run("2026-04-02")
        equal(world.client("unit:south-2").submit("exchange", "2026Q2", said)["code"], "ok", "the other group's")
        for unit, money, people in (("north-2", "3.25", 4), ("north-3", 2, 5)):
            body = {**said, "summary": f"from {unit}\nwith \"quotes\"", "money": money, "people": people,
                    "projects": [{"title": f"bridge of {unit}"}]}
            equal(world.client(f"unit:{unit}").submit("exchange", "2026Q2", body)["code"], "ok", unit)
        text = agent("new", "quarterly", "2026Q2", "--out", "-")
        for line in ("# last said (2026Q1): 12.50", "# the members' figures: 5.25 altogether, from 2 of them",
                     "# carried over from 2026Q1", 'people: "40"', 'money: ""', "# North Two said, in exchange of 2026Q2",
                     "#   money: 3.25", '#   summary: from north-3 with "quotes"', "    # last said (2026Q1): 1.25",
                     "#   projects:\n#     -\n#       title: bridge of north-3\n"):
            check(line in text, f"{line!r} is not in\n{text}")
        check("south" not in text and "77.77" not in text, f"another group's words are in\n{text}")
        zh = agent("new", "quarterly", "2026Q2", "--out", "-", language="zh_CN")
        check("北二" in zh and "沿用 2026Q1 的内容" in zh and "百万元" in zh, f"not in Chinese:\n{zh}")
        # What the members said is a comment: an untouched file is refused, a filled one taken.
        path = agent.fill("quarterly", "2026Q2", text="x")
        text = path.read_text(encoding="utf-8").replace('state: "x"', "state: slow").replace('author: "x"', "author: ''")
        path.write_text(text, encoding="utf-8")
        agent("submit", path, "--wait", "30")
        member = staff(world, "north-2")
        check("north-3" not in member("new", "exchange", "2026Q2", "--out", "-"), "a member sees another's report")
        # Returned, the whole of it stands in the new file, lists of difficulties and projects too.
        world.must("musterctl", "review", "exchange/2026Q2/north-2", "--return", "--reason", "twice the same")
        harness.wait_for(lambda: "Returned: " in member("new", "exchange", "2026Q2", "--out", "-"), "the brief to say so")
        again = world.dir / "again.yaml"
        member("new", "exchange", "2026Q2", "--out", again)
        text = again.read_text(encoding="utf-8")
        for line in ('money: "3.25"', 'summary: "from north-2\\nwith \\"quotes\\""', 'title: "bridge of north-2"'):
            check(line in text, f"{line!r} is not in\n{text}")
        member("submit", again, "--wait", "30")
        found = next(row for row in world.ctl("contents", "--unit", "north-2") if row["period"] == "2026Q2")["body"]
        equal((found["summary"], found["money"], [entry["title"] for entry in found["projects"]]),
              ("from north-2\nwith \"quotes\"", "3.25", ["bridge of north-2"]), "submitted as it had been")
        world.broker.kill()
        done = agent.try_("new", "quarterly", "2026Q3", "--out", "-")
        check(done.returncode == 0 and 'money: ""' in done.stdout and "does not say" in done.stderr, f"{done.stdout}{done.stderr}")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
