#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile clients against a real broker, while an honest unit reports: after each attack the broker is the same
process, its memory is under a cap, everything that the honest unit sent has its receipt, what was refused is
counted in `musterctl status`, and the log has not grown by more than its rate allows.

    test_hostile.py [--scale N]    N times as much of everything"""
import argparse
import contextlib
import os
import pathlib
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import attacks  # noqa: E402
import harness  # noqa: E402
import muster_client as mc  # noqa: E402
import zmtp  # noqa: E402
from harness import check, equal, wait_for  # noqa: E402

# What an idle broker takes, and what its settings below let peers fill; sanitizers keep what was freed for a while.
CAP_KB = (1600 if os.environ.get("MUSTER_SANITIZE") else 96) * 1024
LINES_PER_S = 20
SETTINGS = {"log_rate": LINES_PER_S, "handshake_timeout": 1500, "unread_bytes_max": 4 << 20, "unread_total_max": 32 << 20, "rate_messages": 200,
            "rate_burst": 2000, "send_queue_max": 100,
            # Attacks are to reach the doors; how many a door takes has a test of its own.
            "connect_rate": 4000, "enrol_connect_rate": 4000}
COUNTERS = ("refused_peers", "refused_handshakes", "cut_connections")
# The counter that each attack must move; the others are acts that are answered, or refused in the ledger.
COUNTED = {"raw_bytes": "refused_handshakes", "half_open": "refused_handshakes", "wrong_mechanisms": "refused_handshakes",
           "unknown_keys": "refused_peers", "revoked_key": "refused_peers", "chosen_routing_ids": "refused_peers", "many_parts": "refused_peers",
           "message_without_end": "cut_connections", "messages_without_end_of_many": "cut_connections", "msgpack_bombs": "refused_peers", "flood": "refused_peers",
           "enrolment_flood": "refused_peers", "replayed_run": "refused_peers"}


class Honest(threading.Thread):
    """A unit that reports, one after the other, and waits for each receipt."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.client = mc.Client(world.home, timeout_s=60)
        self.received, self.failure, self.ending = 0, None, False

    def run(self):
        try:
            while not self.ending:
                seq = self.client.queue("progress", duty="task-list", period="once", body={"text": str(self.received)})
                self.client.push_waiting()
                equal(self.client.wait_receipt(seq)["code"], "ok", "an honest report")
                self.received += 1
                time.sleep(0.02)  # a pace, not a wait: it leaves the machine to the attack
        except Exception as failure:  # told by the suite
            self.failure = failure

    def goes_on(self):
        if self.failure:
            raise harness.Failure(f"the honest unit: {self.failure!r}")
        before = self.received
        wait_for(lambda: self.failure or self.received > before + 1, "receipts for honest reports", 60)
        if self.failure:
            raise harness.Failure(f"the honest unit: {self.failure!r}")

    def end(self):
        self.ending = True
        self.join(60)
        check(not self.is_alive(), "the honest unit waits for a receipt in vain")
        self.client.close()


def memory_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    raise harness.Failure(f"process {pid} is gone")


def counters(world):
    status = world.ctl("status")
    return {name: int(status[name]) for name in COUNTERS}


def limited_lines(world):
    """Lines of the kind that peers cause."""
    return sum(not line.startswith(("ready ", "session ", "joined ", "revoked ")) for line in world.broker.log().splitlines())


class Siege:
    """A broker, an honest unit, and what they look like before and after an attack."""

    def __init__(self, world):
        world.broker.start(env=world.env)
        world.home, world.insiders = world.join("jxj"), {}
        self.world, self.pid = world, world.broker.process.pid
        self.honest = Honest(world)
        self.honest.start()

    def bear(self, attack, scale):
        world = self.world
        before, lines, at = counters(world), limited_lines(world), time.monotonic()
        try:
            attack(world, scale)
        finally:
            check(world.broker.running() and world.broker.process.pid == self.pid, "the broker ended")
            kb = memory_kb(self.pid)
            check(kb < CAP_KB, f"{kb} kB of memory; {CAP_KB} is the cap")
        self.honest.goes_on()
        moved = COUNTED.get(attack.__name__)
        after = wait_for(lambda: (now := counters(world)) and (not moved or now[moved] > before[moved]) and now,
                         f"{moved} to count {attack.__name__}")
        seconds = time.monotonic() - at
        grown = limited_lines(world) - lines
        # The loop and the gate each have this rate; a second that has begun counts whole.
        check(grown <= 2 * LINES_PER_S * (seconds + 2), f"{grown} lines of log in {seconds:.1f} s")
        counted = ", ".join(f"{name} +{after[name] - before[name]}" for name in COUNTERS if after[name] > before[name])
        print(f"  {attack.__name__}: {seconds:.1f} s, at most {kb // 1024} MB, {grown} lines, "
              f"{self.honest.received} honest reports; {counted or 'nothing to count'}", flush=True)

    def end(self):
        self.honest.end()
        if self.honest.failure:
            raise harness.Failure(f"the honest unit: {self.honest.failure!r}")
        equal(self.world.verify_ledger()["chain"], "ok", "ledger")
        check(self.world.broker.stop() == 0, "the broker's exit")
        equal(list(self.world.dir.glob("**/core*")), [], "core files")


