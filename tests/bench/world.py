# SPDX-License-Identifier: Apache-2.0
"""The real programs as processes of a benchmark: a broker with enrolled units, an agent, and what the kernel says
of either. Everything is in one directory on the disk that is measured, and ends with it."""
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import msgpack

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from ports import free_ports  # noqa: E402

UNITS = 32
YEAR = datetime.date.today().year
DUTY = "bench"
PATIENCE_S = 60


def programme():
    """Every unit owes one report a year and may send progress at any time."""
    units = "".join(f"  - {{id: unit-{n}, name: Unit {n}}}\n" for n in range(UNITS))
    members = ", ".join(f"unit-{n}" for n in range(UNITS))
    return f"""id: bench
title: Measuring
issued: {YEAR}-01-01
zone: UTC
calendar: workdays.csv
units:
{units}  - {{id: lead, name: Lead}}
groups:
  - {{id: g, name: Group, lead: lead, members: [{members}]}}
offices:
  - {{id: office, name: Office}}
ladders:
  standard:
    - {{days: 0, level: 1, to: [clerk, office]}}
duties:
  - id: {DUTY}
    title: Progress
    kind: report
    bearer: all
    closing: automatic
    period: year
    first: {YEAR}
    due: {{on: 12-31, roll: none}}
"""


class Fault(RuntimeError):
    """Something did not work, so that there is nothing to measure."""


def run(*command, timeout_s=PATIENCE_S, **environment):
    """The output of a program that must succeed."""
    words = [str(word) for word in command]
    try:
        outcome = subprocess.run(words, capture_output=True, text=True, check=False, timeout=timeout_s,
                                 stdin=subprocess.DEVNULL, env={**os.environ, "LANGUAGE": "en", **environment})
    except subprocess.TimeoutExpired:
        raise Fault(f"{' '.join(words)}: no end after {timeout_s} s") from None
    if outcome.returncode:
        raise Fault(f"{' '.join(words)}: {outcome.stderr.strip()}")
    return outcome.stdout


def cores_apart():
    """This machine's cores in two halves, for two sides that are on two machines in the field; None: it has but one."""
    cores = sorted(os.sched_getaffinity(0))
    half = len(cores) // 2
    return (set(cores[:half]), set(cores[half:])) if half else None


@contextlib.contextmanager
def only_on(cores):
    """What is started meanwhile runs there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Process:
    """A program that runs until it is stopped or killed, and what /proc knows of it."""

    def __init__(self, log_path, command, **environment):
        self.log_path = log_path
        self.began = time.monotonic()
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env={**os.environ, "LANGUAGE": "en", **environment})
        self.proc = pathlib.Path(f"/proc/{self.process.pid}")

    def running(self):
        return self.process.poll() is None

    def last_words(self):
        return self.log_path.read_text(errors="replace")[-2000:]

    def cpu_s(self):
        fields = (self.proc / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self):
        """Resident in all, and what is this process's alone."""
        kib = {"Rss:": 0, "Private_Clean:": 0, "Private_Dirty:": 0}
        try:
            text = (self.proc / "smaps_rollup").read_text()
        except PermissionError:  # who holds keys is not looked into by its own user; this is what he may see
            text = (self.proc / "status").read_text().replace("VmRSS:", "Rss:").replace("RssAnon:", "Private_Dirty:")
        for line in text.splitlines():
            words = line.split()
            if words[0] in kib:
                kib[words[0]] = int(words[1])
        return kib["Rss:"] / 1024, (kib["Private_Clean:"] + kib["Private_Dirty:"]) / 1024

    def wakeups(self):
        """How often its threads have gone to sleep, each of which ended in a wake-up."""
        return sum(int(line.split()[1]) for task in (self.proc / "task").iterdir()
                   for line in (task / "status").read_text().splitlines()
                   if line.startswith("voluntary_ctxt_switches:"))

    def keep_to(self, cores):
        """All its threads, and those that they make."""
        for task in (self.proc / "task").iterdir():
            os.sched_setaffinity(int(task.name), cores)

    def kill(self):
        if self.running():
            self.process.kill()
        self.process.wait()

    def stop(self):
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()


