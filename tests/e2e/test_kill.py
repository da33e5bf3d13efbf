#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Broker, agents and a watcher are killed with SIGKILL, at random and at every named failpoint, while units
report. Afterwards every report that was promised is there once, every receipt still holds, and the alert log
is gap-free. The same account is then kept of a broker that acknowledges before it commits, and must show a loss.

    test_kill.py [--kills N] [--seed S]

It counts as a checker does: ok, lost (promised and not there), duplicated, unexpected (there and never sent),
recovered (there although the promise never reached its unit: legal)."""
import argparse
import collections
import datetime
import itertools
import json
import os
import random
import re
import signal
import subprocess
import time

import harness
from harness import World, check, equal, wait_for

DUTIES = {"jxj": "quarterly-progress", "jtj": "quarterly-progress", "rsj": "member-exchange", "fgw": "member-exchange"}
PERIOD = "2023Q1"
BEGIN = datetime.datetime(2023, 3, 20)  # 25 days with reminders, overdue alerts and escalations, nothing locked
DAYS = 25
CONTROL_ROUNDS = 8
BROKER_FAILPOINTS = ("broker.before-commit", "broker.after-commit", "broker.before-publish")
AGENT_FAILPOINTS = ("agent.before-append", "agent.before-commit", "agent.after-append", "agent.before-push", "agent.after-receipt")
LIFE_S = (0.1, 0.7)       # of a victim without a failpoint
FAILPOINT_S = 1.5         # a failpoint that was not passed by then: killed at random instead
SUBMITTERS_PER_UNIT = 2
TURN_S = 0.004


class Victim:
    """A program that is killed again and again."""

    def __init__(self, program, failpoints, chance, start):
        self.program, self.chance, self.start_program = program, chance, start
        self.failpoints = itertools.cycle(failpoints)  # in turn, so that none is left out
        self.at = None  # failpoint of this life

    def live(self, rng, env=None):
        self.at = next(self.failpoints) if rng.random() < self.chance else None
        env = dict(env or {})
        if self.at:
            env["MUSTER_FAILPOINT"] = f"{self.at}:{rng.choice((1, 1, 2, 3, 5, 8, 20))}"
        self.start_program(self.program, env)
        self.until = time.monotonic() + (FAILPOINT_S if self.at else rng.uniform(*LIFE_S))

    def is_dead(self):
        """True once it is dead; kills it when its time has come. The reason is told by `died_at`."""
        if not self.program.running():
            equal(self.program.process.returncode, -signal.SIGKILL, f"how {self.program.name} ended")
            self.died_at = self.at or "random"
            return True
        if time.monotonic() < self.until:
            return False
        self.program.kill()
        self.died_at = "random"
        return True


class Submitter:
    """Staff of a unit: one report after the other, each with words of its own."""

    def __init__(self, agent, name, rng):
        self.agent, self.name, self.rng = agent, name, rng
        self.count, self.process = 0, None
        self.sent, self.promised = set(), {}  # texts; text: queue number

    def turn(self):
        """When the last command has ended, begin the next."""
        if self.process and self.process.poll() is None:
            return
        self.finish()
        self.count += 1
        self.text = f"{self.name}-{self.count}"
        self.sent.add(self.text)
        wait = ["--wait", "--seconds", "1"] if self.rng.random() < 0.2 else []
        self.process = subprocess.Popen(
            [harness.BIN / "muster-agent", "--home", self.agent.home, "progress", DUTIES[self.agent.unit], PERIOD,
             "--text", self.text, *wait],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=harness.environment())

    def finish(self):
        """What the command promised, if it came to that."""
        if not self.process:
            return
        said, _ = self.process.communicate()
        queued = re.search(r"(?m)^queued (\d+)$", said.decode())
        if queued:
            self.promised[self.text] = int(queued.group(1))
        self.process = None


class Account:
    """What is there in the end, held against what was promised on the way."""

    def __init__(self):
        self.counts = collections.Counter(ok=0, lost=0, duplicated=0, unexpected=0, recovered=0)
        self.faults = []

    def fault(self, kind, what):
        self.counts[kind] += 1
        self.faults.append(f"{kind}: {what}")


def judge_reports(account, stored, submitters):
    found = collections.Counter((unit, text) for unit, _, _, text in stored.values())
    sequences = {(unit, text): sequence for unit, _, sequence, text in stored.values()}
    known = {}
    for submitter in submitters:
        for text in submitter.sent:
            known[submitter.agent.unit, text] = submitter.promised.get(text)
    for report, promise in known.items():
        if found[report] > 1:
            account.fault("duplicated", f"{report}, {found[report]} times")
        elif found[report] == 1 and promise is None:
            account.counts["recovered"] += 1
        elif found[report] == 1 and promise == sequences[report]:
            account.counts["ok"] += 1
        elif promise is not None:
            account.fault("lost", f"{report}, queued as {promise}")
    for report in found.keys() - known.keys():
        account.fault("unexpected", f"{report}")


def judge_receipts(account, stored, agents):
    """Each receipt that ever reached an agent names rows that still hold those very reports."""
    receipts = 0
    for agent in agents:
        log = agent.log(whole=True)
        for first, last, row in re.findall(r"(?m)^receipt first=(\d+) last=(\d+) row=(\d+)$", log):
            for number in range(int(first), int(last) + 1):
                receipts += 1
                unit, _, sequence, _ = stored.get(int(row) + number - int(first), (None, None, None, None))
                if (unit, sequence) != (agent.unit, number):
                    account.fault("lost", f"receipt {int(row) + number - int(first)} of {agent.unit}'s report {number}")
        for line in re.findall(r"(?m)^(?:broker-behind|outbox-renewed) .*$", log):
            account.fault("lost", f"{agent.unit} saw {line}")
    return receipts


def judge_alerts(account, world, agents, watch):
    """Numbered without a gap, each once; every subscriber heard each of its own."""
    rows = world.ctl("alerts", "--limit", "1000000")
    equal([row["number"] for row in rows], list(range(1, len(rows) + 1)), "alert numbers")
    keys = [(row["obligation"], row["kind"], row["audience"], row["instant"]) for row in rows]
    for key, times in collections.Counter(keys).items():
        if times > 1:
            account.fault("duplicated", f"alert {key}, {times} times")
    for agent in agents:
        wanted = [row["number"] for row in rows if row["audience"] == f"unit:{agent.unit}"]

        def heard():
            return [alert["number"] for alert in agent.json("inbox", "--all")]
        wait_for(lambda: len(heard()) >= len(wanted), lambda: f"{agent.unit} to hear {wanted}, not {heard()}")
        equal(heard(), wanted, f"inbox of {agent.unit}")

    def followed():
        # A line may stand behind the torn one of a watcher that was killed while it wrote.
        whole = [line[line.rindex('{"number"'):] for line in watch.out().splitlines() if line.endswith("}")]
        return {json.loads(line)["number"] for line in whole}
    wait_for(lambda: len(followed()) >= len(rows), lambda: f"the watcher to follow {len(rows)}, not {len(followed())}")
    equal(followed(), set(range(1, len(rows) + 1)), "alerts that the watcher followed")
    return len(rows)


class Ordeal:
    def __init__(self, world, kills, seed, mutant=None, failpoints=BROKER_FAILPOINTS, victims=("broker", "agents", "watch")):
        self.world, self.kills, self.rng, self.mutant = world, kills, random.Random(seed), mutant
        self.deaths = collections.Counter()
        world.broker.start(rehearse=self.instant())
        self.agents = [world.agent(unit) for unit in DUTIES]
        self.watch = world.watch()
        self.submitters = [Submitter(agent, f"{agent.unit}-{number}", self.rng)
                           for agent in self.agents for number in range(SUBMITTERS_PER_UNIT)]
        self.victims = []
        if "broker" in victims:
            self.victims.append(Victim(world.broker, failpoints, 1.0 if mutant else 0.6, self.start_broker))
        if "agents" in victims:
            self.victims += [Victim(agent, AGENT_FAILPOINTS, 0.6,
                                    lambda program, env: program.start(env=env, ready=False)) for agent in self.agents]
        if "watch" in victims:
            self.victims.append(Victim(self.watch, (), 0, lambda program, env: program.start(env=env)))

    def instant(self):
        """Time passes with the kills, so that deadlines fall due while the broker is down."""
        minutes = DAYS * 1440 * self.killed() // self.kills
        return (BEGIN + datetime.timedelta(minutes=min(minutes, DAYS * 1440))).isoformat(timespec="minutes")

    def start_broker(self, program, env):
        if self.mutant:
            env["MUSTER_MUTANT"] = self.mutant
        program.start(env=env, rehearse=self.instant(), ready=False)

    def killed(self):
        """Of broker and agents; the watcher's deaths come on top."""
        return sum(count for death, count in self.deaths.items() if not death.startswith("watch"))

    def run(self):
        """Kill, until there were enough."""
        for victim in self.victims:
            victim.program.kill()
            victim.live(self.rng)
        while self.killed() < self.kills:
            for submitter in self.submitters:
                submitter.turn()
            for victim in self.victims:
                if victim.is_dead():
                    self.deaths[f"{victim.program.name.split('-')[0]} {victim.died_at}"] += 1
                    victim.live(self.rng)
            time.sleep(TURN_S)

    def settle(self):
        """Everybody lives again; what is queued arrives."""
        for victim in self.victims:
            victim.program.kill()
        if not self.world.broker.running():
            self.world.broker.start(rehearse=self.instant())
        for program in (*self.agents, self.watch):
            if not program.running():
                program.start()
        for submitter in self.submitters:
            submitter.finish()
        for agent in self.agents:
            wait_for(lambda: agent.json("status")["queued"] == 0, f"the outbox of {agent.unit} to drain")

    def judge(self):
        account = Account()
        stored = self.world.stored_reports()
        judge_reports(account, stored, self.submitters)
        self.receipts = judge_receipts(account, stored, self.agents)
        self.alerts = judge_alerts(account, self.world, self.agents, self.watch)
        equal(self.world.verify_ledger()["chain"], "ok", "ledger")
        return account


