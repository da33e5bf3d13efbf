#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is said to people, in both languages: a refused act names the thing, what is wrong with it, and what to do;
and a Chinese reader is left no English word of ours."""
import concurrent.futures
import fcntl
import json
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import termios
import unicodedata

import harness
from harness import World, check, equal, task_list, wait_for

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
         "name", "to", "NUMBER", "ROW", "musterd", "period", "group", "clerk", "deputy"}


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
    (("fill", "unit-contacts/once/jxj", "--name", "n", "--post", "king"), ("post", "none of the duty's posts", "clerk, deputy, head"),
     ("不是该事项的岗位", "deputy")),
    (("fill", "unit-contacts/once/jxj", "--name", "n"), ("which of the duty's posts", "deputy"), ("须写明", "deputy")),
    (("versions", PROGRESS), (PROGRESS, "it lists no tasks", "musterctl reports"), ("没有任务清单",)),
    (("unsilence", "unit:jxj"), ("unit:jxj", "not silenced"), ("并未暂缓",)),
    (("silence", "unit:nobody", "--until", "2023-12-31", "--reason", "r"), ("unit:nobody", "unit:UNIT"), ("unit:单位",)),
    (("unsilence", "unit:nobody"), ("unit:nobody", "unit:UNIT"), ("unit:单位",)),
    (("review", TASKS, "--approve"), (TASKS, "musterctl explain"), ("musterctl explain",)),
    (("receive", TASKS), (TASKS, "closed", "musterctl explain"), ("musterctl explain",)),
    (("contradict", "x", "--head", "7f"), ("ROW", "whole number"), ("ROW", "整数")),
    (("contradict", "47", "--head", "7f"), ("--head", "64 hexadecimal digits"), ("--head", "64 位十六进制")),
    (("void", TASKS, "--reason", "r"), ("musterctl reopen",), ("musterctl reopen",)),
    (("reopen", PROGRESS, "--reason", "r"), ("only what is closed",), ("已办结",)),
    (("waive", TASKS, "--reason", "r"), ("still owed",), ("免予报送",)),
    (("cancel", TASKS, "--reason", "r"), ("to its end already",), ("已终结",)),
    (("unlock", PROGRESS, "--reason", "r"), ("not locked",), ("没有锁定",)),
    (("rebase", PROGRESS, "--reason", "r"), ("under the rule in force already",), ("现行规则",)),
    (("report", "abc"), ("abc", "whole number"), ("abc", "整数")),
    (("export", "report", "--out", "none.json"), ("NUMBER", "whole number"), ("NUMBER", "整数")),
    (("assess", "--period", "2023Q1", "--as-known", "x"), ("--as-known x", "is no date"), ("--as-known x", "不是日期")),
    (("assess", "--period", "2023Q1", "--by", "colour"), ("--by colour", "period, group"), ("--by colour",)),
    (("figures", "--by", "colour"), ("colour",), ("colour",)),
    (("calendar", "--from", "2023-05-01", "--to", "2023-04-01"), ("must not lie before --from",), ("不得早于",)),
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
        for words in (("silence", "unit:jxj", "--until", "2023-12-31", "--reason", "moving house"), ("unsilence", "unit:jxj")):
            equal(world.ctl(*words), [{"id": "unit:jxj", **({"until": "2023-12-31"} if words[0] == "silence" else {})}],
                  f"{words[0]} is answered")
        equal(world.ctl("replay")["differences"], "0", "lived again")
        for language, part, option in (("en", "nothing of what was asked for was owed", "unknown option: --colour"),
                                       ("zh_CN", "没有应报", "没有此选项：--colour")):
            told = world.must("musterctl", "assess", "--period", "2030Q1", language=language)
            check(part in told, told)
            done = world.run("musterd", "--colour", language=language)
            equal(done.returncode, 2, "musterd --colour")
            check(option in done.stderr and len(done.stderr.splitlines()) == 2, done.stderr)


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
        counts = world.ctl("ledger", "verify")
        check(counts["alerts"] == counts["alerts_checked"], counts)  # two numbers, which are called two things
        told = world.must("musterctl", "ledger", "verify", language="zh_CN")
        equal(len(re.findall(rf"(?m)^\S+ +{counts['alerts']}$", told)), 2, told)
        names = [line.split()[0] for line in told.splitlines()]
        equal(len(names), len(set(names)), f"a name stands twice in\n{told}")
        stream = world.must("muster-watch", "--home", world.home("office:main"), "--since", "0", "--timeout", "1", language="zh_CN")
        lines = stream.splitlines()
        check({"办公室", "办公室主任", "unit:jxj"} <= {line.split()[3] for line in lines}, lines[:5])
        equal({width(line[:line.index("〔演练〕")]) for line in lines}, {48}, "where the sentences begin")
        told = world.must("musterctl", "verify", "head.json", "--key", key, language="zh_CN")
        check(re.search(r"核验结果 +有效", told) and "台账链头" in told, told)
        # The ledger's words are the first of each row's subject, and its kind; what follows are ids.
        world.ctl("grant", "unit:kjj", "--group", "g1", "--until", "2023-12-31", "--reason", "r")
        world.run("musterctl", "review", TASKS, "--approve")  # refused
        rows = world.ctl("ledger", "list", "--limit", "100000")
        words = {word for row in rows for word in (row["kind"], row["subject"].split(" ")[0]) if word}
        check({"transition", "materialise", "alert", "reminder", "act", "grant", "item", "refusal", "state", "key", "join"} <= words, words)
        told = world.must("musterctl", "ledger", "list", "--limit", "100000", language="zh_CN")
        equal(sorted(words & set(told.split())), [], "English in the ledger's rows")
        for part in (r"状态变更 +时钟 +办件产生 task-list/once/jxj", r"事项变动 +uid:0 +授权 授权 r1", r"不予受理 .*当前状态下不能办理：task-list/once/jxj"):
            check(re.search(part, told), f"{part} is not in the rows")
        brief = world.must("musterctl", "brief", "--unit", "jxj", language="zh_CN").splitlines()
        check(len(brief) > 5 and all(line[0] != " " for line in brief), f"rows of other kinds in the brief: {brief}")
        rights = world.must("musterctl", "rights", language="zh_CN")
        check("服务范围：" in rights and not re.search(r"\b(any|own|served|shared|sight|none)\b", rights), rights)
        (world.dir / "none.json").write_text("no JSON", encoding="utf-8")
        proof = (world.dir / "head.json").read_text(encoding="utf-8")
        (world.dir / "forged.json").write_text(re.sub(r'"row": \d+', '"row": 1', proof), encoding="utf-8")
        for name, english_words, chinese in (("none.json", "no JSON", "不是 JSON"), ("forged.json", "not what was signed", "内容与签名时不同"),
                                             ("there-is-none.json", "is the path right", "请核对路径")):
            for language, part in (("en", english_words), ("zh_CN", chinese)):
                done = world.run("musterctl", "verify", name, "--key", key, language=language)
                told = " ".join(done.stderr.split())
                check(done.returncode == 1 and part in told and "agent" not in told, f"{name}: {done.returncode}, {told}")


def test_what_is_not_there_is_said_and_what_was_refused_is_marked():
    with World("refused", rehearse="2022-12-05") as world:
        jxj = lived_in(world)["jxj"]
        agent = world.agent("rsj")
        world.clock_run("2023-04-20T10:01")
        equal(jxj.submit("quarterly-progress", "2023Q1", {"text": "no form"})["code"], "form", "the broker's answer")
        jxj.submit("quarterly-progress", "2023Q1", {**harness.progress("in order", "jxj"), "tasks": [
            {"id": f"g1-{number:02}", "percent": 10} for number in range(1, 6)]})
        rows = world.ctl("reports", "--unit", "jxj", "--duty", "quarterly-progress")
        equal([row["refused"] for row in rows], ["form", ""], "what was refused, for programs")
        check("不符合要求" in world.must("musterctl", "reports", "--unit", "jxj", language="zh_CN"), "for people")
        check("Refused" not in world.must("musterctl", "reports", "--unit", "jtj"), "a column without anything in it")
        wait_for(lambda: len(agent.json("group", "reports")) > 1, "the group's reports")
        equal([row["refused"] for row in agent.json("group", "reports") if row["duty"] == "quarterly-progress"], ["form", ""], "the group's")
        for group in ("g2", "g99"):
            for language, part in (("en", f"no group {group} is open"), ("zh_CN", f"没有可供本单位查看的团组 {group}")):
                done = agent.try_("group", "--group", group, language=language)
                equal((done.returncode, done.stdout), (4, ""), f"group {group}")
                check(part in done.stderr and "musterctl grant" in done.stderr, done.stderr)
        world.must("musterctl", "grant", "unit:rsj", "--group", "g2", "--until", "2023-12-31", "--reason", "r")
        equal(len(agent.json("group", "units", "--group", "g2")), 5, "a granted group")
        # What may not be read is not told apart from what is not there.
        for command in ("show", "explain"):
            for id in ("quarterly-progress/2023Q1/wjw", "quarterly-progress/2023Q1/none"):
                done = world.run("musterctl", "--home", agent.home, command, id)
                check(done.returncode == 1 and f"no obligation is called {id}" in done.stderr, f"{command} {id}: {done.stderr}")
        equal(world.run("musterctl", "--home", agent.home, "explain", PROGRESS).returncode, 4, "what the group may only see")
        for row in world.must("musterctl", "units").splitlines()[1:] + world.must("musterctl", "keys").splitlines()[1:]:
            check(not re.search(r"\d\d:\d\d:\d\d", row), f"seconds in {row}")


def test_examples_speak_the_readers_language():
    with World("examples", rehearse="2022-12-05") as world:
        def example(program, command, language):
            return world.must(program, "help", command, language=language).rstrip().splitlines()[-1].strip()
        translated = 0
        for program in ("musterctl", "muster-agent"):
            told = world.must(program, "--help", language="zh_CN")
            for command in re.findall(r"(?m)^  ([a-z][a-z-]+)  ", told):
                chinese, whole = (shlex.split(example(program, command, language)) for language in ("zh_CN", "en"))
                check(chinese[0] == program, f"no example of {command}: {chinese}")
                # What a person would write is his language's; what is copied stays.
                changed = [before for before, after in zip(whole, chinese, strict=True) if before != after]
                written = [after for option, after in zip(whole, whole[1:]) if option in ("--reason", "--text", "--title", "--name")
                           and after != "…"]
                equal(changed, written, f"{program} {command}")
                translated += len(written)
        check(translated >= 20, f"{translated} texts in examples")
        wrong = world.run("musterctl", "extend", language="zh_CN")
        check("防汛" in wrong.stderr and "flood" not in wrong.stderr, wrong.stderr)
        check("防汛" in world.must("musterctl", "--man", language="zh_CN"), "the manual page")


# What is asked of muster-agent; its exit code; what must stand in the answer in English and in Chinese.
AIMED_AT_NOTHING = (
    (("withdraw", "nonsense"), 1, ("nonsense is no obligation, duty or task", "muster-agent status"), ("nonsense 不是", "muster-agent status")),
    (("withdraw", "nonsense/2023Q1"), 1, ("nonsense/2023Q1 is no", "muster-agent tasks"), ("nonsense/2023Q1 不是", "muster-agent tasks")),
    (("withdraw", "quarterly-progress/2023Q9/jxj"), 1, ("is no obligation",), ("不是",)),
    (("withdraw", "quartrly-progress/2023Q1/jxj"), 1, ("has no duty quartrly-progress", "did you mean quarterly-progress"),
     ("没有事项 quartrly-progress", "quarterly-progress")),
    (("withdraw", "quartrly-progress", "2023Q1"), 1, ("did you mean quarterly-progress",), ("quarterly-progress",)),
    (("withdraw", PROGRESS, "2023Q1"), 2, ("either an obligation's id",), ("办件编号",)),
    (("withdraw", "quarterly-progress"), 2, ("either an obligation's id", "is owed: 2023Q1"), ("应报", "2023Q1")),
    (("extension", "g1-01", "--until", "2024-12-31", "--reason", "r"), 2, ("g1-01 is a task", "muster-agent progress g1-01"),
     ("g1-01 是任务", "muster-agent progress g1-01")),
    (("fill", "g1-01", "--name", "王芳"), 2, ("g1-01 is a task",), ("g1-01 是任务",)),
    (("new", "g1-01"), 2, ("g1-01 is a task", "muster-agent progress g1-01"), ("g1-01 是任务",)),
    (("progress", "g1-01"), 2, ("needs --percent",), ("--percent",)),
    (("progress", "g1-01", "--task", "g1-02", "--percent", "3"), 2, ("g1-01 is a task already",), ("g1-01 ",)),
    (("progress", PROGRESS), 2, ("either --text or --file",), ("--text",)),
)


def test_what_a_table_shows_names_what_a_command_is_for():
    with World("aims", rehearse="2022-12-05") as world:
        lived_in(world)
        world.must("musterctl", "amend-task", "g1-02", "--owner", "rsj", "--reason", "r")
        lead, member = world.agent("jxj"), world.agent("rsj")
        wait_for(lambda: member.json("tasks") and lead.json("tasks"), "the briefs")
        shown = {row["id"] for row in lead.json("status")["obligations"]}
        check(PROGRESS in shown, f"{PROGRESS} is not among {shown}")
        later = "quarterly-progress/2023Q2/jxj"
        lead("extension", later, "--until", "2023-07-20", "--reason", "r", "--wait")
        equal(world.ctl("show", later)["asked_until"][:10], "2023-07-21", "asked for by its id")
        early = lead.try_("extension", later, "--until", "2023-07-01", "--reason", "r")
        check(early.returncode == 1 and "no later than the due date" in early.stderr, early.stderr)
        lead("progress", PROGRESS, "--text", "on its way", "--wait")
        lead("new", PROGRESS, "--out", "progress.yaml")
        check("period: 2023Q1" in (world.dir / "progress.yaml").read_text(encoding="utf-8").replace('"', ""), "the period of the file")
        done = lead.try_("withdraw", PROGRESS, "--wait")
        check(done.returncode == 1 and f"present state: {PROGRESS}: " in done.stderr, f"nothing to withdraw: {done.stderr}")
        equal([(row["act"], row["duty"], row["period"], row.get("obligation", "")) for row in lead.json("receipts")],
              [("extension", "quarterly-progress", "2023Q2", later), ("progress", "quarterly-progress", "2023Q1", "")],
              "what was queued")
        # A task's id alone, also by who does not bear the duty under which it is told of.
        for agent, task, percent in ((lead, "g1-01", 35), (member, "g1-02", 60)):
            agent("progress", task, "--percent", str(percent), "--wait")
            equal(agent.json("receipts")[-1]["period"], "2023Q2", "the period that runs")
            equal([row["percent"] for row in world.ctl("tasks") if row["id"] == task], [percent], task)
        queued = len(lead.json("receipts"))
        for words, code, *wanted in AIMED_AT_NOTHING:
            for language, parts in zip(("en", "zh_CN"), wanted):
                done = lead.try_(*words, language=language)
                told = " ".join(done.stderr.split())
                equal(done.returncode, code, f"{words}: {told}")
                for part in parts:
                    check(part in told, f"{words}: {part!r} is not in {told!r}")
        equal(len(lead.json("receipts")), queued, "what was queued for all that")


def test_posts_are_called_as_the_programme_calls_them():
    with World("posts", rehearse="2022-12-05") as world:
        world.broker.start()
        agent = world.agent("jxj")
        contacts = "unit-contacts/once/jxj"
        for post in ("clerk", "head", "deputy"):
            agent("fill", contacts, "--post", post, "--name", "王芳", "--wait")
        agent("vacate", contacts, "--post", "deputy", "--wait")
        kinds = ("closed", "vacated")
        wait_for(lambda: {row["kind"] for row in agent.json("inbox", "--all")} >= set(kinds), "the alerts")
        for language, deputy, others, ids in (("zh_CN", "分管领导", ("主要领导", "业务处室联系人"), "clerk|deputy|head|post"),
                                              ("en", "Deputy in charge", ("Head of the unit", "Contact at the business office"), r"post:|\|")):
            told = {row["kind"]: row["text"] for row in agent.json("inbox", "--all", language=language) if row["kind"] in kinds}
            for kind in kinds:
                check(re.search(f"{deputy}[:：] ?王芳$", told[kind]) and not re.search(ids, told[kind]), f"{kind}: {told[kind]}")
            shown = world.must("musterctl", "show", contacts, language=language)
            for name in (deputy, *others):
                equal(len(re.findall(f"{name}[:：] ?王芳", shown)), 3 if name == deputy else 2, f"holder and history of {name}:\n{shown}")
            check(not re.search(ids, shown), f"ids of posts in\n{shown}")
        equal([row["post"] for row in (world.ctl("show", contacts)[f"holder {number}"] for number in (1, 2, 3))],
              ["clerk", "head", "deputy"], "posts for programs")
        # It is named by what it is called, too.
        agent("vacate", contacts, "--post", "主要领导", "--wait")
        equal(world.ctl("fill", contacts, "--post", "Head of the unit", "--name", "王芳")[0]["post"], "head", "by its name")


def test_a_grant_is_answered_with_how_it_stands():
    with World("grants", rehearse="2022-12-05") as world:
        world.broker.start()
        asked = ("unit:kjj", "--group", "g1", "--reason", "a road")
        for words, state, chinese in ((("grant", *asked, "--until", "2023-12-31"), "given", "有效"),
                                      (("ungrant", *asked), "ended", "已结束")):
            told = world.ctl(*words)
            equal(told, world.ctl("grants", "--all"), f"{words[0]} says what `grants` says")
            equal([(row["reader"], row["reads"], row["until"], row["state"], row["reason"]) for row in told],
                  [("unit:kjj", "g1", "2023-12-31", state, "a road")], words[0])
            world.ctl("grant", *asked, "--until", "2023-12-31")  # so that there is something to take back
            for language, word in (("en", state), ("zh_CN", chinese)):
                shown = world.must("musterctl", *words, language=language).splitlines()
                check(len(shown) == 2 and re.search(f"r1 +unit:kjj +g1 +2023-12-31 +{word}", shown[1]), f"{words[0]}: {shown}")
                world.ctl("grant", *asked, "--until", "2023-12-31")


def test_acts_are_answered_with_what_they_did():
    with World("answers", rehearse="2022-12-05") as world:
        lived_in(world)
        contacts, late = "unit-contacts/once/swj", "member-exchange/2023Q1/swj"
        for words, english_part, chinese in (
                (("silence", "duty:annual-plan", "--until", "2023-08-20", "--reason", "r"), "annual-plan +2023-08-20", "annual-plan +2023-08-20"),
                (("silence", late, "--until", "2023-08-20", "--reason", "r"), "swj +awaiting +2023-08-20", "swj +待报送 +2023-08-20"),
                (("unsilence", late), "swj +awaiting$", "swj +待报送$"),
                (("acknowledge", late), r"awaiting +2023-04-20 10:00 \+08:00", r"待报送 +2023-04-20 10:00 \+08:00"),
                (("unlock", contacts, "--reason", "r"), "awaiting", "待报送"),
                (("fill", contacts, "--post", "deputy", "--name", "王芳"), "Deputy in charge +王芳 +awaiting", "分管领导 +王芳 +待报送"),
                (("vacate", contacts, "--post", "deputy"), "Deputy in charge +awaiting", "分管领导 +待报送")):
            for language, part in (("en", english_part), ("zh_CN", chinese)):
                if language == "zh_CN" and words[0] in ("unlock", "unsilence", "vacate"):
                    continue  # it is so no longer
                told = world.must("musterctl", *words, language=language).splitlines()
                check(len(told) == 2 and re.search(part, told[1]), f"{words}: {part} is not in {told}")
        told = world.must("musterctl", "alerts", "--limit", "1000", language="zh_CN")
        check("市商务局" in told and not re.search("unit:|group-head:|city-leader:", told), "who alerts were for")
        row = [row for row in world.ctl("alerts", "--limit", "1000") if row["audience"] == "unit:swj"][-1]
        equal((row["audience_zh"], row["audience_en"]), ("市商务局", "Commerce Bureau"), "for programs")
        for language, part in (("en", "Audience +Commerce Bureau"), ("zh_CN", "对象 +市商务局")):
            told = world.must("musterctl", "explain", row["number"], language=language)
            check(re.search(part, told), told)


def test_settings_are_read_in_chinese_and_stay_as_they_are_for_programs():
    with World("settings", rehearse="2022-12-05") as world:
        rows = json.loads(world.must("musterctl", "settings", "--json", language="zh_CN"))
        equal({row["type"] for row in rows}, {"int", "text", "texts"}, "types for programs")
        check({"bytes", "ms", "path", "connections/s"} <= {row["unit"] for row in rows}, "units for programs")
        lines = world.must("musterctl", "settings", language="zh_CN").splitlines()[1:]
        equal(len(lines), len(rows), "settings")
        kept = {"CURVE", "IANA", "UID", "JSON", "TZ", "Ed", "ID", "uid"}
        for line, row in zip(lines, rows):
            shown = line.replace(row["doc"], "").replace(f" {row['name']} ", " ", 1).replace(f" {row['default']} ", " ")
            equal([word for word in english(shown) if word not in kept], [], f"English in {line!r}")


def test_keys_stand_in_the_order_of_the_units():
    with World("keys", rehearse="2022-12-05") as world:
        world.broker.start()
        order = [row["id"] for row in world.ctl("units")]
        for who in ("viewer:archive", "unit:wjw", "unit:jxj", "admin:root", "unit:fgw", "unit:jxj", "office:main"):
            world.join(who)
        rows = world.ctl("keys")
        units = [row["unit"] for row in rows if row["unit"]]
        equal(units, sorted(units, key=order.index), "the programme's order")
        equal([row["principal"] for row in rows],
              ["unit:jxj", "unit:jxj", "unit:fgw", "unit:wjw", "admin:root", "office:main", "viewer:archive"], "whose keys")
        equal([row["created"] for row in rows[:2]], sorted(row["created"] for row in rows[:2]), "the oldest first")


def test_an_amended_task_is_told_by_names():
    with World("amended", rehearse="2022-12-05") as world:
        lived_in(world)
        swj = world.agent("swj")
        asked = ("amend-task", "g1-01", "--owner", "swj", "--helpers", "rsj,kfq", "--due", "2024-06-30", "--reason", "职能调整")
        for words in ((*asked, "--preview"), asked):
            told = world.must("musterctl", *words, language="zh_CN")
            for part in (r"责任单位 +市经信局 +市商务局", r"协助单位 +市人力社保局、丽水开发区管委会", r"截止 +2024-12-31 +2024-06-30"):
                check(re.search(part, told), f"{part} is not in\n{told}")
            if words != asked:
                english_words = world.must("musterctl", *words)
                check(re.search("owner +Economy and Information Technology Bureau +Bureau of Commerce|owner +Economy", english_words), english_words)
        wait_for(lambda: [alert for alert in swj.json("inbox", "--all") if alert["kind"] == "task-amended"], "the new owner to hear")
        told = swj("inbox", "--all", language="zh_CN")
        check("g1-01；责任单位：jxj → swj；协助单位： → rsj kfq；截止：2024-12-31 → 2024-06-30: 职能调整" in told, told)
        # Where it stands in time means nothing for what has ended.
        shown = world.must("musterctl", "show", TASKS, language="zh_CN")
        check(re.search(r"(?m)^时限状态 +-$", shown), shown)
        shown = world.must("musterctl", "show", PROGRESS, language="zh_CN")
        check(re.search("(?m)^回执号$", shown), f"the receipt of what was not received: {shown}")
        check(not re.search(r"(?m)^时限状态 +-$", shown), shown)


def test_units_hear_before_they_send_what_no_broker_takes():
    with World("unsent", rehearse="2022-12-05") as world:
        world.broker.start()
        invitation = world.invite("rsj")
        agent = world.agent("jxj")
        world.clock_run("2023-04-03T10:00")
        wait_for(lambda: "2023Q1" in {row["period"] for row in agent.json("status")["obligations"]}, "the brief")
        for language, never, owed, duties, later, due in (
                ("en", "nothing is owed under quarterly-progress for 2019Q1", "owed: 2023Q1", "it has: ", "no later than the due date", "2023-04-10"),
                ("zh_CN", "quarterly-progress 在 2019Q1 没有应报事项", "应报：2023Q1", "本单位的事项：", "不晚于现行截止日期", "2023-04-10")):
            made = agent.try_("new", "quarterly-progress", "2019Q1", "--out", f"{language}.yaml", language=language)
            check(made.returncode == 0 and never in made.stderr and owed in made.stderr, made.stderr)
            equal(agent.try_("new", "quarterly-progress", "2023Q1", "--out", f"{language}-owed.yaml", language=language).stderr, "", "what is owed")
            filled = agent.fill("quarterly-progress", "2023Q1")
            filled.write_text(filled.read_text(encoding="utf-8").replace("2023Q1", "2019Q1"), encoding="utf-8")
            checked = agent.try_("submit", filled, "--check", language=language)
            check(checked.returncode == 0 and never in checked.stderr, checked.stdout + checked.stderr)
            none = agent.try_("new", "something-else", "2023Q1", language=language)
            check(none.returncode == 1 and duties in none.stderr and "quarterly-progress" in none.stderr, none.stderr)
            for until in ("2023-04-10", "2023-04-05"):
                asked = agent.try_("extension", "quarterly-progress", "2023Q1", "--until", until, "--reason", "r", language=language)
                check(asked.returncode == 1 and later in asked.stderr and due in asked.stderr, f"{until}: {asked.stderr}")
        agent("extension", "quarterly-progress", "2023Q1", "--until", "2023-04-11", "--reason", "r", "--wait")
        world.must("muster-agent", "--home", "first", "join", invitation)
        for language, part in (("en", "unit:rsj was used already"), ("zh_CN", "给 unit:rsj 的邀请已被使用")):
            again = world.run("muster-agent", "--home", "second", "join", invitation, language=language)
            check(again.returncode == 4 and part in again.stderr and "musterctl enrol" in again.stderr, again.stderr)


TOPICS = (("office/overdue", True), ("off", True), ("unit:", True), ("unit:jxj/rem", True), ("jingning/office", True), ("cc", True),
          ("nosuch", False), ("office/overdew", False), ("office,unit:jxj/remainder", False))


def test_a_watch_of_no_topic_says_so():
    with World("topics", rehearse="2022-12-05") as world:
        world.broker.start()
        home = world.home("office:main")
        asked = [(topics, known, language, part) for topics, known in TOPICS for language, part in (("en", "no topic is known"), ("zh_CN", "没有以"))]

        def watch(number):
            return world.run("muster-watch", "--home", home, "--name", f"w{number}", "--topics", asked[number][0], "--timeout", 1,
                             language=asked[number][2])
        with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
            for (topics, known, _, part), done in zip(asked, pool.map(watch, range(len(asked)))):
                equal((done.returncode, part in done.stderr), (0, not known), f"{topics}: {done.stderr}")


def test_a_group_that_is_followed_stands_in_columns():
    with World("columns", rehearse="2022-12-05") as world:
        lived_in(world)
        agent = world.agent("jxj")
        wait_for(lambda: agent.json("tasks"), "the brief")
        for text in ("a", "b"):
            agent("progress", PROGRESS, "--text", text, "--wait")
        wait_for(lambda: len(agent.json("group", "reports")) == 3, "the group's reports")
        follow = world.add(harness.Program(world, "follow", [harness.BIN / "muster-agent", "--home", agent.home, "--lang", "zh_CN",
                                                             "group", "--follow"])).start()
        lines = wait_for(lambda: (told := follow.out().splitlines()) and len(told) == 3 and told, "three lines")
        begins = {width(re.match(r" *\d+  \S+ \S+ \S+  \S+ +\S+ +", line)[0]) for line in lines}
        equal(len(begins), 1, f"where the duties begin: {lines}")


def width(text):
    """Columns on a terminal, as terminals of Chinese readers count them."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def on_terminal(world, columns, *words, program="musterctl", ends=0):
    """What a command shows on a terminal so wide, line by line, without colours."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = harness.environment({"MUSTER_SOCKET": str(world.broker.runtime_dir / "admin.sock"), "NO_COLOR": "1"}, "zh_CN")
    # The terminal stays open here, and the shell marks the end: what a program wrote last can be lost with its terminal.
    argv = ["/bin/sh", "-c", '"$@"; printf "#%d#" $?', "sh", harness.BIN / program, *words]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=env, cwd=world.dir)
    told = b""
    while not (end := re.search(rb"#(\d+)#$", told)):
        check(select.select([master], [], [], 60)[0], f"{words} does not end: {told[-200:]}")
        told += os.read(master, 65536)
    process.wait(timeout=60)
    os.close(slave)
    os.close(master)
    equal(int(end[1]), ends, f"exit of {words}")
    return told[:end.start()].decode("utf-8").replace("\r\n", "\n").splitlines()


def letters(lines):
    return sorted("".join("".join(lines).split()))


# Each at widths where its columns still fit, and at one where only blocks do.
TABLES = (("obligations", "--group", "g1"), ("alerts", "--limit", "20"), ("reports", "--limit", "20"), ("outlook", "--all"), ("units",),
          ("tasks",), ("keys",))


def test_tables_are_no_wider_than_the_terminal():
    with World("narrow", rehearse="2022-12-05") as world:
        lived_in(world)
        for words in TABLES:
            whole = world.must("musterctl", *words, language="zh_CN").splitlines()
            rows = len([line for line in whole if line])
            for columns in (80, 120):
                shown = on_terminal(world, columns, *words)
                wide = [line for line in shown if width(line) > columns]
                equal(wide, [], f"too wide for {columns}: {words}")
                equal(letters(shown), letters(whole), f"what {words} shows in {columns} columns")
                # A column stays a column: what goes on in another line stands below its heading.
                check(len(shown) >= rows and not any(line.endswith(" ") for line in shown), f"{words}: {shown[:6]}")
            equal(on_terminal(world, 400, *words), whole, f"{words} on a wide terminal")
        # An id that fits is never broken: it is copied.
        shown = on_terminal(world, 120, "obligations", "--group", "g1")
        check(any(PROGRESS in line for line in shown), "an id in one piece")
        # Where it would not fit beside the rest it stands above it, and what is its stands in below.
        shown = on_terminal(world, 80, "obligations", "--group", "g1")
        ids = [row["id"] for row in world.ctl("obligations", "--group", "g1")]
        equal([line for line in shown if not line.startswith("  ")], ["编号", *ids], "ids on lines of their own")
        check(any(re.match("  2023-04-10 24:00 .08:00  ", line) for line in shown), f"a due date in one piece: {shown[:6]}")
        # What is said under a table, and what goes wrong, is no wider either.
        shown = on_terminal(world, 80, "assess", "--period", "2023Q1")
        equal([line for line in shown if width(line) > 80], [], "notes too wide for 80")
        wrong = ("--socket", "/nowhere", "status")
        shown = on_terminal(world, 80, *wrong, ends=3)
        equal([line for line in shown if width(line) > 80], [], "a hint too wide for 80")
        check(shown[-1].startswith("        ") and not shown[1].startswith("   "), f"a hint goes on below itself: {shown}")
        agent = world.agent("jxj")
        wait_for(lambda: agent.json("inbox", "--all"), "the inbox")
        shown = on_terminal(world, 80, "--home", agent.home, "inbox", program="muster-agent")
        equal([line for line in shown if width(line) > 80], [], "alerts too wide for 80")
        # Sentences go on below themselves, and keys stay whole.
        shown = on_terminal(world, 80, "explain", PROGRESS)
        clause = next(index for index, line in enumerate(shown) if line.startswith("条款"))
        check(width(shown[clause]) <= 80 and shown[clause + 1].startswith(" " * 10), "\n".join(shown[clause:clause + 2]))
        check(any(re.search(r"[0-9a-f]{64}$", line) for line in shown), "a digest in one piece")
        for words in (("--help",), ("help", "figures"), ("help", "amend-task")):
            shown = on_terminal(world, 80, *words)
            equal([line for line in shown if width(line) > 80 and not line.startswith("  musterctl ")], [], f"{words} is too wide for 80")
            equal([line for line in shown if line.endswith(" ")], [], f"{words} has lines that end in a blank")
            whole = world.must("musterctl", *words, language="zh_CN").splitlines()
            equal(letters(shown), letters(whole), f"what {words} says")
        # Where not even the narrowest columns fit, each row is a block.
        blocks = on_terminal(world, 40, "obligations", "--group", "g1")
        check(len([line for line in blocks if line.startswith("编号 ")]) > 5 and "" in blocks, "\n".join(blocks[:12]))
        equal([line for line in blocks if width(line) > 40], [], "too wide for 40")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