class Broker:
    """A broker with a data directory of its own on a real disk, and homes that have joined it."""

    def __init__(self, programs, work):
        self.programs, self.work = programs, work
        self.preload = {}  # environment of a slower disk
        self.homes, self.process = [], None
        self.data, self.run_dir = work / "data", work / "run"
        self.run_dir.mkdir(mode=0o750, parents=True)
        (work / "workdays.csv").write_text(f"# {YEAR}: none, working days play no part here\n")
        (work / "programme.yaml").write_text(programme())
        ports = free_ports(3)
        self.members = f"tcp://127.0.0.1:{ports[0]}"
        settings = {
            "data_dir": self.data, "runtime_dir": self.run_dir, "advertise_host": "127.0.0.1",
            "members_endpoint": self.members, "feed_endpoint": f"tcp://127.0.0.1:{ports[1]}",
            "enrol_endpoint": f"tcp://127.0.0.1:{ports[2]}",
            # The buckets that protect a broker from one wild key would otherwise be what is measured.
            "rate_messages": 1000000, "rate_burst": 10000000, "enrol_rate": 10000,
            "rate_bytes": 1 << 30, "rate_bytes_burst": 1 << 32, "growth_bytes_day": 0,
        }
        lines = [f"{name}: {value}" if isinstance(value, int) else f'{name}: "{value}"'
                 for name, value in settings.items()]
        lines.append(f'programmes: ["{work / "programme.yaml"}"]')
        (work / "muster.yaml").write_text("\n".join(lines) + "\n")

    def start(self):
        self.process = Process(self.work / "musterd.log",
                               [self.programs / "musterd", "--config", self.work / "muster.yaml"], **self.preload)
        return self

    def ctl(self, *words, timeout_s=PATIENCE_S):
        return run(self.programs / "musterctl", "--socket", self.run_dir / "admin.sock", *words, timeout_s=timeout_s)

    def wait_ready(self):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            if not self.process.running():
                raise Fault("musterd ended: " + self.process.last_words())
            try:
                return self.ctl("status", "--json", timeout_s=10)
            except Fault:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def enrol(self, count=UNITS):
        for number in range(len(self.homes), count):
            home, invitation = self.work / f"home-{number}", self.work / f"unit-{number}.invite"
            self.ctl("enrol", f"unit-{number}", "--out", invitation)
            run(self.programs / "muster-agent", "--home", home, "join", invitation)
            self.homes.append(home)

    def disk_bytes(self):
        return sum(path.stat().st_size for path in self.data.rglob("*") if path.is_file())

    def keep_copy(self, name):
        shutil.copytree(self.data, self.work / name)

    def put_back(self, name):
        shutil.rmtree(self.data)
        shutil.copytree(self.work / name, self.data)

    def stop(self):
        if self.process:
            self.process.stop()

    def kill(self):
        self.process.kill()


class Agent:
    """The service of the first unit, and a client of its local socket."""

    def __init__(self, broker, **settings):
        self.broker, self.home, self.process, self.socket = broker, broker.homes[0], None, None
        with open(self.home / "agent.yaml", "a", encoding="utf-8") as file:
            file.writelines(f"{name}: {value}\n" for name, value in settings.items())

    def start(self):
        self.process = Process(self.broker.work / "agent.log",
                               [self.broker.programs / "muster-agent", "--home", self.home, "run"])
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.socket = self.connect()
                return self
            except OSError:
                if not self.process.running() or time.monotonic() > deadline:
                    raise Fault("the agent is not ready: " + self.process.last_words()) from None
                time.sleep(0.02)

    def start_anew(self):
        """With an empty outbox: what an earlier repetition left must not grow under the next."""
        self.stop()
        for path in self.home.glob("outbox.db*"):
            path.unlink()
        return self.start()

    def connect(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.settimeout(PATIENCE_S)
        client.connect(str(self.home / "agent.sock"))
        return client

    def ask(self, request, client=None):
        client = client or self.socket
        client.send(request if isinstance(request, bytes) else msgpack.packb(request))
        reply = msgpack.unpackb(client.recv(1 << 18))
        if reply["code"] != "ok":
            raise Fault(f"the agent answers {reply}")
        return reply["rows"]

    def status(self):
        return self.ask({"do": "status"})[0]

    def wait_until(self, what, met, timeout_s=PATIENCE_S):
        deadline = time.monotonic() + timeout_s
        while True:
            status = self.status()
            if met(status):
                return status
            if time.monotonic() > deadline:
                raise Fault(f"the agent: no {what} after {timeout_s} s: {json.dumps(status, default=str)}")
            time.sleep(0.02)

    def stop(self):
        if self.socket:
            self.socket.close()
        if self.process:
            self.process.stop()


def report(body_bytes=512):
    """A progress report as the local socket takes it, with a body of so many bytes."""
    body = {"progress": ""}
    body["progress"] = "x" * (body_bytes - len(msgpack.packb(body)) - 2)
    return {"act": "progress", "duty": DUTY, "period": str(YEAR), "body": body}
