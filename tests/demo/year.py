# SPDX-License-Identifier: Apache-2.0
"""The year that the demo plays: who does what at which instant of 2022-12-05 to 2024-01-31, and how the
programme must judge it. Pure data: nothing here talks to a process. What the units do is invented; the dates
are those of the programme, worked by hand."""
from collections import namedtuple

import matters
import texts

# The rehearsal may go on after the year's end, for whoever wants to try more.
FROM, TO, END = "2022-12-05", "2024-12-31", "2024-01-31 18:00"

GROUPS = {
    "g1": ("jxj", ("rsj", "swj", "szsyb", "kfq", "chengtou", "lsxy")),
    "g2": ("jtj", ("fgw", "twb", "jiaotou", "zxw")),
    "g3": ("nyj", ("kjj", "mzj", "slj", "nongtou", "wenlv", "lszy")),
    "g4": ("lyj", ("czj", "zrj", "hbj", "bsz", "dangxiao")),
    "g5": ("wjw", ("wgltj", "jyj", "zxyy", "rmyy", "zyy")),
}
LEADS = tuple(lead for lead, _ in GROUPS.values())
LEAD_OF = {member: lead for lead, members in GROUPS.values() for member in members}
MEMBERS = tuple(LEAD_OF)
COUNTY = "jnx"
HOMES = LEADS + MEMBERS + (COUNTY,)
AREAS = tuple(f"{group}-{n + 1}" for group, count in zip(GROUPS, (5, 1, 4, 1, 3)) for n in range(count))
# Focus area → who owns its task; the ids of the tasks of 2023, and of 2024, which follow them.
OWNERS = {area: texts.owner_of(area, *GROUPS[area[:2]]) for area in AREAS}
TASKS = {group: [area for area in AREAS if area.startswith(f"{group}-")] for group in GROUPS}
FIRST_TASKS = {f"{group}-{n + 1:02}": area for group, areas in TASKS.items() for n, area in enumerate(areas)}
NEXT_TASKS = {f"{group}-{len(areas) + n + 1:02}": area for group, areas in TASKS.items() for n, area in enumerate(areas)}
ISSUE_NUMBER = "丽团组办〔2023〕1号"
HOST = "fgw"  # the unit that houses the office
REPORTS = ("task-list", "quarterly-progress", "member-exchange", "annual-plan")
REPLIES = ("difficulty-reply",)
POSTS = ("county-leader", "county-department", "county-liaison", "unit-contacts")
DUTIES = REPORTS + ("issue", "sign-for", "group-meeting", "leaders-meeting", "assessment-quarter") + REPLIES + POSTS
CONTACTS = ("clerk", "deputy", "head")
QUARTERS = ("2023Q1", "2023Q2", "2023Q3", "2023Q4")

# One act. verb: a command of muster-agent by `who`, or of musterctl where who is "office", or one of
# the demo's own blows (see demo.py). story: a sentence of words.py that is told when it happens.
Act = namedtuple("Act", "verb who args options story")


def act(verb, who, *args, story=None, **options):
    return Act(verb, who, args, options, story)


def submit(who, duty, period, **options):
    return act("submit", who, duty, period, **options)


def exchange(who, period, **options):
    return submit(who, "member-exchange", period, **options)


def progress(who, period, **options):
    return submit(who, "quarterly-progress", period, **options)


def minutes(who, duty, period, date, **options):
    return submit(who, duty, period, date=date, **options)


def fill(who, what, name, *post, **options):
    return act("fill", who, *what, *post, "--name", name, "--phone", "0578-5000000", **options)


def receive(who, period):
    return act("receive", LEAD_OF[who], f"member-exchange/{period}/{who}")


def review(obligation, *words, **options):
    return act("review", "office", obligation, *words, **options)


