#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is said to people, in both languages: a refused act names the thing, what is wrong with it, and what to do;
and a Chinese reader is left no English word of ours."""
import contextlib
import fcntl
import os
import pty
import re
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
    (("versions", PROGRESS), (PROGRESS, "it lists no tasks", "musterctl reports"), ("没有任务清单",)),
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


def width(text):
    """Columns on a terminal, as terminals of Chinese readers count them."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def on_terminal(world, columns, *words):
    """What a command shows on a terminal so wide, line by line, without colours."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = harness.environment({"MUSTER_SOCKET": str(world.broker.runtime_dir / "admin.sock"), "NO_COLOR": "1"}, "zh_CN")
    process = subprocess.Popen([harness.BIN / "musterctl", *words], stdin=subprocess.DEVNULL, stdout=slave, env=env, cwd=world.dir)
    os.close(slave)
    told = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error
        while part := os.read(master, 65536):
            told += part
    os.close(master)
    equal(process.wait(timeout=60), 0, f"exit of {words}")
    return told.decode("utf-8").replace("\r\n", "\n").splitlines()


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
                wide = [line for line in shown if width(line) > columns and "考评" not in line]
                equal(wide, [], f"too wide for {columns}: {words}")
                equal(letters(shown), letters(whole), f"what {words} shows in {columns} columns")
                # A column stays a column: what goes on in another line stands below its heading.
                check(len(shown) >= rows and not any(line.endswith(" ") for line in shown), f"{words}: {shown[:6]}")
            equal(on_terminal(world, 400, *words), whole, f"{words} on a wide terminal")
        # An id that fits is never broken: it is copied.
        shown = on_terminal(world, 120, "obligations", "--group", "g1")
        check(any(PROGRESS in line for line in shown), "an id in one piece")
        # Sentences go on below themselves, and keys stay whole.
        shown = on_terminal(world, 80, "explain", PROGRESS)
        clause = next(index for index, line in enumerate(shown) if line.startswith("条款"))
        check(width(shown[clause]) <= 80 and shown[clause + 1].startswith(" " * 10), "\n".join(shown[clause:clause + 2]))
        check(any(re.search(r"[0-9a-f]{64}$", line) for line in shown), "a digest in one piece")
        for words in (("--help",), ("help", "figures"), ("help", "amend-task")):
            shown = on_terminal(world, 80, *words)
            equal([line for line in shown if width(line) > 80 and not line.startswith("  musterctl ")], [], f"{words} is too wide for 80")
            whole = world.must("musterctl", *words, language="zh_CN").splitlines()
            equal(letters(shown), letters(whole), f"what {words} says")
        # Where not even the narrowest columns fit, each row is a block.
        blocks = on_terminal(world, 40, "obligations", "--group", "g1")
        check(len([line for line in blocks if line.startswith("编号 ")]) > 5 and "" in blocks, "\n".join(blocks[:12]))
        equal([line for line in blocks if width(line) > 40], [], "too wide for 40")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