def besiege(attack_list, scale, mutant=None):
    with harness.World("hostile", rehearse="2022-12-05", settings=SETTINGS) as world:
        world.env = {"MUSTER_MUTANT": mutant} if mutant else None
        siege = Siege(world)
        for attack in attack_list:
            siege.bear(attack, scale)
        siege.end()


def caught(mutant, attack, scale=1):
    """The negative control: with this bug in it, the broker does not bear the attack."""
    with harness.World("hostile", rehearse="2022-12-05", settings=SETTINGS) as world:
        world.env = {"MUSTER_MUTANT": mutant}
        siege = Siege(world)
        try:
            siege.bear(attack, scale)
        except (harness.Failure, mc.MusterError, TimeoutError, OSError) as found:
            print(f"  caught {mutant}: {str(found).splitlines()[0]}")
            return
    raise harness.Failure(f"{mutant} went unnoticed")


def test_attacks_are_borne():
    besiege(attacks.ALL, SCALE)


def test_guessable_routing_ids_are_noticed():
    caught("routing-ids-guessable", attacks.chosen_routing_ids)


def test_open_gate_is_noticed():
    caught("gate-open", attacks.message_without_end)


def test_limit_for_all_is_needed():
    caught("no-limit-for-all", attacks.messages_without_end_of_many)


def test_who_finishes_messages_is_never_cut():
    """One session each at the local door and at the members', which says far more than it may leave unfinished."""
    with harness.World("hostile", rehearse="2022-12-05", settings={**SETTINGS, "unread_bytes_max": 131072}) as world:
        world.broker.start()
        for session, limit in ((world.admin(), 8 * 65536), (world.client("jxj", kind="ctl", name="talker"), 131072)):
            said = 0
            while said < 2.5 * limit:
                try:
                    session.request("show", {"obligation": "x" * 1000})
                    raise harness.Failure("there is no such obligation")
                except mc.MusterError as error:
                    equal(error.code, "no-such-obligation", "the answer")
                said += 1000
        equal(counters(world)["cut_connections"], 0, "connections that were cut")


def connects(endpoint, count, source="127.0.0.1"):
    """How many of so many connections the broker greets."""
    greeted = 0
    for _ in range(count):
        with socket.create_connection(endpoint_address(endpoint), 10, source_address=(source, 0)) as sock, \
                contextlib.suppress(ConnectionError):
            sock.sendall(zmtp.greeting())
            greeted += len(sock.recv(10)) > 0
    return greeted


def endpoint_address(endpoint):
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return host, int(port)


def test_doors_take_so_many_connections_a_second():
    """Whoever comes by hundreds is sent away before the handshake; others are taken meanwhile."""
    rates = {"connect_rate": 40, "enrol_connect_rate": 8, "log_rate": 10000}
    with harness.World("hostile", rehearse="2022-12-05", settings={**SETTINGS, **rates}) as world:
        world.broker.start()
        # A bucket holds five seconds, an address a quarter; the loop itself takes a moment.
        for endpoint, rate in ((world.broker.members, 40), (world.broker.feed, 40), (world.broker.enrol, 8)):
            before, at = counters(world)["refused_handshakes"], time.monotonic()
            greeted = connects(endpoint, 300)
            most = rate / 4 * (5 + time.monotonic() - at) + 1
            check(rate / 4 * 5 <= greeted <= most, f"{greeted} of 300 connections to {endpoint} were taken; at most {most:.0f} may be")
            check(counters(world)["refused_handshakes"] >= before + 300 - greeted, "refused connections are counted")
            check(connects(endpoint, 1, source="127.0.0.2") == 1, "another address is kept out, too")
        log = world.broker.log()
        for door in ("members", "feed", "enrol"):
            check(f'connection-refused address=127.0.0.1 door={door} reason="too many"' in log, log)


def test_local_endpoint_cannot_be_stolen():
    with harness.World("hostile", rehearse="2022-12-05", settings=SETTINGS) as world:
        world.broker.start()
        second = world.add(harness.Program(world, "second", [*world.broker.argv, "--rehearse", "2022-12-05"])).start()
        check(second.wait() != 0 and "in use" in second.log(), f"a second broker: {second.log()}")
        world.must("musterctl", "status")
        check(world.broker.stop() == 0, "the broker's exit")
        # Whoever may write to the directory could put a socket of his own there.
        world.broker.runtime_dir.chmod(0o777)
        world.broker.start(ready=False)
        check(world.broker.wait() != 0 and "others may write there" in world.broker.log(), world.broker.log())
        world.broker.runtime_dir.chmod(0o750)
        # What a former broker or a jester left in its place is replaced, not followed.
        path = world.broker.runtime_dir / "admin.sock"
        path.unlink(missing_ok=True)
        path.symlink_to(world.dir / "elsewhere")
        world.broker.start(ready=False)
        wait_for(lambda: not world.broker.running() or "\nready " in world.broker.log(), "the broker to decide")
        check(not (world.dir / "elsewhere").exists(), "the broker followed a link")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=1)
    SCALE = parser.parse_args().scale
    harness.main(test_attacks_are_borne, test_guessable_routing_ids_are_noticed, test_open_gate_is_noticed,
                 test_limit_for_all_is_needed, test_who_finishes_messages_is_never_cut, test_doors_take_so_many_connections_a_second,
                 test_local_endpoint_cannot_be_stolen)