# Member exchange: five instants before each due date at which members send theirs, two at which the
# leads receive what has come.
WAVES = {
    "2023Q1": ("03-15 10:20", "03-20 15:40", "03-22 09:30", "03-23 16:50", "03-24 14:10"),
    "2023Q2": ("06-13 09:45", "06-16 16:10", "06-19 10:30", "06-21 15:20", "06-25 09:30"),
    "2023Q3": ("09-12 10:00", "09-15 14:40", "09-18 09:20", "09-20 16:30", "09-21 11:00"),
    "2023Q4": ("12-12 09:50", "12-15 15:30", "12-19 10:40", "12-21 16:00", "12-22 10:15"),
}
RECEIVING = {
    "2023Q1": ("03-22 17:00", "03-28 10:00"),
    "2023Q2": ("06-19 17:00", "06-26 10:00"),
    "2023Q3": ("09-18 17:00", "09-26 10:00"),
    "2023Q4": ("12-19 17:00", "12-25 10:00"),
}
# Those who have a story of their own in a quarter.
APART = {
    "2023Q1": {"swj", "chengtou", "lsxy"},
    "2023Q2": {"kfq", "nongtou", "zyy", "dangxiao"},
    "2023Q3": {"twb", "slj", "kjj", "lszy", "czj"},
    "2023Q4": {"bsz", "rmyy"},
}


def _exchanges(day):
    for number, period in enumerate(QUARTERS):
        first, second = RECEIVING[period]
        waves = [f"2023-{wave}" for wave in WAVES[period]]
        for index, member in enumerate(MEMBERS):
            if member in APART[period]:
                continue
            at = waves[(index * 7 + number * 3) % len(waves)]
            day(at, exchange(member, period))
            day(f"2023-{first}" if at < f"2023-{first}" else f"2023-{second}", receive(member, period))


def _task_lists(day):
    day("2022-12-20 15:10", submit("jxj", "task-list", "once"))
    day("2022-12-26 10:00", review("task-list/once/jxj", "--approve"))
    day("2022-12-27 16:20", submit("nyj", "task-list", "once"))
    day("2022-12-28 09:40", submit("jtj", "task-list", "once"))
    day("2022-12-29 10:30", review("task-list/once/nyj", "--return", "--reason", "水网任务缺少量化指标，请补充",
                                   story="returned-task"))
    day("2023-01-03 14:00", submit("nyj", "task-list", "once", version=2))
    day("2023-01-03 23:59:59.999", submit("lyj", "task-list", "once", story="last-moment"))
    day("2023-01-05 10:00", *(review(f"task-list/once/{lead}", "--approve") for lead in ("jtj", "nyj", "lyj")))
    day("2023-01-05 16:00", submit("wjw", "task-list", "once", story="late-task"))
    day("2023-01-09 11:00", review("task-list/once/wjw", "--return", "--reason", "教育帮扶任务未明确责任处室"))
    day("2023-01-18 09:30", submit("wjw", "task-list", "once", version=2, story="late-correction"))
    day("2023-01-19 10:00", review("task-list/once/wjw", "--approve", story="approved"))


# Who signs for the tasks of 2023 after the holiday, and who is late with it: five working days from 20 January end on 1 February.
SIGNED, LATE_SIGNED, LATE_TASK = "2023-01-29 10:00", "2023-02-03 15:00", "g5-02"
# Those of 2024 are signed for as soon as their plan is on record.
SIGNED_NEXT = {"g1": "2023-11-27 14:00"}


def sign(task, areas):
    return act("sign-for", OWNERS[areas[task]], task)


def _signing(day):
    day("2023-01-20 10:00", act("issue", "office", "issue/once/office/1", "--number", ISSUE_NUMBER, story="issued"))
    day(SIGNED, *(sign(task, FIRST_TASKS) for task in FIRST_TASKS if task != LATE_TASK))
    day(LATE_SIGNED, act("sign-for", OWNERS[FIRST_TASKS[LATE_TASK]], LATE_TASK, story="signed-late"))
    for task in NEXT_TASKS:
        day(SIGNED_NEXT.get(task[:2], "2023-12-08 15:00"), sign(task, NEXT_TASKS))


