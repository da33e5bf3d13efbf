#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A ledger that somebody with the database in hand has altered. One changed row is found by `ledger verify`.
Where the whole chain was reckoned anew behind it, with every head that the database keeps, only a witness
can find it: a watch that has seen the head. Both say so, in both languages; an untouched ledger alarms nobody."""
import contextlib
import re
import sqlite3

import harness
import muster_client as mc
from harness import World, check, equal, wait_for

TRUE, FALSE = b"the meeting is on Friday", b"the meeting is on Monday"
ALARM = {"en": "LEDGER CONTRADICTED: row", "zh_CN": "台账被篡改"}


@contextlib.contextmanager
def witnessed():
    """A ledger with an act in it, and the home of an office whose watch has seen heads behind it."""
    with World("ledger", rehearse="2022-12-05") as world:
        world.broker.start()
        world.must("musterctl", "urge", "task-list/once/jxj", "--reason", TRUE.decode())
        world.clock_run("2023-01-05")
        home = world.home("office:main")
        equal(watch(world, home, "--since", 0).returncode, 0, "the watch, before")
        yield world, home


def watch(world, home, *args, language="en", mutant=None):
    return world.run("muster-watch", "--home", home, "--json", "--timeout", "2", *args, language=language,
                     env={"MUSTER_MUTANT": mutant} if mutant else None)


def rows_of(database):
    return database.execute("SELECT id, at, kind, bytes FROM ledger ORDER BY id").fetchall()


def alter(world, anew):
    """With the broker stopped; anew: reckon the chain and every head that is kept."""
    world.broker.stop()
    path, = world.broker.data_dir.glob("*.db")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        rows = rows_of(database)
        number, = (index for index, row in enumerate(rows, 1) if TRUE in row[3] and row[2] == 2)
        database.execute("UPDATE ledger SET bytes = ? WHERE id = ?", (rows[number - 1][3].replace(TRUE, FALSE), rows[number - 1][0]))
        if anew:
            reckon(database)
    world.broker.start()
    return number


def reckon(database):
    equal(database.execute("SELECT count(*) FROM ledger WHERE run IS NOT NULL").fetchone(), (0,), "runs, which this forger cannot do")
    head = mc.H(b"muster.ledger.1", b"jingning\0")
    for number, (id, at, kind, held) in enumerate(rows_of(database), 1):
        head = mc.H(b"muster.row.1", head, mc.u64(number), mc.u64(at), bytes([kind]), held)
        database.execute("UPDATE ledger SET head = ? WHERE id = ? AND head NOT NULL", (head, id))
        database.execute("UPDATE alerts SET row_head = ? WHERE ledger = ?", (head, id))


def test_untouched_ledger_alarms_nobody():
    with witnessed() as (world, home):
        equal(world.verify_ledger()["chain"], "ok", "chain")
        for _ in range(2):
            done = watch(world, home)
            check(done.returncode == 0 and "CONTRADICTED" not in done.stderr, f"{done}")
        row = int(world.ctl("ledger", "head")["row"])
        heads = [world.ctl("ledger", "head", "--from", number)["head"] for number in (1, 2, row // 2, row)]
        equal((len(set(heads)), heads[3]), (4, world.ctl("ledger", "head")["head"]), "heads at rows")
        equal(world.run("musterctl", "ledger", "head", "--from", row + 100).returncode, 1, "a head of the future")


def test_altered_row_is_found_by_verify():
    with witnessed() as (world, _):
        number = alter(world, anew=False)
        for language in ("en", "zh_CN"):
            done = world.run("musterctl", "ledger", "verify", language=language)
            check(done.returncode == 1, f"verified: {done.stdout}")
            found = int(re.search(r"row (\d+)", done.stderr).group(1))
            check(found >= number, f"row {found} for {number}: at the first head behind it")


def test_witness_that_does_not_compare_is_noticed():
    """The negative control: this watch has seen the heads and says nothing."""
    with witnessed() as (world, home):
        alter(world, anew=True)
        equal(watch(world, home, mutant="witness-not-asked").returncode, 0, "exit of a watch that compares nothing")
        equal(watch(world, home).returncode, 5, "exit of one that does")


def test_ledger_that_was_reckoned_anew_is_found_by_its_witness():
    with witnessed() as (world, home):
        alter(world, anew=True)
        equal(world.verify_ledger()["chain"], "ok", "chain, which alone says nothing of this")
        for language in ("en", "zh_CN"):
            done = watch(world, home, language=language)
            equal(done.returncode, 5, f"exit of the watch: {done.stderr}")
            check(ALARM[language] in done.stderr, f"{language}: {done.stderr}")
        # One that goes on as a service says so, too, and still follows.
        service = world.add(harness.Program(world, "watch", [harness.BIN / "muster-watch", "--home", home, "--json"])).start()
        service.wait_log(ALARM["en"])
        before = len(service.out().splitlines())
        world.must("musterctl", "urge", "task-list/once/jxj", "--reason", "go on")
        wait_for(lambda: len(service.out().splitlines()) > before, "an alert after the alarm")
        equal(service.stop(), 5, "exit of the service")
        # Alerts that it reads once more contradict it one by one.
        check("contradicts what was witnessed at alert 1" in watch(world, home, "--since", 0).stderr, "alerts told again")


# ---- reports that lie in a file beside the database ----

REPORTED = "支持丽景园产业平台发展"


@contextlib.contextmanager
def reported():
    """A stopped broker with a report in a file, which is given, and the report's number."""
    with World("ledger", rehearse="2022-12-05", settings={"bulk_bytes": 1}) as world:
        world.broker.start()
        agent = world.agent("jxj")
        agent.wait_log("session-open")
        agent("submit", agent.fill("task-list", "once", text=REPORTED), "--wait")
        number, = (row["receipt"] for row in world.ctl("reports", "--unit", "jxj"))
        equal(world.verify_ledger()["chain"], "ok", "chain")
        world.broker.stop()
        file, = world.broker.data_dir.glob("reports-*.log")
        check(REPORTED.encode() in file.read_bytes(), "the file holds the report")
        yield world, file, number


