#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sandbox of the systemd units fits: each daemon is traced through its whole life (start, join, push, alert,
query, hook, rehearsal, reload, revocation, end), and makes only system calls that its unit's SystemCallFilter
admits, opens only sockets of its RestrictAddressFamilies, and asks for no memory that is writable and executable."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

import harness
from harness import World, check, equal, wait_for

UNITS = harness.SOURCE / "config" / "systemd"
CALL = re.compile(r"^\d+ +(?:<\.\.\. )?([a-z0-9_]+)(?:\(| resumed)(.*)$")
LIFE_S = 120  # tracing makes everything slow
# SQLite, run by root, gives the files that it makes to the database's owner; a service is never root.
ROOTS_ONLY = {"fchown"} if os.geteuid() == 0 else set()


# ---- what a unit admits ----

def members_of(name, known={}):
    """The calls of a set (@NAME, expanded to the last), or the call itself."""
    if not name.startswith("@"):
        return {name}
    if name not in known:
        listing = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
        words = [line.strip() for line in listing.splitlines()[1:]]
        known[name] = set().union(*(members_of(word) for word in words if word and not word.startswith("#")))
    return known[name]


def values(text, key):
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(key + "=")]


def admitted(text):
    """As systemd reads it: the first line makes it a list of what is allowed; ~ takes away."""
    calls = set()
    for value in values(text, "SystemCallFilter"):
        takes = value.startswith("~")
        for word in value.lstrip("~").split():
            calls = calls - members_of(word) if takes else calls | members_of(word)
    # What systemd leaves in every list, so that a program can start and end at all.
    return calls | members_of("@default") | {"execve", "exit", "exit_group", "rt_sigreturn", "sigreturn"}


def faults_of(text, trace):
    """What of a trace the unit's sandbox would have refused."""
    allowed, families = admitted(text) | ROOTS_ONLY, set(" ".join(values(text, "RestrictAddressFamilies")).split())
    found = set()
    for line in trace.splitlines():
        match = CALL.match(line)
        if not match:
            continue
        call, rest = match.groups()
        if call not in allowed:
            found.add(call)
        family = re.match(r"(AF_[A-Z0-9]+)", rest)
        if call in ("socket", "socketpair") and family and family.group(1) not in families:
            found.add(f"{call} {family.group(1)}")
        if call in ("mmap", "mprotect") and re.search(r"PROT_WRITE\|PROT_EXEC", rest):
            found.add(f"{call} writable and executable")
    return sorted(found)


# ---- tracing ----

class Traced:
    """Runs a harness program under strace; its signals go to the program itself."""

    def __init__(self, world, program, *options):
        self.world, self.program = world, program
        self.path = world.dir / f"{program.name}.strace"
        program.argv = ["strace", "-f", "-qq", "-e", "signal=none", "-s", "16", *options, "-o", str(self.path), "--", *program.argv]

    def pid(self):
        tracer = self.program.process.pid

        def look():  # the kernel may leave out one that is about to change
            with open(f"/proc/{tracer}/task/{tracer}/children", encoding="ascii") as children:
                return children.read().split()
        return int(wait_for(look, f"{self.program.name} under its tracer")[0])

    def signal(self, number):
        os.kill(self.pid(), number)

    def stop(self):
        self.signal(signal.SIGTERM)
        equal(self.program.wait(LIFE_S), 0, f"exit of {self.program.name}")

    def trace(self):
        return self.path.read_text(encoding="utf-8", errors="replace")


def can_trace():
    if not shutil.which("strace") or not shutil.which("systemd-analyze"):
        return "strace or systemd-analyze is not installed (Debian: apt-get install strace systemd)"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return f"tracing is not allowed here: {tried.stderr.strip()}" if tried.returncode else None


