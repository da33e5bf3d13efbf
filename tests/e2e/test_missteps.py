#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a newcomer does wrong, and what Muster says then: it names the thing, and the hint fits who asked."""
import json
import re
import subprocess

import harness
from harness import World, check, equal, wait_for
from ports import free_ports


def said(world, *words, code=1):
    """What a command that must fail says, in one line."""
    done = world.run("musterctl", *words)
    equal(done.returncode, code, " ".join(words))
    return " ".join(done.stderr.split())


def test_runtime_directory_may_lie_in_the_data_directory():
    with World("nested", rehearse="2023-01-01") as world:
        world.broker.argv += ["--set", "data_dir=r", "--set", "runtime_dir=r/run"]
        world.broker.start()
        check((world.dir / "r" / "run" / "lock").exists(), "no runtime directory")


def test_lost_keys_are_not_replaced():
    with World("lost-keys", rehearse="2023-01-01") as world:
        world.broker.start()
        world.broker.stop()
        keys = world.broker.data_dir / "broker.keys"
        kept = keys.read_bytes()
        keys.unlink()
        world.broker.start(ready=False)
        equal(world.broker.wait(), 1, "exit code")
        check("keys are missing" in world.broker.log() and str(keys) in world.broker.log(), world.broker.log())
        check(not keys.exists(), "new keys were made")
        keys.write_bytes(kept)
        keys.chmod(0o600)
        world.broker.start()


