# SPDX-License-Identifier: Apache-2.0
"""Difficulties and projects of the demo's year: what reports list, who replies, confirms and raises again, and how all of it
must stand at the end. Pure data, like year.py, which plays it. All of it is invented."""
from collections import namedtuple

REPORT = "quarterly-progress"

# One that a lead's report raises, and that units of two other groups are asked to help with. rounds: when it was raised, who
# replied when, when the raiser confirmed that it is solved; a second round begins with the raiser's word that it is not.
Difficulty = namedtuple("Difficulty", "id raiser period helpers outside title text rounds")
Round = namedtuple("Round", "raised replies confirmed")

DIFFICULTIES = (
    Difficulty("d1", "jxj", "2023Q1", ("slj", "zrj"), "省水利厅", "丽景园工业供水不足",
               "新落地的两家企业日缺水约三千吨，需协调取水指标和管线用地。",
               (Round("2023-04-07 16:40", {"slj": "2023-04-14 10:20", "zrj": "2023-04-24 09:20"}, "2023-04-25 15:00"),)),
    Difficulty("d2", "wjw", "2023Q2", ("czj", "fgw"), "", "县域医共体设备更新资金缺口",
               "两家分院设备已超期使用，缺口约八百万元。",
               (Round("2023-07-07 17:30", {"czj": "2023-07-13 11:00", "fgw": "2023-07-18 16:10"}, "2023-07-20 10:00"),
                Round("2023-08-28 09:30", {"czj": "2023-09-05 15:40", "fgw": "2023-09-07 10:30"}, "2023-09-12 14:00"))),
)
# Ten working days after 7 April end on the 21st; the 23rd is a Sunday that was worked, the 24th the second day too late.
LATE_REPLIES = {"difficulty-reply/once/zrj/d1": 2}
AGAIN = "市级资金未列入年中调整，缺口仍在"
REPLIES = {"slj": "已核增取水指标，七月底前通水。", "zrj": "管线用地已纳入年度计划。",
           "czj": "列入设备更新专项，分两年安排。", "fgw": "已报省级专项，月底前批复。"}

# (lead, quarter) → what its report lists as won.
PROJECTS = {
    ("jtj", "2023Q1"): ({"title": "农村公路改造提升", "amount": 1200, "unit": "万元", "level": "省级"},),
    ("wjw", "2023Q2"): ({"title": "县域医共体能力提升", "amount": "860.5", "unit": "万元", "level": "省级"},),
    ("nyj", "2023Q3"): ({"title": "茶产业强镇", "amount": 1000, "unit": "万元", "level": "中央"},
                        {"title": "高标准农田", "amount": "约三百万元", "level": "市级"}),
    # What was won before is said again, with what was added.
    ("jtj", "2023Q4"): ({"title": "农村公路改造提升", "amount": 1500, "unit": "万元", "level": "省级", "remark": "追加300万元"},
                        {"title": "智慧公交站点", "amount": 90, "unit": "万元", "level": "市级"}),
    ("lyj", "2023Q4"): ({"title": "林下经济示范基地", "amount": 420, "unit": "万元", "level": "省级"},),
}


def listed(unit, duty, period):
    """What a unit's report lists: key → entries."""
    if duty != REPORT:
        return {}
    found = {"difficulties": [{"title": d.title, "text": d.text, "helpers": list(d.helpers),
                               **({"outside": d.outside} if d.outside else {})}
                              for d in DIFFICULTIES if (d.raiser, d.period) == (unit, period)],
             "projects": list(PROJECTS.get((unit, period), ()))}
    return {key: entries for key, entries in found.items() if entries}


def say(day, act):
    """The words after the reports: replies, confirmations, and what was raised again."""
    for d in DIFFICULTIES:
        for number, turn in enumerate(d.rounds):
            if number:
                day(turn.raised, act("difficulty", d.raiser, "raise-again", d.id, "--reason", AGAIN, story="raised-again"))
            for helper, at in turn.replies.items():
                late = reply_id(helper, d, number) in LATE_REPLIES
                day(at, act("difficulty", helper, "reply", d.id, "--text", REPLIES[helper],
                            story="replied-late" if late else None))
            last = number + 1 == len(d.rounds)
            day(turn.confirmed, act("difficulty", d.raiser, "confirm", d.id, story="solved" if last else None))


def reply_id(helper, difficulty, number):
    """The obligation of a reply in a round, counted from 0."""
    return f"difficulty-reply/once/{helper}/{difficulty.id}" + (f"-{number + 1}" if number else "")


def reply_ids():
    return [reply_id(helper, d, number) for d in DIFFICULTIES for number, turn in enumerate(d.rounds) for helper in turn.replies]


def won():
    """(unit, title) → what was said of it last."""
    return {(unit, project["title"]): project for (unit, _), projects in sorted(PROJECTS.items(), key=lambda row: row[0][1])
            for project in projects}


def group_of(unit, groups):
    return next(group for group, (lead, members) in groups.items() if unit in (lead, *members))