def _quarterly(day):
    day("2023-04-04 10:10", progress("wjw", "2023Q1"))
    day("2023-04-06 15:30", progress("nyj", "2023Q1"))
    day("2023-04-07 16:40", progress("jxj", "2023Q1", story="raised"))
    day("2023-04-10 23:59", progress("jtj", "2023Q1", story="last-minute"))
    day("2023-04-12 09:30",
        act("reopen", "office", "quarterly-progress/2023Q1/nyj", "--reason", "复核"),
        review("quarterly-progress/2023Q1/nyj", "--return", "--reason", "茶叶项目经费数据与台账不一致，请核对"))
    day("2023-04-13 11:00", progress("lyj", "2023Q1", story="late-3"))
    day("2023-04-17 14:20", progress("nyj", "2023Q1", version=2, story="corrected"))

    day("2023-07-04 09:50", progress("lyj", "2023Q2"))
    day("2023-07-05 15:15", progress("jxj", "2023Q2"), progress("nyj", "2023Q2"))
    day("2023-07-07 17:30", progress("wjw", "2023Q2"))
    day("2023-07-08 20:15", progress("jtj", "2023Q2", story="saturday"))

    day("2023-10-08 10:00", progress("jxj", "2023Q3"))
    day("2023-10-09 09:40", act("extension", "nyj", "quarterly-progress", "2023Q3", "--until", "2023-10-18",
                                "--reason", "秋收测产数据尚未汇总", story="asks"))
    day("2023-10-10 16:00", act("extend", "office", "quarterly-progress/2023Q3/nyj", "--until", "2023-10-18",
                                "--reason", "同意，测产后报送", story="granted"))
    day("2023-10-11 23:59:59.999", progress("jtj", "2023Q3", story="on-time-ms"))
    day("2023-10-12 00:00", progress("wjw", "2023Q3", story="late-ms"))
    day("2023-10-17 11:20", progress("nyj", "2023Q3"))
    day("2023-10-25 10:00", act("urge", "office", "quarterly-progress/2023Q3/lyj", "--reason", "请于本周内报送",
                                story="urged-office"))
    day("2023-10-27 16:50", progress("lyj", "2023Q3", story="late-12"))

    day("2024-01-03 10:00", progress("wjw", "2023Q4"))
    day("2024-01-04 15:00", progress("jxj", "2023Q4"), progress("lyj", "2023Q4"))
    day("2024-01-08 16:30", progress("nyj", "2023Q4"))
    day("2024-01-10 09:20", progress("jtj", "2023Q4", story="late-2"))


def _plans(day):
    plan = "annual-plan"
    record = lambda lead: review(f"annual-plan/2024/{lead}", "--record")
    day("2023-11-20 10:30", submit("jxj", plan, "2024"))
    day("2023-11-23 09:30", record("jxj"))
    day("2023-11-24 15:00", submit("jtj", plan, "2024"))
    day("2023-11-28 10:00", review("annual-plan/2024/jtj", "--return", "--reason", "重点任务须明确责任单位和完成时限"))
    day("2023-11-29 16:45", submit("nyj", plan, "2024"))
    day("2023-11-30 23:59:59.999", submit("lyj", plan, "2024", story="plan-last"))
    day("2023-12-01 14:30", submit("jtj", plan, "2024", version=2))
    day("2023-12-04 11:10", submit("wjw", plan, "2024", story="plan-late"))
    day("2023-12-05 10:00", record("jtj"), record("nyj"), record("lyj"))
    day("2023-12-06 10:00", act("review", "office", "annual-plan/2024/wjw", "--record", story="on-record"))


