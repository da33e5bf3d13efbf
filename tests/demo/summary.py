# SPDX-License-Identifier: Apache-2.0
"""What the demo shows at its beginning and at its end: the year's table, what was sent and received, the clauses
that were exercised, and where to look further."""
import pathlib
import shlex
import textwrap

import checks
import grid
import matters
import year

MARKS = {"on-time": ("✓", "green"), "on-time-attested": ("✓", "green"), "in-grace": ("in-grace", "yellow"),
         "late": ("late", "yellow"), "missing": ("missing", "red"), "": ("open", "dim")}
NAME_COLUMNS = 30
PAST_DUE = ("overdue", "escalated")


def is_still_owed(row):
    return row["phase"] in PAST_DUE and not row["verdict"]


# ---- the beginning ----

def show_opening(stage, screen, words):
    areas = sum(len(areas) for _, areas in stage.groups.values())
    screen.line(words.say("title"), "bold")
    screen.line(words.say("scale", groups=len(stage.groups), units=len(year.LEADS + year.MEMBERS), areas=areas,
                          begin=year.FROM, end=year.END[:10]))
    screen.line(words.say("joined", count=len(stage.agents), endpoint=stage.broker.members))
    screen.line(words.say("watching"))
    screen.line()


# ---- the table ----

def mark(row, words):
    """How one obligation came out: (text, colour)."""
    key, colour = MARKS[row["verdict"]]
    text = key if key == "✓" else words.say(key, days=row["days_late"])
    if row["returns"]:
        text += " ↺"
    if row["due"] != row["original_due"]:
        text += " +"
    if row["record_number"]:
        text += f" {row['record_number']}"
    return text, colour


def members_mark(rows, words):
    """How a group's members came out: how many on time, and each of the others."""
    on_time = [row for row in rows if row["verdict"] in ("on-time", "on-time-attested")]
    others = [mark(row, words) for row in rows if row not in on_time]
    text = "  ".join([f"{len(on_time)} ✓" + (" ↺" if any(row["returns"] for row in on_time) else "")]
                     + [text for text, _ in others])
    colours = [colour for _, colour in others] or ["green"]
    return text, "red" if "red" in colours else colours[0]


def meetings_row(lead, found, words):
    """How many meetings stood in the ledger at the end of each quarter; the last cell has the verdict too."""
    row = next(row for row in found["obligations"] if row["id"] == f"group-meeting/2023/{lead}")
    filed = sorted(report["at"][:7] for report in found["stored"]
                   if (report["duty"], report["unit"], report["act"]) == ("group-meeting", lead, "submit"))
    cells = []
    for number in range(1, 5):
        count = len(filed) if number == 4 else sum(month <= f"2023-{3 * number:02}" for month in filed)
        cells.append((f"{count}/{year.MEETINGS_OWED}", "green" if count >= number else "yellow"))
    text, colour = (words.say("overdue"), "red") if is_still_owed(row) else mark(row, words)
    cells[-1] = (f"{cells[-1][0]} {text}", colour)
    return cells


def show_posts(found, screen, words):
    def filled(duty):
        rows = [row for row in found["obligations"] if row["duty"] == duty]
        return f"{sum(row['work'] == 'closed' for row in rows)}/{len(rows)}"

    screen.line(words.say("posts", leader=filled("county-leader"), department=filled("county-department"),
                          liaison=filled("county-liaison"), contacts=filled("unit-contacts")))


def show_table(found, stage, screen, words):
    by_id = {row["id"]: row for row in found["obligations"]}
    rows = [[words.say("group"), words.say("task-list"), *year.QUARTERS, words.say("plan")]]
    for group, (lead, members) in year.GROUPS.items():
        rows.append(f"{group[1:]} {stage.groups[group][0]}")
        rows.append([f"  {grid.cut(stage.names[lead], NAME_COLUMNS)}", mark(by_id[f"task-list/once/{lead}"], words),
                     *(mark(by_id[f"quarterly-progress/{quarter}/{lead}"], words) for quarter in year.QUARTERS),
                     mark(by_id[f"annual-plan/2024/{lead}"], words)])
        rows.append([f"  {words.say('members', count=len(members))}", "",
                     *(members_mark([by_id[f"member-exchange/{quarter}/{member}"] for member in members], words)
                       for quarter in year.QUARTERS), ""])
        rows.append([f"  {words.say('meetings')}", "", *meetings_row(lead, found, words), ""])
    screen.line()
    screen.line(words.say("table", begin=year.FROM, end=year.END[:10]), "bold")
    screen.line()
    for line in grid.columns(rows, screen.colour):
        screen.line(line)
    screen.line()
    show_posts(found, screen, words)
    screen.line(words.say("legend"), "dim")
    show_not_on_time(found, stage, screen, words)