@contextlib.contextmanager
def notified(world):
    """As under systemd: somebody is told that the service is ready and alive."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        path = str(world.dir / "notify")
        sock.bind(path)

        def read():  # its queue is short, and who notifies would wait
            while sock.recv(4096) != b"end":
                pass
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"}
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
                last.sendto(b"end", path)
            reader.join()


def office_acts(world, watch):
    world.must("musterctl", "review", "task-list/once/jxj", "--return", "--reason", "targets without a unit", timeout_s=LIFE_S)
    world.must("musterctl", "--timeout", LIFE_S, "clock", "run", "--to", "2023-04-13", timeout_s=LIFE_S + 5)
    for words in (["status"], ["obligations"], ["units"], ["alerts"], ["reports"], ["keys"], ["ledger", "verify"], ["replay"],
                  ["assess", "--period", "2023Q1"], ["explain", "1"], ["reload"]):
        world.must("musterctl", "--timeout", LIFE_S, *words, timeout_s=LIFE_S + 5)
    wait_for(lambda: "overdue" in watch.program.out(), "an overdue alert at the watch", LIFE_S)
    wait_for((world.dir / "watch-hook").exists, "the watch's hook", LIFE_S)
    world.must("musterctl", "revoke", "unit:jxj", "--reason", "the end", timeout_s=LIFE_S)


def live(world):
    """The whole life of all three, as {unit's file: trace}."""
    with notified(world) as env:
        broker = Traced(world, world.broker)
        world.broker.start(env=env, ready=False)
        world.broker.wait_log(r"(?m)^ready ", LIFE_S)
        home = world.home("jxj", hook=f"'cat > {world.dir}/agent-hook'")
        agent = Traced(world, harness.Agent(world, "jxj", home))
        agent.program.start(env=env, ready=False)
        agent.program.wait_log(r"(?m)^ready ", LIFE_S)
        office = world.home("office:main")
        (office / "watch.yaml").write_text(f"hook: 'cat > {world.dir}/watch-hook'\n", encoding="utf-8")
        watch = Traced(world, world.add(harness.Program(world, "watch", [harness.BIN / "muster-watch", "--home", office, "--json"])))
        watch.program.start(env=env)
        file = agent.program.fill("task-list", "once")
        world.must("muster-agent", "--home", home, "submit", file, "--wait", timeout_s=LIFE_S)
        office_acts(world, watch)
        wait_for((world.dir / "agent-hook").exists, "the agent's hook", LIFE_S)
        broker.signal(signal.SIGHUP)
        world.broker.wait_log("(?s)programme|reload", LIFE_S)
        for traced in (watch, agent, broker):
            traced.stop()
        return {"muster-watch.service": watch.trace(), "muster-agent.service": agent.trace(),
                "musterd.service": broker.trace()}


def test_daemons_keep_within_their_sandbox():
    with World("sandbox", rehearse="2022-12-05") as world:
        traces = live(world)
    faults = {}
    for name, trace in traces.items():
        text = (UNITS / name).read_text(encoding="utf-8")
        calls = {match.group(1) for line in trace.splitlines() if (match := CALL.match(line))}
        print(f"  {name}: {len(trace.splitlines())} calls of {len(calls)} kinds")
        check({"openat", "socket", "epoll_wait"} <= calls, f"{name}: the trace is not of a daemon: {sorted(calls)}")
        faults[name] = faults_of(text, trace)
        # The negative control: narrower sandboxes would have refused what was seen.
        for narrower, word in ((text + "\nSystemCallFilter=~@network-io\n", "socket"),
                               (text.replace(" AF_UNIX", " ").replace("=AF_UNIX", "="), "socket AF_UNIX"),
                               (text.replace("SystemCallFilter=prlimit64 sched_setscheduler", ""), "sched_setscheduler")):
            check(word in faults_of(narrower, trace), f"{name}: a narrower sandbox goes unnoticed ({word})")
    equal(faults, {name: [] for name in traces}, "refused by the sandbox")


def test_reload_by_signal_meets_the_housekeeping():
    """A signal that comes just as the loop has waited long enough to move its log: the tracer keeps it there."""
    with World("sandbox", rehearse="2022-12-05") as world:
        broker = Traced(world, world.broker, "-e", "trace=poll", "-e", "inject=poll:delay_exit=30000")
        world.broker.start(ready=False)
        world.broker.wait_log(r"(?m)^ready ", LIFE_S)
        for count in range(1, 16):
            broker.signal(signal.SIGHUP)
            wait_for(lambda: not world.broker.running() or world.broker.log().count("by=signal") >= count,
                     f"reload {count}", LIFE_S)
            check(world.broker.running(), "the broker ended at a signal")
        broker.stop()


if __name__ == "__main__":
    WHY = can_trace()
    if WHY:
        print(WHY)
        sys.exit(77)
    harness.main(test_daemons_keep_within_their_sandbox, test_reload_by_signal_meets_the_housekeeping)
