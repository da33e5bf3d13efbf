#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A unit's agent on a host that misbehaves: a clock years ahead, a disk without room, keys that are gone, an outbox
that is damaged. What it says then names the thing and what to do, and doing that helps."""
import socket

import harness
from harness import Weather, World, check, equal, wait_for
from test_keys import keys_of, public_keys, submit_progress

DAY_MS = 86400000


def states(agent):
    return [row["state"] for row in agent.json("receipts")]


def test_clock_years_ahead_makes_the_agent_forget_nothing():
    with World("troubles") as world:
        world.broker.start()
        weather = Weather(world)
        agent = world.agent("jxj", start=False)
        agent.start(env=weather.env)
        for number in range(3):
            submit_progress(agent, f"{number}")
        weather.set("leap_ms", 1000 * DAY_MS)
        for leapt in (True, False):  # while it runs, and as a machine that starts with a wrong clock
            world.broker.stop()
            agent.wait_log("session-closed")
            world.broker.start()
            wait_for(lambda: agent.json("status")["connected"], "a session")
            submit_progress(agent, "after the leap")
            equal(states(agent), ["received"] * (4 if leapt else 5), "what is kept")
            if leapt:
                agent.stop()
                agent.start(env=weather.env)
                agent.wait_log("session-open")


def test_full_disk_is_told_of_where_people_look():
    with World("troubles", rehearse="2022-12-05") as world:
        world.broker.start()
        weather = Weather(world)
        agent = world.agent("jxj", start=False, reconnect_min=1000, reconnect_max=1000)
        agent.start(env=weather.env)
        wait_for(lambda: agent.json("status")["connected"], "a session")
        weather.set("full", 1)
        done = agent.try_("progress", "task-list", "once", "--text", "x" * 5000)
        check(done.returncode == 1 and "no room left" in done.stderr and "queued" not in done.stdout, done.stderr)
        world.clock_run("2022-12-20T10:00")  # alerts that cannot be kept
        agent.wait_log("commit-failed code=full")
        wait_for(lambda: "outbox.db" in agent.json("status")["fault"], "the reason in the status")
        check("outbox.db" in agent("status"), "the reason in words")
        weather.set("full", 0)
        wait_for(lambda: agent.json("status")["unread"] > 0, "the alerts")
        equal(agent.json("status")["fault"], "", "the reason, when there is none")
        submit_progress(agent, "room again")


def test_lost_keys_are_replaced_by_an_invitation_and_what_is_queued_goes_on():
    with World("troubles", rehearse="2022-12-05") as world:
        world.broker.start()
        agent = world.agent("jxj")
        submit_progress(agent, "before")
        world.broker.stop()
        agent.wait_log("session-closed")
        agent.json("progress", "task-list", "once", "--text", "queued before the loss")
        agent.kill()
        old = public_keys(agent.home)
        for spoil in ((agent.home / "keys").unlink, lambda: (agent.home / "keys").write_text("nothing\n", encoding="utf-8")):
            spoil()
            (agent.home / "keys").exists() and (agent.home / "keys").chmod(0o600)
            agent.start(ready=False)
            equal(agent.wait(), 1, "the end")
            check("--renew" in agent.log() and "keys" in agent.log(), agent.log())
        world.broker.start()
        agent("join", world.invite("jxj"), "--renew")
        check(not set(old) & set(public_keys(agent.home)), "the keys are the old ones")
        agent.start()
        wait_for(lambda: states(agent) == ["received"] * 2, "what was queued")
        equal(len(keys_of(world, "unit:jxj")), 2, "keys")


def test_what_is_wrong_with_an_invitation_is_said():
    with World("troubles", rehearse="2022-12-05") as world:
        path = world.dir / "spoilt.invite"
        for text, words in (("", "spoilt.invite:"), ("a: [1\n", "spoilt.invite:"), ("- a\n", "muster-invitation")):
            path.write_text(text, encoding="utf-8")
            done = world.run("muster-agent", "--home", world.dir / "home", "join", path)
            check(done.returncode == 1 and words in done.stderr and "errors found" not in done.stderr, done.stderr)
            check("ask for a new invitation" in done.stderr, done.stderr)
            check(not (world.dir / "home").exists(), "a home came of it")


def test_agent_without_descriptors_says_so_and_goes_on_with_room():
    with World("troubles", rehearse="2022-12-05") as world:
        world.broker.start()
        agent = harness.Agent(world, "jxj", world.home("jxj"))
        agent.argv = ["prlimit", "--nofile=24", *agent.argv]
        agent.start()
        wait_for(lambda: agent.json("status")["connected"], "a session")
        crowd = []
        for _ in range(24):
            crowd.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            crowd[-1].connect(str(agent.home / "agent.sock"))
        agent.wait_log(r"(?m)^local-refused code=io .*agent\.sock")
        for one in crowd:
            one.close()
        submit_progress(agent, "room again")


def test_damaged_outbox_says_what_is_safe_and_a_new_one_goes_on():
    with World("troubles", rehearse="2022-12-05") as world:
        world.broker.start()
        agent = world.agent("jxj")
        submit_progress(agent, "before")
        agent.stop()
        damaged = agent.home / "outbox.db"
        damaged.write_bytes(b"x" * damaged.stat().st_size)
        agent.start(ready=False)
        equal(agent.wait(), 1, "the end")
        check("outbox.db" in agent.log() and "is safe there" in agent.log(), agent.log())
        away = world.dir / "away"
        away.mkdir()
        for path in agent.home.glob("outbox.db*"):
            path.rename(away / path.name)
        agent.start()
        submit_progress(agent, "after")
        equal(world.verify_ledger()["reports"], "2", "reports")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
