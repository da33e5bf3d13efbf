#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A programme's history rebuilt from its ledger: a rehearsed year with reports, acts, refusals, downtime, a
restart with another programme and a reload replays without a difference; a changed row, a lost row, a changed
obligation and a core that reckons otherwise are found."""
import json
import shutil
import sqlite3

import msgpack

import harness
from harness import World, check, equal

Q1 = "quarterly-progress/2023Q1/jxj"


def programme(world):
    """A copy that the tests may change."""
    for name in ("programme.yaml", "workdays.csv"):
        shutil.copy(harness.JINGNING.parent / name, world.dir / name)
    return world.dir / "programme.yaml"


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    check(old in text, f"{path} has {old!r}")
    path.write_text(text.replace(old, new), encoding="utf-8")


def replay(world, env=None):
    """The replay's figures, and the tool's exit code."""
    done = world.run("musterctl", "replay", "--json", env=env)
    check(done.stdout, f"replay said nothing: {done.stderr}")
    return json.loads(done.stdout), done.returncode


def live(world):
    """Every kind of row."""
    path = programme(world)
    world.broker.argv[world.broker.argv.index("--programme") + 1] = str(path)
    world.broker.start()
    world.clock_run("2023-04-13T10:00")
    client = world.client("unit:jxj")
    equal(client.submit("quarterly-progress", "2023Q1", harness.progress("late", "jxj"))["code"], "ok", "a late report")
    equal(client.submit("quarterly-progress", "2029Q1", {"text": "?"})["code"], "not-open", "a refused report")
    check(world.run("musterctl", "waive", Q1, "--reason", "too late").returncode != 0, "a refused act")
    world.must("musterctl", "extend", "quarterly-progress/2023Q1/jtj", "--until", "2023-04-28", "--reason", "flood",
               "--override")
    world.must("musterctl", "waive", "member-exchange/2023Q1/fgw", "--reason", "merged")
    world.broker.kill()
    # While it was down a duty has changed, and a day of the calendar.
    edit(path, "first: 2023Q1 # D\n    due: {after-end: 5 working-days}",
         "first: 2023Q1 # D\n    version: 2\n    due: {after-end: 7 working-days}")
    world.broker.start(rehearse="2023-06-20")
    world.clock_run("2023-07-01")
    calendar = world.dir / "workdays.csv"
    lines = calendar.read_text(encoding="utf-8").splitlines(keepends=True)
    calendar.write_text("".join(line for line in lines if not line.startswith("2023-10-08")), encoding="utf-8")
    world.must("musterctl", "reload")
    world.clock_run("2024-02-01")


def tamper(world, change):
    """Change what is stored behind the broker's back."""
    world.broker.stop()
    database, = world.broker.data_dir.glob("*.db")
    with sqlite3.connect(database) as db:
        change(db)
    db.close()
    world.broker.start(rehearse="2024-02-02")


def change_row(kind, old, new):
    def change(db):
        for id, data in db.execute("SELECT id, bytes FROM ledger WHERE kind = ? ORDER BY id", (kind,)).fetchall():
            if old in data:
                db.execute("UPDATE ledger SET bytes = ? WHERE id = ?", (data.replace(old, new), id))
                return
        raise harness.Failure(f"no row holds {old!r}")
    return change


def change_obligation(db):
    id, data = db.execute("SELECT id, bytes FROM obligations WHERE id LIKE 'annual-plan/%' LIMIT 1").fetchone()
    record = msgpack.unpackb(data)
    record["urges"] += 1
    db.execute("UPDATE obligations SET bytes = ? WHERE id = ?", (msgpack.packb(record), id))


def test_a_year_replays_without_a_difference():
    with World("replay", rehearse="2022-12-05") as world:
        live(world)
        figures, code = replay(world)
        print({name: figures[name] for name in ("rows", "inputs", "transitions", "alerts", "seconds")})
        equal((figures["differences"], code), ("0", 0), f"differences: {figures}")
        equal((figures["programmes"], figures["starts"]), ("3", "2"), "versions and starts")
        check(int(figures["refusals"]) >= 2, "refusals are compared")
        status = world.ctl("status")
        equal(figures["rows"], str(status["ledger_rows"]), "every row")
        equal(figures["alerts"], str(status["alerts"]), "every alert")
        equal(figures["obligations"], str(status["obligations"]), "every obligation")


def test_what_was_changed_is_found():
    with World("replay", rehearse="2022-12-05") as world:
        live(world)
        # A core that is off by a millisecond.
        world.broker.stop()
        world.broker.start(rehearse="2024-02-02", env={"MUSTER_MUTANT": "replay-a-millisecond-late"})
        figures, code = replay(world)
        check(int(figures["differences"]) > 100 and code != 0, f"a core that is off by a millisecond: {figures}")
        check("should be" in figures["first_difference"], "the first difference is told")
        # A verdict rewritten in the ledger.
        tamper(world, change_row(3, b"\xa7verdict\xa4late", b"\xa7verdict\xa4lame"))
        figures, code = replay(world)
        equal((figures["differences"], code != 0), ("1", True), "a changed transition")
        check("verdict=lame" in figures["first_difference"] and "should be" in figures["first_difference"],
              figures["first_difference"])
        # An act rewritten: what followed from it is not what should have.
        tamper(world, change_row(2, b"member-exchange/2023Q1/fgw", b"member-exchange/2023Q1/mzj"))
        figures, code = replay(world)
        check(int(figures["differences"]) >= 3, f"a changed act: {figures}")
        # An obligation rewritten, and the ledger not.
        tamper(world, change_obligation)
        again, code = replay(world)
        equal(int(again["differences"]), int(figures["differences"]) + 1, "a changed obligation")
        # Whoever may not read the ledger may not replay it.
        agent = world.home("unit:jtj")
        done = world.run("musterctl", "--home", agent, "replay")
        check(done.returncode != 0 and "may not" in done.stderr, done.stderr)


if __name__ == "__main__":
    harness.main(test_a_year_replays_without_a_difference, test_what_was_changed_is_found)
