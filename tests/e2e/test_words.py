#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is said to people, in both languages: a refused act names the thing, what is wrong with it, and what to do;
and a Chinese reader is left no English word of ours."""
import re

import harness
from harness import World, check, equal, task_list

TASKS = "task-list/once/jxj"
PROGRESS = "quarterly-progress/2023Q1/jxj"


def lived_in(world):
    """Issued tasks, a closed and an open obligation, alerts: as far as May 2023."""
    world.broker.start()
    lists = {unit: (group, count) for unit, group, count in
             zip(harness.AREAS, ("g1", "g2", "g3", "g4", "g5"), harness.AREAS.values())}
    clients = {unit: world.client(unit) for unit in lists}
    for unit, (group, count) in lists.items():
        clients[unit].submit("task-list", "once", task_list("x", group, count, unit))
        world.must("musterctl", "review", f"task-list/once/{unit}", "--approve")
    world.must("musterctl", "issue", "--number", "2023-1")
    world.clock_run("2023-04-20T10:00")
    return clients


# Names of options and fields, and of programs: the same in every language.
NAMES = {"musterctl", "until", "owner", "due", "helpers", "body", "post", "successor", "obligation", "unit", "duty", "group", "head",
         "name", "to"}


def english(text, asked=()):
    """The words of ours in an answer that are English; what was asked, ids, and commands in backquotes are not ours."""
    text = re.sub(r"`[^`]*`|--[\w-]+|\S*[\d/@]\S*", " ", text)
    for word in (word for word in asked if len(str(word)) > 2):
        text = text.replace(str(word), " ")
    return [word for word in re.findall(r"[A-Za-z]{2,}", text) if word not in NAMES]


REFUSED = (
    # What is asked; what must stand in the answer in English and in Chinese.
    (("extend", PROGRESS, "--until", "2023-04-01", "--reason", "r", "--override"),
     (PROGRESS, "until", "must lie after the due date"), ("until", "须晚于现行截止日期", "请修改所指之处")),
    (("extend", PROGRESS, "--until", "2023-02-30", "--reason", "r"), ("2023-02-30", "is no date"), ("不是日期",)),
    (("review", TASKS, "--approve"), (TASKS, "closed"), ("已办结",)),
    (("amend-task", "g1-99", "--owner", "rsj", "--reason", "r"), ("g1-99", "musterctl tasks"), ("musterctl tasks",)),
    (("amend-task", "g1-01", "--owner", "nobody", "--reason", "r"), ("owner", "no unit that can own"), ("不能承担", "owner")),
    (("amend-task", "g1-01", "--due", "2020-01-01", "--reason", "r"), ("due", "a date ahead"), ("今后的日期",)),
    (("amend-task", "g1-01", "--owner", "jxj", "--reason", "r", "--preview"), ("nothing would change",), ("没有任何变化",)),
    (("grant", "unit:kjj", "--group", "g9", "--until", "2023-12-31", "--reason", "r"), ("g9",), ("g9",)),
    (("grant", "unit:kjj", "--group", "g3", "--until", "2023-12-31", "--reason", "r"), ("its own group",), ("本团组",)),
    (("grant", "unit:kjj", "--group", "g1", "--until", "2020-12-31", "--reason", "r"), ("until", "must lie ahead"), ("应在今天之后",)),
    (("explain", "nonsense"), ("nonsense", "musterctl alerts"), ("nonsense", "musterctl alerts")),
    (("explain", "99999"), ("99999", "musterctl alerts"), ("99999",)),
    (("report", "99999"), ("99999", "musterctl reports"), ("99999",)),
    (("export", "head", "1", "--out", "head.json"), ("the newest",), ("最新",)),
    (("clock", "run", "--to", "2020-01-01"), ("2020-01-01", "stands at", "2023-04-20T10:00"), ("不能倒退", "2023-04-20T10:00")),
    (("fill", "unit-contacts/once/jxj", "--name", "n", "--post", "king"), ("post", "none of the duty's posts"), ("不是该事项的岗位",)),
    (("fill", "unit-contacts/once/jxj", "--name", "n"), ("which of the duty's posts",), ("须写明",)),
    (("supersede", PROGRESS, "--successor", PROGRESS, "--reason", "r"), ("another obligation",), ("另一办件",)),
)


def test_refused_acts_say_what_is_wrong_and_what_to_do():
    with World("words", rehearse="2022-12-05") as world:
        lived_in(world)
        for words, *wanted in REFUSED:
            for language, parts in zip(("en", "zh_CN"), wanted):
                done = world.run("musterctl", *words, language=language)
                told = " ".join(done.stderr.split())
                check(done.returncode in (1, 2), f"{words}: exit {done.returncode}")
                for part in parts:
                    check(part in told, f"{words}: {part!r} is not in {told!r}")
                check(language == "en" or not english(told, words), f"{words}: {english(told, words)} in {told!r}")
        equal(world.ctl("replay")["differences"], "0", "lived again")


ASKED = (("status",), ("units",), ("obligations",), ("show", TASKS), ("explain", TASKS), ("explain", PROGRESS), ("reports",), ("alerts",),
         ("tasks",), ("versions", TASKS), ("issued",), ("assess", "--period", "2023Q1"), ("outlook", "--all"), ("figures",), ("contents",),
         ("clock", "show"), ("ledger", "verify"), ("ledger", "head"), ("replay",), ("reload",), ("keys",), ("grants",),
         ("projects",), ("difficulties",), ("calendar",))
# Words of other people, and keys of configuration: what a programme calls things, principals, roles of a time zone.
THEIRS = {"jingning", "musterd", "Asia", "Shanghai", "office", "unit", "uid", "UTC", "ms"}


def test_chinese_readers_are_left_no_english():
    with World("chinese", rehearse="2022-12-05") as world:
        lived_in(world)
        key = world.ctl("status")["sign_key"]
        world.must("musterctl", "export", "head", "--out", "head.json")
        units = {row["id"] for row in world.ctl("units")}
        for words in (*ASKED, ("verify", "head.json", "--key", key)):
            told = world.must("musterctl", *words, language="zh_CN")
            told = re.sub(r"(?m)^名称（英文）.*$", "", told)  # explain gives both, and says so
            left = sorted({word for word in english(told, words) if word not in THEIRS and word not in units})
            equal(left, [], f"English in {words}:\n{told}")
        told = world.must("musterctl", "verify", "head.json", "--key", key, language="zh_CN")
        check(re.search(r"核验结果 +有效", told) and "台账链头" in told, told)
        rights = world.must("musterctl", "rights", language="zh_CN")
        check("own：本单位" in rights, rights)
        (world.dir / "none.json").write_text("no JSON", encoding="utf-8")
        proof = (world.dir / "head.json").read_text(encoding="utf-8")
        (world.dir / "forged.json").write_text(re.sub(r'"row": \d+', '"row": 1', proof), encoding="utf-8")
        for name, english_words, chinese in (("none.json", "no JSON", "不是 JSON"), ("forged.json", "not what was signed", "内容与签名时不同"),
                                             ("there-is-none.json", "is the path right", "请核对路径")):
            for language, part in (("en", english_words), ("zh_CN", chinese)):
                done = world.run("musterctl", "verify", name, "--key", key, language=language)
                told = " ".join(done.stderr.split())
                check(done.returncode == 1 and part in told and "agent" not in told, f"{name}: {done.returncode}, {told}")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