def test_reports_in_a_file_are_read_and_replayed_like_others():
    with reported() as (world, _, number):
        world.broker.start()
        check(REPORTED in str(world.ctl("report", number)), "report")
        equal((world.verify_ledger()["chain"], world.ctl("replay")["differences"]), ("ok", "0"), "verify, replay")
        world.must("musterctl", "export", "report", number, "--out", world.dir / "proof.json")


def test_altered_report_in_a_file_is_found_by_verify():
    with reported() as (world, file, number):
        file.write_bytes(file.read_bytes().replace(REPORTED.encode(), REPORTED.replace("支持", "反对").encode()))
        world.broker.start()
        for language in ("en", "zh_CN"):
            done = world.run("musterctl", "ledger", "verify", language=language)
            equal((done.returncode, re.search(r"row (\d+)|第 ?(\d+)", done.stderr + done.stdout) is not None), (1, True),
                  f"verify, which said {done.stdout}{done.stderr}")
        check(REPORTED not in str(world.ctl("report", number)), "it was altered")


def test_missing_or_short_file_of_reports_is_refused_at_the_start():
    with reported() as (world, file, number):
        kept = file.read_bytes()
        for spoil, word in ((file.unlink, "is missing"), (lambda: file.write_bytes(kept[:-1]), f"has {len(kept) - 1} bytes")):
            spoil()
            world.broker.start(ready=False)
            equal(world.broker.wait(), 1, "exit code")
            for wanted in (str(file), word, "backup"):
                check(wanted in world.broker.log(), f"{wanted!r} is not in {world.broker.log()}")
            file.write_bytes(kept)
            world.broker.start()
            check(REPORTED in str(world.ctl("report", number)), "report, once it is restored")
            world.broker.stop()


def test_what_a_power_cut_takes_from_the_database_is_carried_out_again():
    """SQLite's log is synced by checkpoints alone: all of it may be gone, and what was answered may not."""
    for settings in ({}, {"bulk_bytes": 1}, {"bulk_bytes": 3000}):
        with World("ledger", rehearse="2022-12-05", settings=settings) as world:
            world.broker.start()
            client = world.client("unit:jxj")
            receipts = [client.submit("task-list", "once", {"text": "x" * number})["row"] for number in range(20)]
            for number in range(10):
                seqs = [client.queue("submit", "task-list", "once", body={"text": "y" * 400}) for _ in range(number)]
                client.push_waiting()
                receipts += [client.wait_receipt(seq)["row"] for seq in seqs]
            rows = int(world.verify_ledger()["rows"])
            client.close()
            world.broker.kill()
            log, = world.broker.data_dir.glob("muster.db-wal")
            check(log.stat().st_size > 0, "the log was empty")
            for path in world.broker.data_dir.glob("muster.db-*"):
                path.unlink()
            world.broker.start()
            equal([row["receipt"] for row in world.ctl("reports")], receipts, f"with {settings}")
            equal(world.verify_ledger()["chain"], "ok", "chain")
            check(int(world.verify_ledger()["rows"]) >= rows, f"the ledger had {rows} rows")
            check(world.client("unit:jxj").submit("task-list", "once", {"text": "z"})["row"] > receipts[-1], "and goes on")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