def show_not_on_time(found, stage, screen, words):
    rows = []
    for row in sorted(found["obligations"], key=lambda row: (row["original_due"], row["id"])):
        still = is_still_owed(row)
        if row["verdict"] not in ("late", "missing") and not still:
            continue
        key = {"": "overdue-still", "missing": "never"}.get(row["verdict"])
        text = words.say(key or ("late-by-1" if row["days_late"] == 1 else "late-by"), days=row["days_late"])
        rows.append([words.pick(row["title_zh"], row["title_en"]), "" if row["period"] == "once" else row["period"],
                     grid.cut(stage.names.get(row["bearer"], words.say("the-office")), NAME_COLUMNS), row["due_day"],
                     (text, MARKS["missing" if still else row["verdict"]][1])])
    screen.line()
    screen.line(words.say("not-on-time"), "bold")
    for line in grid.columns(rows, screen.colour, indent=2):
        screen.line(line)


# ---- sent and received ----

def check(found):
    """[(name of the check, what is wrong)]"""
    return [
        ("check-receipts", checks.receipts(found["queued"], found["stored"])),
        ("check-alerts", checks.alerts(found["watched"], found["logged"], found["told"])),
        ("check-ledger", checks.ledger(found["ledger"], found["replay"], found["stored"], found["logged"])),
        ("check-tasks", checks.tasks(found["tasks"], found["changes"], year.FIRST_TASKS, year.NEXT_TASKS, year.OWNERS,
                                     year.ISSUE_NUMBER, year.RECORD_NUMBERS)),
        ("check-difficulties", checks.difficulties(found["difficulties"], found["logged"], matters.DIFFICULTIES, year.LEAD_OF)),
        ("check-projects", checks.projects(found["projects"], matters.won())),
        ("check-verdicts", checks.verdicts(found["obligations"], year.expected(), year.EXTENDED)),
    ]


def show_checks(results, found, stage, screen, words):
    rows = [row for rows in found["queued"].values() for row in rows]
    places = {
        "queued": len(rows), "units": len(found["queued"]),
        "acknowledged": sum(row["state"] in ("received", "refused") for row in rows),
        "refused": sum(row["state"] == "refused" for row in rows), "stored": len(found["stored"]),
        "alerts": len(found["watched"]), "rows": found["ledger"]["rows"], "head": found["ledger"]["head"][:16],
        "difficulties": len(found["difficulties"]), "projects": len(found["projects"]),
        "replies": sum(len(row["replies"]) for row in found["difficulties"]),
        "project_units": len({row["owner"] for row in found["projects"]}), "tasks": len(found["tasks"]), "verdicts": len(year.expected()), "digest": checks.verdict_digest(found["obligations"]),
    }
    screen.line()
    screen.line(words.say("checks"), "bold")
    for name, faults in results:
        screen.line(f"  {'✗' if faults else '✓'} {words.say(name, **places)}", "red" if faults else "green")
        for fault in faults:
            screen.line(f"      {fault}", "red")
    screen.line(f"    {words.say('check-kills', agents=stage.kills_of_agents, brokers=stage.kills_of_broker)}")


# ---- the clauses ----

def more_of_clauses(found, words):
    """Duty → what there is to tell beside how often it was owed and done."""
    tasks, raised = found["tasks"], found["difficulties"]
    return {
        "sign-for": words.say(
            "clause-tasks", standing=len(tasks), areas=len({task["area"] for task in tasks}),
            done=sum(task["year"] == 2023 and task["percent"] == 100 for task in tasks), changed=len(found["changes"])),
        "difficulty-reply": words.say(
            "clause-difficulties", raised=len(raised), again=sum(row["round"] > 1 for row in raised),
            solved=sum(row["state"] == "solved" for row in raised),
            groups=max(len({matters.group_of(unit, year.GROUPS) for unit in (row["raiser"], *row["helpers"])})
                       for row in raised)),
    }