def _stories(day):
    # First quarter: withdrawn and sent again; returned by the lead; late by a working day over a weekend.
    day("2023-03-16 09:00", exchange("chengtou", "2023Q1"))
    day("2023-03-16 15:30", act("withdraw", "chengtou", "member-exchange", "2023Q1", "--reason", "附表有误",
                                story="withdrawn"))
    day("2023-03-17 10:00", exchange("chengtou", "2023Q1", version=2))
    day("2023-03-21 09:10", exchange("swj", "2023Q1"))
    day("2023-03-21 16:00", act("return", "jxj", "member-exchange/2023Q1/swj", "--reason", "请补充购销金额",
                                story="returned-by-lead"))
    day("2023-03-23 10:45", exchange("swj", "2023Q1", version=2))
    day("2023-03-27 09:15", exchange("lsxy", "2023Q1", story="late-1"))
    day("2023-03-28 10:00", *(receive(unit, "2023Q1") for unit in ("chengtou", "swj", "lsxy")))

    # Second: an agent is killed with reports queued; the last millisecond of a make-up Sunday; urged by
    # the lead, and late; never.
    day("2023-06-20 16:00", act("agent-killed", "nongtou", "member-exchange", "2023Q2", story="agent-killed"))
    day("2023-06-25 23:59:59.999", exchange("kfq", "2023Q2", story="sunday"))
    day("2023-06-26 10:00", receive("kfq", "2023Q2"), receive("nongtou", "2023Q2"))
    day("2023-06-27 15:00", act("urge", "wjw", "member-exchange/2023Q2/zyy", "--reason", "组长会议周五召开",
                                story="urged-lead"))
    day("2023-06-28 11:00", exchange("zyy", "2023Q2"))
    day("2023-06-29 09:30", receive("zyy", "2023Q2"))
    day("2023-08-09 10:00", exchange("dangxiao", "2023Q2", refused="locked", story="locked"))

    # Third: the broker is killed while the clock runs and reminders go out, and units go on queueing; a
    # correction comes late, across a holiday with make-up days.
    day("2023-09-13 09:30", act("broker-killed-running", "office", "2023-09-15 09:30", "kjj", "lszy", "czj",
                                story="broker-killed"))
    day("2023-09-19 09:10", exchange("slj", "2023Q3"))
    day("2023-09-20 10:00", act("return", "nyj", "member-exchange/2023Q3/slj", "--reason", "治理里程与上季不衔接"))
    day("2023-09-25 16:30", exchange("twb", "2023Q3"))
    day("2023-09-26 10:00", *(receive(unit, "2023Q3") for unit in ("kjj", "lszy", "czj", "twb")))
    day("2023-10-07 10:20", exchange("slj", "2023Q3", version=2, story="correction-holiday"))
    day("2023-10-08 09:30", receive("slj", "2023Q3"))

    # Fourth: the broker is killed with reports on their way (the wave of 12-21); late by a week.
    day("2023-12-22 23:59:59.999", exchange("bsz", "2023Q4"))
    day("2023-12-25 10:00", receive("bsz", "2023Q4"))
    day("2023-12-29 17:20", exchange("rmyy", "2023Q4", story="late-5"))
    day("2024-01-02 10:00", receive("rmyy", "2023Q4"))


# ---- posts: who is on record ----

CONTACT_DAYS = ("2022-12-09 10:00", "2022-12-14 11:00", "2022-12-19 16:30")
LATE_CONTACTS = {"wenlv": "2022-12-20 10:00", "zyy": "2022-12-22 15:00"}
WITHOUT_HEAD = "zxw"  # names two of its three contacts
LATE_AREA, VACATED_AREA = "g3-2", "g5-1"


def department(area, name, **options):
    return fill(COUNTY, (f"county-department/once/{COUNTY}/{area}",), name, **options)