def endure(name, kills, seed, **options):
    begin = time.monotonic()
    with World(f"kill-{name}", settings={"log_rate": 10000, "commit_behind": 1, "bulk_bytes": 2000}, rehearse="2023-03-20") as world:
        ordeal = Ordeal(world, kills, seed, **options)
        ordeal.run()
        ordeal.settle()
        account = ordeal.judge()
        account.deaths = ordeal.deaths
        if account.faults and not ordeal.mutant:
            world.print_logs()
    print(f"{name}: seed {seed}, {account.deaths.total()} kills ("
          + ", ".join(f"{count} {at}" for at, count in sorted(account.deaths.items())) + f") in {time.monotonic() - begin:.0f} s")
    print(f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in account.counts.items())
          + f"; {ordeal.receipts} receipts, {ordeal.alerts} alerts, numbered without a gap")
    for fault in account.faults[:10]:
        print(f"  {fault}")
    return account


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=int(os.environ.get("MUSTER_SEED", random.SystemRandom().randrange(10**9))))
    options = options.parse_args()

    def test_nothing_promised_is_lost_or_doubled():
        account = endure("ordeal", options.kills, options.seed)
        for kind in ("lost", "duplicated", "unexpected"):
            equal(account.counts[kind], 0, kind)
        check(account.counts["ok"] >= options.kills, f"only {account.counts['ok']} reports: there was no load")
        missed = [at for at in BROKER_FAILPOINTS + AGENT_FAILPOINTS if not any(at in death for death in account.deaths)]
        check(options.kills < 200 or not missed, f"nothing died at {missed}")

    def test_acknowledging_before_the_commit_is_noticed():
        # Whether the early answer leaves the process before the kill is up to the scheduler: a busy machine lets it
        # stay for a whole round.
        for turn in range(CONTROL_ROUNDS):
            account = endure(f"control-{turn}", 30, options.seed + turn, mutant="ack-before-commit",
                             failpoints=BROKER_FAILPOINTS[:1], victims=("broker",))
            if account.counts["lost"]:
                return
        raise harness.Failure("ack-before-commit went unnoticed")

    harness.main(test_nothing_promised_is_lost_or_doubled, test_acknowledging_before_the_commit_is_noticed)


if __name__ == "__main__":
    main()