def test_overdue_has_the_escalated_and_nothing_that_is_handed_in():
    with World("phases", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-04-10T10:00")
        client = world.client("unit:jxj")
        client.submit("quarterly-progress", "2023Q1", harness.progress("late", "jxj"))
        world.must("musterctl", "waive", "quarterly-progress/2023Q1/jtj", "--reason", "flood")
        world.clock_run("2023-05-10T10:00")
        every = world.ctl("obligations")
        owing = [row["id"] for row in every if row["work"] in ("awaiting", "returned")]
        late = [row["id"] for row in every if row["id"] in owing and row["phase"] in ("overdue", "escalated")]
        check(any(row["phase"] == "escalated" for row in every if row["id"] in late), "nothing is escalated")
        equal([row["id"] for row in world.ctl("obligations", "--phase", "overdue")], late, "overdue")
        equal([row["id"] for row in world.ctl("obligations", "--phase", "escalated")],
              [row["id"] for row in every if row["id"] in late and row["phase"] == "escalated"], "escalated")
        waived = [line for line in world.must("musterctl", "obligations", "--work", "waived").splitlines()
                  if "2023Q1/jtj" in line]
        equal([" - " in line for line in waived], [True], "the waived one's phase in the table")
        check("refused_peers" in world.ctl("status"), "status")
        check("Owed" in world.must("musterctl", "assess", "--period", "2023Q1"), "assess")


def test_a_phase_that_says_nothing_is_empty_for_programs_too():
    with World("phaseless", rehearse="2022-12-05") as world:
        world.broker.start()
        agent = world.agent("jxj")
        world.clock_run("2023-04-05T10:00")
        agent("submit", agent.fill("quarterly-progress", "2023Q1"), "--wait")
        world.must("musterctl", "waive", "quarterly-progress/2023Q2/jxj", "--reason", "flood")
        told = {row["id"]: row["phase"] for row in agent.json("status")["obligations"]}
        for row in world.ctl("obligations", "--unit", "jxj"):
            ended = row["work"] in ("closed", "waived", "not-applicable")
            check(row["phase"] == "" if ended else row["phase"] or row["work"] == "submitted", f"{row}")
            equal(world.ctl("show", row["id"])["phase"], row["phase"], f"show {row['id']}")
            equal(told.get(row["id"], row["phase"]), row["phase"], f"the unit's {row['id']}")
        for phase in ("upcoming", "open", "due-soon", "overdue"):
            equal({row["phase"] for row in world.ctl("obligations", "--phase", phase)} - {phase, "escalated"}, set(), phase)
        status = agent.json("status")
        check(re.match(r"2023-04-05T0\d:\d\d:\d\d", status["now"]) and re.match(r"20\d\d-\d\d-\d\dT", status["key_not_after"]),
              f"instants: {status['now']}, {status['key_not_after']}")


def test_the_office_reads_what_date_is_asked_for_and_why():
    later = "quarterly-progress/2023Q2/jxj"
    with World("asked", rehearse="2022-12-05") as world:
        world.broker.start()
        agent = world.agent("jxj")
        world.clock_run("2023-04-05T10:00")
        wait_for(lambda: agent.json("status")["obligations"], "the brief")
        agent("extension", later, "--until", "2023-07-20", "--reason", "two ill", "--wait")
        equal([(row["id"], row["asked_until"][:10], row["asked_reason"]) for row in world.ctl("obligations", "--asked")],
              [(later, "2023-07-21", "two ill")], "for programs")
        receipt = agent.json("receipts")[-1]["receipt"]
        equal(world.ctl("report", str(receipt))["reason"], "two ill", "the report")
        for words, parts in ((("obligations", "--asked"), ("2023-07-20 24:00", "two ill")),
                             (("show", later), ("2023-07-20 24:00", "two ill"))):
            told = world.must("musterctl", *words)
            for part in parts:
                check(part in told, f"{part!r} is not in\n{told}")
        check("two ill" not in world.must("musterctl", "obligations", "--unit", "rsj"), "a column without anything in it")
        watch = world.watch("office:main")
        alert = wait_for(lambda: next((row for row in map(json.loads, watch.out().split("\n")[:-1])
                                       if row["kind"] == "extension-requested"), None), "the alert")
        check(", until 2023-07-20: two ill" in alert["text"], alert["text"])


def test_what_was_submitted_is_taken_back_only_where_it_can_be():
    tasks = "task-list/once/jxj"
    with World("back", rehearse="2022-12-05") as world:
        world.broker.start()
        agent = world.agent("jxj")
        other = world.agent("jtj")
        world.clock_run("2022-12-06T10:00")
        filled = agent.fill("task-list", "once")
        check('unit: "jxj"' in filled.read_text(encoding="utf-8"), "whose file it is")
        for language, part in (("en", "the file is unit jxj's"), ("zh_CN", "此文件属于单位 jxj")):
            done = other.try_("submit", filled, language=language)
            check(done.returncode == 1 and re.search(rf"yaml:\d+:\d+: .*{part}", done.stderr), done.stderr)
        equal(other.json("receipts"), [], "what another unit's file queued")
        nameless = world.dir / "nameless.yaml"
        nameless.write_text(filled.read_text(encoding="utf-8").replace('unit: "jxj"\n', ""), encoding="utf-8")
        equal(agent.try_("submit", nameless, "--check").returncode, 0, "a file that names no unit")
        agent("submit", filled, "--wait")

        def again(*words):
            done = agent.try_(*words, "--wait")
            equal(done.returncode, 1, " ".join(map(str, words)))
            return " ".join(done.stderr.split())
        check(f"`muster-agent withdraw {tasks}` takes it back" in again("submit", filled), "before it is due")
        agent("withdraw", tasks, "--wait")
        agent("submit", filled, "--wait")
        world.clock_run("2023-02-10T10:00")
        equal(world.obligation(tasks)["work"], "submitted", "what waits for its review")
        check("nothing is taken back" in again("submit", filled), "after it was due")
        queued = len(agent.json("receipts"))
        told = again("withdraw", tasks)
        check("too late for that" in told and "ask them to return it" in told, told)
        world.must("musterctl", "review", tasks)
        check("its review has begun" in again("withdraw", tasks), "under review")
        world.must("musterctl", "review", tasks, "--approve")
        check("musterctl reopen" in again("withdraw", tasks), "closed")
        equal(len(agent.json("receipts")), queued, "what was queued for all that")

    with World("hints", rehearse="2022-12-05") as world:
        world.broker.start()
        check("musterctl obligations" in said(world, "show", "quarterly-progress/2023Q1/none"), "show")
        check("--unit jxjj (jxj?)" in said(world, "obligations", "--unit", "jxjj"), "a unit that is none")
        check("--group g99" in said(world, "units", "--group", "g99"), "a group that is none")
        check("--area g9-9" in said(world, "tasks", "--area", "g9-9"), "a focus area that is none")
        check("--field fund " in said(world, "figures", "--field", "fund"), "a figure that is none")
        equal(world.ctl("figures", "--field", "areas.rate"), [], "a figure that nobody has reported")
        check("2023Q3" in said(world, "obligations", "--period", "2023Q9", code=2), "how a period is written")
        check("upcoming, open, due soon" in said(world, "obligations", "--phase", "x", code=2), "which words there are")
        check("did you mean overdue" in said(world, "obligations", "--phase", "overdew", code=2), "the nearest word")
        check("--help" in said(world, "alerts", "--kind", "x", code=2), "where many words stand")
        check("g99 is not known" in said(world, "assess", "--period", "2023Q1", "--group", "g99"), "assessed")
        equal(world.ctl("reports", "--unit", "jxj"), [], "a unit that has reported nothing")
        world.clock_run("2023-05-10T10:00")
        extension = ("extend", "quarterly-progress/2023Q1/jtj", "--until", "2023-06-01", "--reason", "flood")
        check("--override" in said(world, *extension), "extension of what is overdue")
        world.must("musterctl", *extension, "--override")


def test_file_made_before_the_first_brief_says_that_it_is_a_guess():
    with World("unbriefed", rehearse="2022-12-05") as world:
        world.broker.start()
        agent = world.agent("jxj", start=False)
        world.broker.kill()
        agent.start()
        guess = agent.try_("new", "task-list", "once", "--out", "guess.yaml")
        equal(guess.returncode, 0, "exit code")
        check("has not yet told" in guess.stderr and "status" in guess.stderr, guess.stderr)
        zh = agent.try_("new", "task-list", "once", "--out", "guess.zh.yaml", language="zh_CN")
        check("尚未告知" in zh.stderr, zh.stderr)
        wrong = agent.try_("group", "reports", "--from", "x")
        check(wrong.returncode == 2 and "whole number" in wrong.stderr, wrong.stderr)
        world.broker.start()
        agent.wait_log("session-open")
        known = agent.try_("new", "task-list", "once", "--out", "known.yaml")
        equal((known.returncode, known.stderr), (0, ""), "with a brief")
        check("tasks:" in (world.dir / "known.yaml").read_text(encoding="utf-8"), "the list's own fields")


def test_file_is_whole_or_not_there():
    with World("whole", rehearse="2022-12-05") as world:
        world.broker.start()
        agent = world.agent("jxj")
        agent.wait_log("session-open")
        agent("submit", agent.fill("task-list", "once"), "--wait", "20")
        for name, words in (('of "ours".yaml', ("new", "annual-plan", "2024")), ("proof", ("receipts", "--export", "1"))):
            path = world.dir / name
            command = [str(harness.BIN / "muster-agent"), "--home", str(agent.home), *words, "--json", "--out", str(path)]
            # A disk that takes a kilobyte.
            done = subprocess.run(["bash", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "full", *command],
                                  capture_output=True, text=True, env=harness.environment(), check=False)
            equal((done.returncode, f"{path}: File too large" in done.stderr, path.exists()), (1, True, False), done.stderr)
            said = world.must(*command)
            check(path.stat().st_size > 1024, "a short file")
            equal(words[0] != "new" or json.loads(said) == {"file": str(path)}, True, "what --json says")


def test_help_lists_the_words_that_are_taken_and_no_others():
    with World("help", rehearse="2022-12-05") as world:
        def option(program, command, name, language):
            found = world.must(program, "help", command, language=language)
            return [line.strip() for line in found.splitlines() if line.strip().startswith(f"--{name} ")][0]
        check(option("musterctl", "tasks", "state", "en").endswith("only so"), "choices stand in the usage already")
        check("issued 已印发" in option("musterctl", "tasks", "state", "zh_CN"), "choices as they are read")
        check("open" not in option("musterctl", "tasks", "state", "zh_CN"), "another column's words")
        check("red 红灯" in option("muster-agent", "progress", "light", "zh_CN"), "lights")
        check("overdue 逾期" in option("musterctl", "obligations", "phase", "zh_CN"), "phases")
        check("overdue" in option("musterctl", "obligations", "phase", "en"), "phases in English")
        check("once" not in option("musterctl", "obligations", "period", "en"), "a period is mostly a key")


def test_values_that_cannot_be_read_are_wrong_usage():
    with World("usage", rehearse="2022-12-05") as world:
        world.broker.start()
        for words in (("obligations", "--period", "2023Q9"), ("calendar", "--from", "x"),
                      ("calendar", harness.JINGNING, "--from", "x"), ("enrol", "jxj", "--hours", "0"),
                      ("assess", "--period", "2023Q1", "--as-known", "x"), ("clock", "run", "--to", "garbage"),
                      ("clock", "run", "--to", "2022-12-01"), ("clock", "run"), ("alerts", "--from", "x"),
                      ("extend", "task-list/once/jtj", "--until", "x", "--reason", "y")):
            said(world, *map(str, words), code=2)
        check("cannot use --until x: it is no date" in said(world, "extend", "task-list/once/jtj", "--until", "x", "--reason", "y", code=2),
              "a sentence")
        world.must("musterctl", "enrol", "jtj", "--out", "jtj.invite")
        check("musterctl: jtj.invite is there already" in said(world, "enrol", "jtj", "--out", "jtj.invite"), "a file that is there")
        told = " ".join(world.must("musterctl", "help", "plan").split())
        check("OLD-FILE the programme file as it is NEW-FILE" in told, told)


def test_verify_counts_in_the_words_of_replay():
    with World("counts", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2022-12-20T10:00")
        verified, replayed = world.ctl("ledger", "verify"), world.ctl("replay")
        for name in ("rows", "transitions", "alerts", "refusals", "starts", "moves"):
            check(name in verified and name in replayed, f"{name}: {verified}, {replayed}")
        equal((verified["alerts"], verified["transitions"]), (replayed["alerts"], replayed["transitions"]), "what both count")
        labels = [re.split(r"  +", line)[0] for line in world.must("musterctl", "ledger", "verify").splitlines()]
        equal(len(labels), len(set(labels)), f"labels of {labels}")
        check("Alert" not in labels and "Act" not in labels, f"{labels}")


def test_an_invitation_is_valid_for_no_longer_than_the_setting_allows():
    with World("invitation", rehearse="2022-12-05", settings={"invitation_hours_max": 12}) as world:
        world.broker.start()
        check("cannot use --hours 13: it must lie within: 1…12" in said(world, "enrol", "jxj", "--hours", "13", code=2), "the range of the setting")
        for words in (("--hours", "12"), ()):
            check("muster" in world.must("musterctl", "enrol", "jxj", *words), "the longest that is allowed")
        for language in ("en", "zh_CN"):
            told = "".join(world.must("musterctl", "help", "enrol", language=language).split())
            check("invitation_hours_max" in told, f"what bounds --hours: {told}")


def test_a_broker_of_several_programmes_says_which():
    with World("several", rehearse="2026-01-05") as world:
        world.broker.argv += ["--programme", harness.EXAMPLE]
        world.broker.start()
        home = world.dir / "home-office"
        world.must("musterctl", "--programme", "branches", "enrol", "office:main", "--out", "office.invite")
        world.must("muster-agent", "--home", home, "join", "office.invite")
        watch = ("muster-watch", "--state", world.dir / "state", "--timeout", "20")
        local = (*watch, "--socket", world.broker.admin)
        for words, served in ((("musterctl", "status"), "jingning, branches"),
                              (("musterctl", "--programme", "jingnin", "reload"), "jingning, branches"),
                              (local, "jingning, branches"), ((*local, "--programme", "x"), "jingning, branches"),
                              ((*watch, "--home", home, "--programme", "jingning"), "branches")):
            for language, hint in (("en", "with --programme ID"), ("zh_CN", "用 --programme")):
                done = world.run(*words, language=language)
                equal(done.returncode, 2, f"{words}: {done.stderr}")
                check(f": {served}\n" in done.stderr.replace("：", ": ") and hint in done.stderr, done.stderr)
        equal(world.ctl("--programme", "branches", "status")["programme"], "branches", "the one that is named")


def test_who_has_no_key_is_told_from_who_is_unknown():
    with World("revoke", rehearse="2022-12-05") as world:
        world.broker.start()
        world.invite("jxj")
        revoke = ("--reason", "left")
        for who in ("jxj", "unit:jxj", "市经信局"):
            told = said(world, "revoke", who, *revoke)
            check(f"no key in force belongs to {who}" in told, f"{who}: {told}")
        check("jxjj is not known here" in said(world, "revoke", "jxjj", *revoke), "a unit that is none")
        for who in ("jxj", "市经信局"):
            world.join("unit:jxj")
            equal([row["principal"] for row in world.ctl("revoke", who, *revoke)], ["unit:jxj"], f"revoked as {who}")
        check("no key in force" in said(world, "revoke", "unit:jxj", *revoke), "keys that are revoked already")


def test_start_says_what_is_not_as_asked():
    with World("start", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-01-10")
        world.broker.stop()
        world.broker.start()
        world.broker.wait_log(r"rehearsal asked=2022-12-05T\S* goes_on=2023-01-10T")
        world.broker.stop()
        world.broker.argv[world.broker.argv.index(str(harness.JINGNING))] = str(harness.EXAMPLE)
        world.broker.start(rehearse="2026-01-05")
        world.broker.wait_log(r"programme data_dir=\S* holds=jingning")


def test_port_that_is_taken_is_told_with_its_setting():
    with World("first", rehearse="2023-01-01") as first, World("second", rehearse="2023-01-01") as second:
        first.broker.start()
        taken = {"members_endpoint": first.broker.members, "feed_endpoint": first.broker.feed, "enrol_endpoint": first.broker.enrol}
        whole = second.broker.argv
        for setting, endpoint in taken.items():
            second.broker.argv = [*whole, "--set", f"{setting}={endpoint}"]
            second.broker.start(ready=False)
            equal(second.broker.wait(), 1, "exit code")
            said = second.broker.log()
            check(endpoint in said and setting in said and "another broker" in said and "disk" not in said, said)


def test_address_without_a_port_is_told_with_its_setting():
    with World("address", rehearse="2023-01-01") as world:
        world.broker.start()
        home = world.home("office:main")
        settings = (home / "agent.yaml").read_text(encoding="utf-8")
        (home / "agent.yaml").write_text(re.sub(r"(?m)^broker: .*$", 'broker: "tcp://127.0.0.1"', settings), encoding="utf-8")
        told = said(world, "--home", str(home), "status")
        check("tcp://127.0.0.1:" in told and "agent.yaml, broker" in told and "disk" not in told, told)


def test_directory_in_a_file_s_place_is_said_so():
    with World("folder", rehearse="2023-01-01") as world:
        done = world.run("musterd", "--programme", world.dir, "--check")
        check("is a directory" in done.stderr and "name a file" in done.stderr and "disk" not in done.stderr, done.stderr)


def test_office_has_no_agent():
    with World("office", rehearse="2023-01-01") as world:
        world.broker.start()
        home = world.home("office:main")
        for words in (("status",), ("inbox",), ("run",)):
            done = world.run("muster-agent", "--home", home, *words)
            check(done.returncode == 1 and "not a unit's home" in done.stderr, done.stderr)
        unit = world.agent("jxj", start=False)
        check("no agent is running" in unit.try_("status").stderr, "a unit's home")


def test_broker_says_what_is_missing_and_that_it_ends():
    with World("words", rehearse="2023-01-01") as world:
        world.broker.argv = ["bash", "-c", 'ulimit -n 300; exec "$@"', "bash", *world.broker.argv]
        world.broker.start()
        check(re.search(r'(?m)^limit descriptors=300 wanted=\d+ hint=".*connections_max"$', world.broker.log()), world.broker.log())
        equal(world.broker.stop(), 0, "exit code")
        check(re.search(r"(?m)^stopping signal=15\nstopped after_s=\d+$", world.broker.log()), world.broker.log())


def test_rehearsal_keeps_to_itself():
    settings = harness.SOURCE / "config" / "rehearsal.yaml"
    endpoints = re.findall(r"(?m)^(\w+_endpoint): tcp://127\.0\.0\.1:(\d+)$", settings.read_text(encoding="utf-8"))
    equal([name for name, _ in endpoints], ["members_endpoint", "feed_endpoint", "enrol_endpoint"], "endpoints on the loopback")
    check(not {int(port) for _, port in endpoints} & {5570, 5571, 5572}, "the real broker's ports")
    with World("rehearsal") as world:
        own = [f"--set={name}=tcp://127.0.0.1:{port}" for (name, _), port in zip(endpoints, free_ports(3))]
        broker = world.add(harness.Program(world, "rehearsal", [
            harness.BIN / "musterd", *own, "--config", settings, "--programme", harness.JINGNING, "--rehearse", "2023-01-01"])).start()
        broker.wait_log(r"(?m)^ready ")
        said = world.must("musterctl", "clock", "run", "--to", "2023-02-01", env={"MUSTER_SOCKET": "ipc://rehearsal/run/admin.sock"})
        check("2023-02-01" in said, said)


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