def show_clauses(found, stage, screen, words):
    screen.line()
    screen.line(words.say("clauses"), "bold")
    expected = year.expected()
    duties, more = {}, more_of_clauses(found, words)
    for row in found["obligations"]:
        if row["id"] in expected:
            duties.setdefault(row["duty"], []).append(row)
    for rows in (duties[duty] for duty in year.DUTIES):
        count = lambda verdict: sum(row["verdict"] == verdict for row in rows)
        screen.line(f"  · {rows[0]['clause']}", "cyan")
        key = "clause-counts" if rows[0]["duty"] in year.REPORTS else "clause-counts-done"
        screen.line("    " + words.say(
            key, duty=words.pick(rows[0]["title_zh"], rows[0]["title_en"]), owed=len(rows),
            reported=len(rows) - count("missing") - count(""), on_time=count("on-time"), late=count("late"),
            missing=count("missing"), returns=sum(row["returns"] for row in rows)))
        if rows[0]["duty"] in more:
            screen.line("    " + more[rows[0]["duty"]])
    screen.line(f"  · {words.say('clause-projects')}", "cyan")
    screen.line("    " + words.say("clause-projects-counts", won=len(found["projects"]),
                                   units=len({row["owner"] for row in found["projects"]}),
                                   reports=len(matters.PROJECTS)))
    acts = stage.acts
    screen.line(f"  · {words.say('clause-dispatch')}", "cyan")
    screen.line("    " + words.say("clause-dispatch-counts", received=acts["receive", "unit"],
                                   returned=acts["return", "unit"], urged=acts["urge", "unit"]))
    screen.line(f"  · {words.say('clause-office')}", "cyan")
    screen.line("    " + words.say("clause-office-counts", reviewed=acts["review", "office"],
                                   urged=acts["urge", "office"], extended=acts["extend", "office"]))


    screen.line(f"  {words.say('declared')}")
    for line in textwrap.wrap(" ".join(stage.declared), 96, break_on_hyphens=False):
        screen.line(f"    {line}", "dim")


# ---- where to look further ----

def _near(path):
    """A path as one would type it from here."""
    path, here = pathlib.Path(path), pathlib.Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def commands(found, stage, serving):
    """[(command, what it shows)], to be typed in this order."""
    home = lambda name: _near(stage.dir / f"home-{name}")
    overdue = next(row for row in found["logged"] if row["kind"] == "overdue")
    report = next(row for row in found["stored"] if row["duty"] == "quarterly-progress")
    rows = [] if serving else [(f"{_near(stage.dir / 'wake')} &", "try-wake")]
    rows += [
        (f". {_near(stage.dir / 'env')}", "try-env"),
        ("musterctl status", "try-status"),
        ("musterctl obligations --verdict late", "try-obligations"),
        ("musterctl show quarterly-progress/2023Q3/nyj", "try-show"),
        (f"musterctl report {report['receipt']}", "try-report"),
        (f"musterctl explain {overdue['number']}", "try-explain"),
        (f"muster-watch --home {home('office-stream')} --name again --since 0 --timeout 1", "try-watch"),
    ]
    if not serving:
        rows.append((f"muster-agent --home {home('nyj')} run &", "try-agent"))
    rows += [
        (f"muster-agent --home {home('nyj')} status", "try-unit"),
        (f"muster-agent --home {home('nyj')} inbox --all", "try-inbox"),
        ("musterctl clock run --to 2024-03-29", "try-clock"),
    ]
    return rows


def show_further(found, stage, screen, words, serving, kept):
    screen.line()
    screen.line(words.say("further"), "bold")
    if not serving and not kept:
        screen.line(f"  {words.say('further-gone')}")
        rows = [("./dev demo --keep DIR", "try-keep"), ("./dev demo --serve", "try-serve")]
    else:
        screen.line("  " + words.say("further-serve" if serving else "further-kept", dir=_near(stage.dir),
                                     now=year.END))
        rows = commands(found, stage, serving)
        if not serving:
            rows.append(("./dev demo --serve", "try-serve"))
    for line in grid.columns([[command, (words.say(what), "dim")] for command, what in rows], screen.colour, indent=4):
        screen.line(line)
    if serving:
        screen.line(f"  {words.say('serving')}")
    screen.line()