def _posts(day):
    day("2022-12-08 10:00", fill(COUNTY, ("county-leader", "once"), texts.person(0), story="leader"))
    day("2022-12-13 15:00", *(department(area, texts.person(1 + n)) for n, area in enumerate(AREAS)
                              if area != LATE_AREA))
    day("2022-12-15 09:30", *(fill(COUNTY, (f"county-liaison/once/{COUNTY}/{group}",), texts.person(20 + n))
                              for n, group in enumerate(GROUPS)))
    day("2022-12-21 11:00", department(LATE_AREA, texts.person(16), story="late-department"))
    for n, unit in enumerate(LEADS + MEMBERS):
        at = LATE_CONTACTS.get(unit, CONTACT_DAYS[n % len(CONTACT_DAYS)])
        for k, post in enumerate(CONTACTS):
            if unit != WITHOUT_HEAD or post != "head":
                day(at, fill(unit, ("unit-contacts", "once"), texts.person(30 + 3 * n + k), "--post", post))
    day("2023-05-08 10:00", act("vacate", COUNTY, f"county-department/once/{COUNTY}/{VACATED_AREA}", "--reason",
                                "工作调动", story="vacated"))
    day("2023-05-12 09:00", department(VACATED_AREA, texts.person(17), story="refilled"))


# ---- meetings, each by its minutes ----

MEETINGS = {
    "jxj": ("2023-02-16", "2023-05-18", "2023-08-17", "2023-11-16"),
    "jtj": ("2023-03-09", "2023-06-15", "2023-09-07", "2023-12-28"),
    "nyj": ("2023-02-23", "2023-05-25", "2023-08-24", "2023-11-23"),
    "lyj": ("2023-03-16", "2023-07-20", "2023-10-19"),
    "wjw": ("2023-03-02", "2023-06-08", "2023-09-14", "2023-12-14"),
}
MEETINGS_OWED = 4
LAST_MINUTES_OF_JTJ = "2024-01-03 09:30"


def _meetings(day):
    meeting = lambda lead, date, **options: minutes(lead, "group-meeting", "2023", date, **options)
    for lead, dates in MEETINGS.items():
        for date in dates:
            if (lead, date) != ("jtj", MEETINGS["jtj"][-1]):
                day(f"{date} 17:30", meeting(lead, date))
    day(LAST_MINUTES_OF_JTJ, meeting("jtj", MEETINGS["jtj"][-1], story="late-minutes"))
    day("2023-06-28 16:00", minutes(HOST, "leaders-meeting", "2023H1", "2023-06-27", story="leaders-meet"))
    day("2023-12-20 16:00", minutes(HOST, "leaders-meeting", "2023H2", "2023-12-19"))


# ---- what the office owes itself ----

ASSESSMENTS = {"2023Q1": ("2023-06-09 10:00", "2023-1", None), "2023Q2": ("2023-09-11 10:00", "2023-2", "office-late"),
               "2023Q3": ("2023-12-08 10:00", "2023-3", None)}


def _assessments(day):
    for period, (at, number, story) in ASSESSMENTS.items():
        day(at, act("publish", "office", f"assessment-quarter/{period}/office", "--number", number, story=story))


# The wave during which the broker is killed a second time.
BUSY_AT = "2023-12-21 16:00"


def script():
    """The instants in order, each with its acts in order: [(instant, [Act])]."""
    days = {}

    def day(at, *acts):
        days.setdefault(at, []).extend(acts)

    _task_lists(day)
    _signing(day)
    _exchanges(day)
    _quarterly(day)
    _plans(day)
    _stories(day)
    _posts(day)
    _meetings(day)
    _assessments(day)
    matters.say(day, act)
    return sorted(days.items())


# ---- how it must be judged ----

