#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One report's life and everything around it, with the real programs on the real programme: written as YAML,
queued, receipted, received, reviewed, returned, corrected, put on record; and how the programs start, stop,
reload and refuse, in both languages."""
import contextlib
import json
import re
import signal
import sqlite3

import harness
from harness import World, check, equal, wait_for

LIST = "task-list/once/jxj"
EXCHANGE = "member-exchange/2023Q1/rsj"


def spine(**options):
    world = World("spine", rehearse="2022-12-05", **options)
    world.broker.start()
    return world


def join(world, *units):
    """Running agents with an open session."""
    agents = [world.agent(unit) for unit in units]
    for agent in agents:
        agent.wait_log("session-open")
    return agents if len(agents) > 1 else agents[0]


def submit(agent, duty, period, **kwargs):
    """Submit and wait; returns the receipt number."""
    said = agent("submit", agent.fill(duty, period, **kwargs), "--wait")
    found = re.search(r"receipt (\d+)", said)
    check(found, f"submit said {said!r}")
    return int(found.group(1))


def state(world, id, *fields):
    row = world.obligation(id)
    return tuple(row[field] for field in fields or ("work", "verdict"))


def inbox(agent):
    return agent.json("inbox", "--all")


def refused(done, *words, code=1):
    equal(done.returncode, code, f"exit code of {done.args}, which said {done.stdout}{done.stderr}")
    for word in words:
        check(word in done.stderr + done.stdout, f"{word!r} is not in {done.stderr + done.stdout!r}")


# ---- a report's life ----

def test_report_gets_a_receipt_number_and_stands_in_the_ledger():
    with spine() as world:
        agent = join(world, "jxj")
        number = submit(agent, "task-list", "once", text="支持丽景园产业平台发展")
        equal(state(world, LIST), ("submitted", "on-time"), "state")
        whole = world.ctl("report", number)
        check("支持丽景园产业平台发展" in str(whole), f"report {number} is not what was sent: {whole}")
        equal([row["receipt"] for row in world.ctl("reports", "--unit", "jxj")], [number], "reports")
        equal([row["receipt"] for row in agent.json("receipts")], [number], "receipts")
        equal(world.verify_ledger()["reports"], "1", "reports in the ledger")


def test_late_report_is_taken_and_stays_late():
    with spine() as world:
        agent = join(world, "jxj")
        world.clock_run("2023-01-05T10:00")
        submit(agent, "task-list", "once")
        equal(state(world, LIST, "work", "verdict", "days_late"), ("submitted", "late", 2), "state")
        wait_for(lambda: "cleared" in [a["kind"] for a in inbox(agent)], "the cleared alert")
        world.clock_run("2023-01-20")
        kinds = [a["kind"] for a in world.ctl("alerts", "--unit", "jxj") if a["obligation"] == LIST]
        equal(kinds[-2:], ["cleared", "review-overdue"], "the ladder stops with the report")


def test_returned_report_is_corrected_and_approved():
    with spine() as world:
        agent = join(world, "jxj")
        submit(agent, "task-list", "once")
        refused(world.run("musterctl", "review", LIST, "--return"), "reason")
        world.must("musterctl", "review", LIST)
        world.must("musterctl", "review", LIST, "--return", "--reason", "第二项缺少完成时限")
        returned = wait_for(lambda: [a for a in inbox(agent) if a["kind"] == "returned"], "the return in the inbox")
        equal((returned[0]["obligation"], returned[0]["reason"]), (LIST, "第二项缺少完成时限"), "the return")
        check("第二项缺少完成时限" in agent("inbox"), "the reason is not shown")
        submit(agent, "task-list", "once", text="补充完成时限")
        equal(state(world, LIST, "work", "verdict", "returns"), ("submitted", "on-time", 1), "state of the correction")
        world.must("musterctl", "review", LIST)
        world.must("musterctl", "review", LIST, "--approve")
        equal(state(world, LIST), ("closed", "on-time"), "state")
        wait_for(lambda: "closed" in [a["kind"] for a in inbox(agent)], "the closing in the inbox")


def test_annual_plan_is_put_on_record_with_a_number():
    with spine() as world:
        agent = join(world, "jxj")
        world.clock_run("2023-11-01")
        plan = "annual-plan/2024/jxj"
        submit(agent, "annual-plan", "2024")
        world.must("musterctl", "review", plan)
        world.must("musterctl", "review", plan, "--record", "--number", "丽团备〔2023〕1号")
        equal(state(world, plan, "work", "verdict", "record_number"), ("closed", "on-time", "丽团备〔2023〕1号"), "state")


def test_withdrawn_report_annuls_its_verdict():
    with spine() as world:
        agent = join(world, "jxj")
        submit(agent, "task-list", "once")
        agent("withdraw", "task-list", "once", "--reason", "附件有误", "--wait")
        equal(state(world, LIST), ("awaiting", ""), "state")
        submit(agent, "task-list", "once")
        world.must("musterctl", "review", LIST)
        refused(agent.try_("withdraw", "task-list", "once", "--wait"), "state")
        equal(state(world, LIST), ("under-review", "on-time"), "state")


def test_lead_receives_returns_and_urges_its_members():
    with spine() as world:
        lead, member, other = join(world, "jxj", "rsj", "jtj")
        world.clock_run("2023-01-10")
        lead("urge", EXCHANGE, "--reason", "周五开会", "--wait")
        urged = wait_for(lambda: [a for a in inbox(member) if a["kind"] == "urge"], "the urge")
        equal(urged[0]["reason"], "周五开会", "the urge's words")
        submit(member, "member-exchange", "2023Q1")
        equal(state(world, EXCHANGE), ("submitted", "on-time"), "state")
        refused(other.try_("receive", EXCHANGE, "--wait"))  # leads another group
        lead("review", EXCHANGE, "--wait")
        lead("return", EXCHANGE, "--reason", "请补充数据", "--wait")
        wait_for(lambda: "returned" in [a["kind"] for a in inbox(member)], "the return")
        submit(member, "member-exchange", "2023Q1")
        lead("receive", EXCHANGE, "--wait")
        equal(state(world, EXCHANGE), ("closed", "on-time"), "state")
        refused(member.try_("receive", "member-exchange/2023Q1/swj", "--wait"))


def test_office_urges_extends_and_waives():
    with spine() as world:
        agent = join(world, "jxj")
        world.must("musterctl", "urge", LIST, "--reason", "请抓紧")
        wait_for(lambda: "urge" in [a["kind"] for a in inbox(agent)], "the urge")
        world.must("musterctl", "extend", LIST, "--until", "2023-01-13", "--reason", "方案调整")
        equal(state(world, LIST, "due", "original_due"), ("2023-01-14T00:00:00+08:00", "2023-01-04T00:00:00+08:00"), "due")
        world.must("musterctl", "waive", "task-list/once/jtj", "--reason", "并入他组")
        equal(state(world, "task-list/once/jtj")[0], "waived", "work")
        world.clock_run("2023-01-14T10:00")
        overdue = {a["obligation"]: a["instant"] for a in world.ctl("alerts", "--kind", "overdue")}
        equal(overdue.get(LIST), "2023-01-14T00:00:00+08:00", "overdue by the new date")
        check("task-list/once/jtj" not in overdue, "a waived obligation is overdue")


def test_refused_report_consumes_its_number():
    with spine() as world:
        agent = join(world, "jxj")
        world.clock_run("2023-02-20")  # locked since 18 February
        done = agent.try_("submit", agent.fill("task-list", "once"), "--wait")
        refused(done, "locked")
        submit(agent, "quarterly-progress", "2023Q1")  # the outbox goes on
        equal([(row["number"], row["state"]) for row in agent.json("receipts")], [(1, "refused"), (2, "received")],
              "receipts")
        equal(world.verify_ledger()["refusals"], "1", "refusals")
        equal(state(world, LIST), ("awaiting", "missing"), "state")


def test_bad_report_is_refused_at_its_place():
    with spine() as world:
        agent = join(world, "jxj")
        path = agent.fill("task-list", "once")
        text = path.read_text(encoding="utf-8")
        for change, place in ((('phone: "', 'fone: "'), r":\d+:3: error: .*fone"), (('duty: "task-list"', "duty: tsk"), r":\d+:7: error:"),
                              (("tasks:", "tasks: ["), r":\d+:\d+: error:"), (('area: "g1-2"', 'area: "g9-9"'), r":\d+:\d+: error: area: .*g9-9")):
            path.write_text(text.replace(*change, 1), encoding="utf-8")
            done = agent.try_("submit", path, "--wait")
            check(done.returncode == 1 and re.search(re.escape(str(path)) + place, done.stderr),
                  f"{change}: exit {done.returncode}, {done.stderr}")
        equal(agent.json("receipts"), [], "queued")
        path.write_text(text, encoding="utf-8")
        agent("submit", path, "--check")
        equal(agent.json("receipts"), [], "queued by --check")


# ---- the programs ----

def test_agent_keeps_its_outbox_over_restarts():
    with spine() as world:
        agent = join(world, "jxj")
        world.broker.kill()
        for number in range(3):
            equal(agent("progress", "task-list", "once", "--text", f"note {number}"), f"queued {number + 1}\n", "said")
        equal(agent.json("status")["queued"], 3, "queued")
        agent.kill()
        agent.start()
        equal(agent.json("status")["queued"], 3, "queued after a restart")
        world.broker.start()
        wait_for(lambda: agent.json("status")["queued"] == 0, "the outbox to drain")
        texts = [world.ctl("report", row["receipt"]) for row in world.ctl("reports")]
        equal([re.search(r"note \d", str(text)).group(0) for text in texts], ["note 0", "note 1", "note 2"], "reports")


def test_agent_goes_on_beside_what_it_cannot_read():
    """An alert and a receipt of which a disk has kept something else: the hook gets the others, the staff an answer."""
    with spine() as world:
        home = world.home("jxj", hook=f"'cat >> {world.dir}/hooked; echo >> {world.dir}/hooked'")
        agent = harness.Agent(world, "jxj", home).start()
        submit(agent, "task-list", "once")
        world.must("musterctl", "review", LIST, "--return", "--reason", "one")
        wait_for(lambda: inbox(agent), "an alert")
        agent.stop()
        with contextlib.closing(sqlite3.connect(home / "outbox.db")) as db, db:
            db.execute("UPDATE inbox SET bytes = x'c0', hooked = 0")
            db.execute("UPDATE receipts SET frame = x'c0'")
        (world.dir / "hooked").unlink(missing_ok=True)
        agent.start()
        agent.wait_log("hook-skipped n=1 code=protocol")
        refused(agent.try_("receipts", "--export", "1", "--out", world.dir / "proof"), "protocol")
        world.must("musterctl", "urge", LIST, "--reason", "two")
        wait_for((world.dir / "hooked").exists, "the hook of the next alert")
        wait_for(lambda: '"two"' in (world.dir / "hooked").read_text(encoding="utf-8"), "its words")
        check(agent.running(), "the agent has ended")


def test_watch_follows_catches_up_and_runs_its_hook():
    with spine() as world:
        home = world.home("office:main")
        heard = world.dir / "heard"
        hook = world.dir / "hook"
        hook.write_text(f"#!/bin/sh\ncat >> {heard}\necho >> {heard}\n", encoding="utf-8")
        hook.chmod(0o755)
        watch = world.add(harness.Program(world, "watch", [harness.BIN / "muster-watch", "--home", home, "--json",
                                                           "--hook", hook])).start()
        watch.wait_log("connected")
        world.clock_run("2022-12-20")
        total = len(world.ctl("alerts"))
        wait_for(lambda: len(watch.out().splitlines()) == total, lambda: f"{total} alerts, not {watch.out()}")
        wait_for(lambda: heard.exists() and len([x for x in heard.read_text().splitlines() if x]) == total, "as many hooks")
        watch.kill()
        world.clock_run("2023-01-06")
        total = len(world.ctl("alerts", "--limit", "100000"))
        watch.start()
        wait_for(lambda: watch.out().count("\n") >= total and watch.out().endswith("\n"), lambda: f"{total} alerts, not {watch.out()}")
        numbers = [json.loads(line)["number"] for line in watch.out().splitlines()]
        equal(sorted(set(numbers)), list(range(1, total + 1)), "alerts followed")
        equal(watch.stop(), 0, "exit code")
        shown = world.must("muster-watch", "--home", home, "--name", "other", "--since", "0", "--topics", "office/overdue",
                           "--timeout", "1")
        overdue = [row for row in world.ctl("alerts", "--kind", "overdue") if row["audience"] == "office"]
        equal(len(shown.splitlines()), len(overdue), f"overdue alerts to the office, in {shown!r}")


def test_everything_stops_cleanly_on_sigterm():
    with spine() as world:
        agent = join(world, "jxj")
        watch = world.watch()
        watch.wait_log("connected")
        for program in (watch, agent, world.broker):
            equal(program.stop(), 0, f"exit code of {program.name}")
        world.broker.start()
        equal(world.verify_ledger()["stops"], "1", "stop rows")


def test_sighup_reloads_the_programme():
    with World("spine") as files:
        for name in ("programme.yaml", "workdays.csv"):
            (files.dir / name).write_text((harness.JINGNING.parent / name).read_text(encoding="utf-8"), encoding="utf-8")
        path = files.dir / "programme.yaml"
        text = path.read_text(encoding="utf-8")
        with spine(programme=path) as world:
            path.write_text(text.replace("市经信局", "市经济和信息化局"), encoding="utf-8")
            world.broker.signal(signal.SIGHUP)
            wait_for(lambda: world.ctl("units")[0]["name"] == "市经济和信息化局", "the new name")
            path.write_text(text + "\nnonsense: 1\n", encoding="utf-8")
            world.broker.signal(signal.SIGHUP)
            world.broker.wait_log(r"nonsense")
            refused(world.run("musterctl", "reload"), f"{path}:{len(text.splitlines()) + 2}:1: ")
            equal(world.ctl("units")[0]["name"], "市经济和信息化局", "the programme, after a file with a fault")
            path.write_text(text, encoding="utf-8")
            equal([row["state"] for row in world.ctl("reload")], ["in force"], "a reload")
            equal([row["state"] for row in world.ctl("reload")], ["no change"], "another reload")
            equal(world.ctl("units")[0]["name"], "市经信局", "the name")
            equal(world.verify_ledger()["reloads"], "3", "programme rows")


def test_check_starts_nothing():
    with World("spine") as world:
        done = world.run("musterd", "--programme", harness.JINGNING, "--set", f"data_dir={world.dir}/d", "--check")
        equal(done.returncode, 0, f"exit code, which said {done.stderr}")
        check(not (world.dir / "d").exists(), "--check made a data directory")
        bad = world.dir / "bad.yaml"
        bad.write_text("id: x\nunits: 3\n", encoding="utf-8")
        refused(world.run("musterd", "--programme", bad, "--check"), f"{bad}:2:8: error")
        refused(world.run("musterd", "--programme", harness.JINGNING, "--set", "data_dirr=x", "--check"), "did you mean data_dir")
        refused(world.run("musterd"), "--programme", code=2)


def test_real_and_rehearsed_data_never_mix():
    for first, then in (("2022-12-05", None), (None, "2022-12-05")):
        with World("spine", rehearse=first) as world:
            world.broker.start()
            world.broker.stop()
            world.broker.rehearse = then
            world.broker.start(ready=False)
            equal(world.broker.wait(), 1, "exit code")
            check("rehearsed data never mix" in world.broker.log(), f"it said {world.broker.log()}")
            world.broker.rehearse = first
            world.broker.start()


def test_second_broker_is_refused():
    with spine() as world:
        done = world.run(*world.broker.argv, "--rehearse", "2022-12-05")
        refused(done, "in use by another process")


def test_real_broker_says_the_time():
    with World("spine") as world:
        world.broker.start()
        agent = world.agent("jxj")
        agent.wait_log("session-open")
        equal(agent.json("status")["rehearsal"], False, "rehearsal")
        refused(world.run("musterctl", "clock", "step"), "only a rehearsal's clock")
        equal(world.ctl("clock", "show")["state"], "ok", "clock")


def test_newest_reports_are_listed():
    with spine() as world:
        homes = [world.client(f"unit:{unit}") for unit in ("jxj", "jtj")]
        receipts = {client.home["principal"]: [] for client in homes}
        for number in range(6):
            for client in homes:
                receipts[client.home["principal"]].append(client.submit("task-list", "once", {"text": str(number)})["row"])
        rows = sorted(sum(receipts.values(), []))
        listed = lambda *args: [row["receipt"] for row in world.ctl("reports", *args)]
        equal(listed(), rows, "all of them")
        equal(listed("--limit", "3"), rows[-3:], "the newest ones, newest last")
        mine = receipts["unit:jtj"]
        equal(listed("--unit", "jtj"), mine, "a unit's")
        equal(listed("--unit", "jtj", "--limit", "2"), mine[-2:], "its newest")
        equal(listed("--unit", "jtj", "--from", str(mine[1]), "--limit", "2"), mine[1:3], "from one on")
        equal(listed("--from", str(rows[2]), "--limit", "4"), rows[2:6], "everybody's from one on")
        equal(listed("--unit", "rsj"), [], "who has sent none")


def test_question_behind_a_report_finds_it():
    with spine() as world:
        client = world.client("unit:jxj")
        client.submit("task-list", "once", {"text": "first"})
        for number in range(60):
            seq = client.queue("submit", "task-list", "once", body={"text": str(number)})
            client.push_waiting()
            listed = client.request("reports", {"limit": 1})
            equal([row["receipt"] for row in listed], [client.wait_receipt(seq)["row"]], "at once")


def test_both_languages():
    with spine() as world:
        agent = join(world, "jxj")
        world.clock_run("2023-01-04")
        for language, said in (("en", {"status": "task-list", "inbox": "overdue", "submit": "is empty", "obligations": "awaiting",
                                       "unknown": "hint"}),
                               ("zh_CN", {"status": "待报送", "inbox": "逾期", "submit": "为空", "obligations": "待报送",
                                          "unknown": "提示"})):
            blank = world.dir / f"blank-{language}.yaml"
            agent("new", "task-list", "once", "--out", blank, language=language)
            found = {"status": agent("status", language=language), "inbox": agent("inbox", language=language),
                     "submit": agent.try_("submit", blank, language=language).stderr,
                     "obligations": world.must("musterctl", "obligations", language=language),
                     "unknown": world.run("musterctl", "show", "no/such/thing", language=language).stderr}
            for what, word in said.items():
                check(word in found[what], f"{what} in {language}: {word!r} is not in {found[what]!r}")


def test_people_read_names_in_their_language_and_programs_ids():
    with spine() as world:
        lead, member = join(world, "jxj", "rsj")
        names = {"en": ("Economy and Information Technology Bureau", "Task list of the group", "once", "submit"),
                 "zh_CN": ("市经信局", "组团任务清单", "一次性", "报送")}
        submit(lead, "task-list", "once")
        for language, (unit, duty, period, act) in names.items():
            def lines(found, id):
                return [line for line in found.splitlines() if id in line]
            def ctl(*words):
                return world.must("musterctl", *words, language=language)
            for found in (ctl("obligations"), lead("group", "obligations", language=language)):
                check([line for line in lines(found, LIST) if unit in line and duty in line], found)
            status = lead("status", language=language)
            check(duty in status and f"{unit} (jxj)" in status, status)
            check(duty in lead("receipts", language=language), "receipts")
            for found in (ctl("reports"), lead("group", "reports", language=language)):
                check([line for line in found.splitlines()
                       if all(word in line for word in (unit, duty, period, act))], found)
            shown = ctl("show", LIST)
            check(unit in shown and duty in shown, shown)
            check(unit in ctl("explain", LIST), "explain")
            check(unit in ctl("tasks"), "tasks")
        row = world.obligation(LIST)
        equal((row["bearer"], row["bearer_zh"], row["title_en"]), ("jxj", names["zh_CN"][0], names["en"][1]), "for programs")
        equal(world.ctl("show", LIST)["bearer"], "jxj", "one, for programs")
        # A second one, while the first waits: refused, with what to do; and shown as such.
        again = lead.try_("submit", lead.fill("task-list", "once"), "--wait")
        refused(again, "not possible in its present state", "muster-agent withdraw")
        number = lead.json("receipts")[-1]["receipt"]
        equal(world.ctl("report", number)["refused"]["code"], "state", "for programs")
        shown = world.must("musterctl", "report", number, language="zh_CN")
        check("不予受理" in shown and "当前状态下不能办理" in shown and names["zh_CN"][0] in shown, shown)
        check("refused" not in world.ctl("report", world.ctl("reports")[0]["receipt"]), "what was taken")
        for words in (("report", number), ("contents", "--unit", "jxj")):
            check("filled in by: " in world.must("musterctl", *words), f"{words}: the form's own label")
        csv = world.must("musterctl", "obligations", "--csv").splitlines()
        equal(csv[0], "id,due,phase,work,verdict,bearer,title,asked_until,asked_reason", "headings")
        check(any(line.startswith(LIST) and ",jxj," in line for line in csv), csv)


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
