#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A broker whose data directory was put back from a backup. It deals out the numbers of its alerts anew, and has
lost reports that it had given receipts for. The agents send those again, and nobody loses an alert: neither an
agent nor a watch, though they have seen alerts beyond the end of the log, and others under the same numbers."""
import contextlib
import json
import shutil

import harness
from harness import World, check, equal, wait_for

REHEARSE = "2022-12-05"
URGED = "unit-contacts/once/jxj"


def urge(world, *reasons):
    for reason in reasons:
        world.must("musterctl", "urge", URGED, "--reason", reason)


def inbox(agent):
    return [row.get("reason") for row in agent.json("inbox", "--all") if row["kind"] == "urge"]


def watched(watch):
    # The last line may be on its way.
    whole = [line for line in watch.out().splitlines(keepends=True) if line.endswith("\n")]
    return [alert.get("reason") for alert in map(json.loads, whole) if alert["kind"] == "urge"]


@contextlib.contextmanager
def put_back(restored, away):
    """The world after its broker was put back to "one", with "two" and "three" lost; away: nobody was connected
    until "four" to "seven" had come."""
    with World("restore", rehearse=REHEARSE) as world:
        broker = world.broker.start()
        agent, watch = world.agent("jxj"), world.watch("office:main")
        urge(world, "one")
        wait_for(lambda: inbox(agent) == watched(watch) == ["one"], "the first alert")
        agent("submit", agent.fill("task-list", "once"), "--wait")
        broker.stop()
        shutil.copytree(broker.data_dir, world.dir / "backup")
        broker.start()
        urge(world, "two", "three")
        wait_for(lambda: inbox(agent) == watched(watch) == ["one", "two", "three"], "the alerts that are lost")
        agent("withdraw", "task-list", "once", "--wait")
        broker.stop()
        if away:
            agent.stop()
            watch.stop()
        shutil.rmtree(broker.data_dir)
        shutil.move(world.dir / "backup", broker.data_dir)
        if restored:
            said = world.must("musterd", *broker.argv[1:], "--rehearse", REHEARSE, "--restored")
            check("epoch" in said, said)
        broker.start()
        if not away:
            agent.wait_log(r"session-open.*(?s:.*)session-open.*(?s:.*)session-open")
        urge(world, "four", "five", "six", "seven")
        if away:
            agent.start()
            watch.start()
        yield world, agent, watch


def nothing_is_lost(world, agent, watch):
    wanted = ["one", "two", "three", "four", "five", "six", "seven"]
    wait_for(lambda: sorted(inbox(agent)) == sorted(wanted), lambda: f"the agent's inbox, which has {inbox(agent)}")
    wait_for(lambda: set(watched(watch)) == set(wanted), lambda: f"the watch, which showed {watched(watch)}")
    wait_for(lambda: len(world.ctl("reports", "--unit", "jxj")) == 2, "the report that was lost")
    equal(world.verify_ledger()["chain"], "ok", "chain")


def test_nothing_is_lost_when_the_broker_is_told():
    for away in (False, True):
        with put_back(restored=True, away=away) as found:
            nothing_is_lost(*found)
            check(int(found[0].ctl("status")["epoch"]) > 1_700_000_000, "epoch")


def test_nobody_loses_anything_though_the_broker_was_not_told():
    """Whoever comes back after the log has passed his cursor knows the ledger's head there, which is another now."""
    for away, said in ((False, "cursor-beyond-log"), (True, "cursor-of-another-log")):
        with put_back(restored=False, away=away) as (world, agent, watch):
            nothing_is_lost(world, agent, watch)
            check(said in world.broker.log(), "the broker says nothing")


def test_who_names_no_head_loses_what_the_log_has_passed():
    """The negative control: behind an old cursor alone the new alerts look like the next ones."""
    with put_back(restored=False, away=True) as (world, agent, watch):
        nothing_is_lost(world, agent, watch)
        client = world.client("unit:jxj", name="old")
        client.subscribe(from_=3)
        client.pump(lambda: client.inbox, 20, "the first alert behind the cursor")
        equal((client.inbox[0]["prev"], client.inbox[0]["number"]), (3, 4), "an alert that looks like the next")


def test_what_the_office_did_since_is_to_be_done_again():
    """As docs/operating.md says: acts and keys of the office's side are gone, while reports come back."""
    with World("restore", rehearse=REHEARSE) as world:
        broker = world.broker.start()
        stays, revoked, rotated = (world.agent(unit) for unit in ("jxj", "jtj", "wjw"))
        stays("submit", stays.fill("task-list", "once"), "--wait")
        broker.stop()
        shutil.copytree(broker.data_dir, world.dir / "backup")
        broker.start()
        world.must("musterctl", "review", "task-list/once/jxj", "--approve")
        world.must("musterctl", "revoke", "unit:jtj", "--reason", "lost")
        rotated("rotate")
        enrolled = world.agent("nyj")
        wait_for(lambda: enrolled("status"), "the one that came since")
        broker.stop()
        shutil.rmtree(broker.data_dir)
        shutil.move(world.dir / "backup", broker.data_dir)
        world.must("musterd", *broker.argv[1:], "--rehearse", REHEARSE, "--restored")
        broker.start()
        equal(world.obligation("task-list/once/jxj")["work"], "submitted", "what was approved since")
        keys = {row["principal"]: row for row in world.ctl("keys")}
        check("unit:nyj" not in keys, "a key that was enrolled since")
        equal(keys["unit:jtj"]["status"], "active", "a key that was revoked since")
        for agent in (rotated, enrolled):
            agent.stop()
            agent("join", world.invite(f"unit:{agent.unit}"), "--renew")
            agent.start()
            agent.wait_log("session-open")


def test_nothing_to_restore_is_said():
    with World("restore", rehearse=REHEARSE) as world:
        done = world.run("musterd", *world.broker.argv[1:], "--restored")
        equal((done.returncode, "muster.db" in done.stderr, world.broker.data_dir.exists()), (1, True, False), done.stderr)
        # A database is there, and a first start never came to its end.
        world.broker.start(env={"MUSTER_FAILPOINT": "broker.before-commit"}, ready=False).wait()
        done = world.run("musterd", *world.broker.argv[1:], "--rehearse", REHEARSE, "--restored")
        equal((done.returncode, "put the backup in its place first" in done.stderr), (1, True), done.stderr)
        world.broker.start()
        equal(world.run("musterd", *world.broker.argv[1:], "--rehearse", REHEARSE, "--restored").returncode, 1, "while it runs")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
