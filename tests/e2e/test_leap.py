#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The wall clock leaps by days while a real broker runs: it holds firing until an administrator confirms. A
confirmation counts from the commit of its ledger row on: one whose batch finds no room on the disk, or that a kill
overtakes, confirms nothing; one that was committed is kept, whenever the broker is killed."""
import harness
from harness import Weather, World, check, equal, wait_for

DAY_MS = 86400000
# Without zeros written ahead, so that a batch finds out that there is no room before its commit.
SETTINGS = {"bulk_ahead_bytes": 0, "alive_mark": 0}


class Leapt:
    """A broker whose clock has leapt by three days since it started."""

    def __init__(self, env=None):
        self.world = World("leap", settings=SETTINGS)
        self.weather = Weather(self.world)
        self.env = {**self.weather.env, **(env or {})}

    def __enter__(self):
        self.world.__enter__()
        self.world.broker.start(env=self.env)
        self.weather.set("leap_ms", 3 * DAY_MS)
        self.told = len(self.world.ctl("alerts", "--limit", "100000"))
        check(self.state().startswith("held"), f"after the leap the clock is {self.state()}")
        return self

    def __exit__(self, *what):
        return self.world.__exit__(*what)

    def state(self):
        return self.world.ctl("clock", "show")["state"]

    def confirm(self):
        return self.world.run("musterctl", "clock", "confirm", "--json")

    def confirmations(self):
        return sum("clock-confirm" in str(row) for row in self.world.ctl("ledger", "list", "--limit", "100000"))

    def alerts(self):
        return len(self.world.ctl("alerts", "--limit", "100000")) - self.told


def test_confirmation_counts_once_it_is_committed():
    with Leapt() as leapt:
        done = leapt.confirm()
        equal(done.returncode, 0, "clock confirm")
        check('"ok"' in done.stdout, f"its answer says what holds then: {done.stdout}")
        equal((leapt.state(), leapt.confirmations()), ("ok", 1), "state and rows")
        leapt.world.broker.kill()
        leapt.world.broker.start(env=leapt.env)
        equal(leapt.state(), "ok", "after a kill")


def test_confirmation_without_room_confirms_nothing():
    with Leapt() as leapt:
        leapt.weather.set("full", 1)
        done = leapt.confirm()
        check(done.returncode != 0, f"a confirmation that was not kept is answered: {done.stdout}")
        leapt.world.broker.wait_log(r"(?m)^full ")
        leapt.weather.set("full", 0)
        wait_for(lambda: leapt.world.run("musterctl", "clock", "show").returncode == 0, "the broker to have room")
        equal((leapt.state()[:4], leapt.confirmations(), leapt.alerts()), ("held", 0, 0), "state, rows and alerts")
        equal(leapt.confirm().returncode, 0, "another confirmation")
        equal((leapt.state(), leapt.confirmations()), ("ok", 1), "state and rows")


def killed_at(failpoint):
    # The first pass is the start's batch, and nothing else is committed before the confirmation.
    with Leapt({"MUSTER_FAILPOINT": f"broker.{failpoint}:2"}) as leapt:
        check(leapt.confirm().returncode != 0, "the broker was killed, and answered")
        equal(leapt.world.broker.wait(), -9, "its end")
        leapt.world.broker.start(env=leapt.weather.env)
        return leapt.state()[:4], leapt.confirmations(), leapt.alerts()


def test_kill_before_the_commit_takes_the_confirmation_back():
    equal(killed_at("before-commit"), ("held", 0, 0), "state, rows and alerts")


def test_kill_behind_the_commit_leaves_the_confirmation():
    equal(killed_at("after-commit")[:2], ("ok", 1), "state and rows")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