# What was not simply on time and at once, worked by hand: (verdict, working days late, times returned).
EXCEPTIONS = {
    "task-list/once/nyj": ("on-time", 0, 1),
    "task-list/once/wjw": ("late", 2, 1),
    "quarterly-progress/2023Q1/nyj": ("on-time", 0, 1),
    "quarterly-progress/2023Q1/lyj": ("late", 3, 0),
    "quarterly-progress/2023Q2/jtj": ("late", 1, 0),
    "quarterly-progress/2023Q3/wjw": ("late", 1, 0),
    "quarterly-progress/2023Q3/lyj": ("late", 12, 0),
    "quarterly-progress/2023Q4/jtj": ("late", 2, 0),
    "annual-plan/2024/jtj": ("on-time", 0, 1),
    "annual-plan/2024/wjw": ("late", 2, 0),
    "member-exchange/2023Q1/swj": ("on-time", 0, 1),
    "member-exchange/2023Q1/lsxy": ("late", 1, 0),
    "member-exchange/2023Q2/zyy": ("late", 3, 0),
    "member-exchange/2023Q2/dangxiao": ("missing", 0, 0),
    "member-exchange/2023Q3/twb": ("late", 2, 0),
    "member-exchange/2023Q3/slj": ("on-time", 0, 1),
    "member-exchange/2023Q4/rmyy": ("late", 5, 0),
    "group-meeting/2023/jtj": ("late", 2, 0),
    "group-meeting/2023/lyj": ("", 0, 0),  # overdue, and not locked yet
    "assessment-quarter/2023Q2/office": ("late", 1, 0),
    f"county-department/once/jnx/{LATE_AREA}": ("late", 2, 0),
    f"sign-for/once/{OWNERS[FIRST_TASKS[LATE_TASK]]}/{LATE_TASK}": ("late", 2, 0),
    **{reply: ("late", days, 0) for reply, days in matters.LATE_REPLIES.items()},
    "unit-contacts/once/wenlv": ("late", 1, 0),
    "unit-contacts/once/zyy": ("late", 3, 0),
    "unit-contacts/once/zxw": ("missing", 0, 0),
}
# In the order in which the office put them on record.
RECORD_NUMBERS = {"jxj": "2024-01", "jtj": "2024-02", "nyj": "2024-03", "lyj": "2024-04", "wjw": "2024-05"}
# Due dates that were moved: (effective, original).
EXTENDED = {"quarterly-progress/2023Q3/nyj": ("2023-10-19T00:00:00+08:00", "2023-10-12T00:00:00+08:00")}


def expected():
    """Obligation id → (work, verdict, days late, returns, record number) of all that falls due in the year."""
    ids = [f"{duty}/{lead}" for lead in LEADS
           for duty in ("task-list/once", "annual-plan/2024", *(f"quarterly-progress/{q}" for q in QUARTERS))]
    ids += [f"member-exchange/{quarter}/{member}" for quarter in QUARTERS for member in MEMBERS]
    ids += [f"group-meeting/2023/{lead}" for lead in LEADS]
    ids += [f"leaders-meeting/{half}/{HOST}" for half in ("2023H1", "2023H2")]
    ids += [f"assessment-quarter/{quarter}/office" for quarter in ASSESSMENTS]
    ids += ["issue/once/office/1"]
    ids += [f"sign-for/once/{OWNERS[area]}/{task}" for tasks in (FIRST_TASKS, NEXT_TASKS)
            for task, area in tasks.items()]
    ids += [f"county-leader/once/{COUNTY}"]
    ids += [f"county-department/once/{COUNTY}/{area}" for area in AREAS]
    ids += [f"county-liaison/once/{COUNTY}/{group}" for group in GROUPS]
    ids += [f"unit-contacts/once/{unit}" for unit in LEADS + MEMBERS]
    ids += matters.reply_ids()
    table = {}
    for obligation in ids:
        verdict, days, returns = EXCEPTIONS.get(obligation, ("on-time", 0, 0))
        work = "awaiting" if verdict in ("missing", "") else "closed"
        duty, period, bearer = obligation.split("/")[:3]
        record = {"issue": lambda: ISSUE_NUMBER, "annual-plan": lambda: RECORD_NUMBERS[bearer],
                  "assessment-quarter": lambda: ASSESSMENTS[period][1]}.get(duty, str)()
        table[obligation] = (work, verdict, days, returns, record)
    return table
