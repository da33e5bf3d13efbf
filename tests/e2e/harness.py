# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end suite stands on: a World holds one real broker on free loopback ports, and the real
agents, watchers and tools around it, each a process with its log. It waits for conditions with a deadline,
never for luck; it ends every process that it started; it prints their logs when a suite fails.

    with harness.World("late", rehearse="2022-12-05") as world:
        world.broker.start()
        agent = world.agent("jxj")
        world.ctl("obligations", "--unit", "jxj")

MUSTER_BUILD_DIR names the build to test. KEEP=1 keeps the directory of a World."""
import ctypes
import datetime
import json
import mmap
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

import msgpack

import muster_client

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(SOURCE / "tests"))

from ports import free_ports  # noqa: E402

BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", SOURCE / "build" / "dev"))
BIN = BUILD / "bin"
JINGNING = SOURCE / "config" / "jingning" / "programme.yaml"
EXAMPLE = SOURCE / "config" / "example" / "programme.yaml"

PATIENCE_S = 20  # a condition that is not met by then is a failure
STEP_S = 0.01    # between two looks at a condition

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Failure(AssertionError):
    """What a suite found."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(found, wanted, what):
    if found != wanted:
        raise Failure(f"{what}: found {found!r}, wanted {wanted!r}")


def wait_for(condition, what, timeout_s=PATIENCE_S):
    """The condition's first true value. Looks at least once more after the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        late = time.monotonic() >= deadline
        value = condition()
        if value:
            return value
        if late:
            raise Failure(f"waited {timeout_s} s in vain for {what() if callable(what) else what}")
        time.sleep(STEP_S)


def environment(extra=None, language="en"):
    """A fixed language and zone, whatever the machine says."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("LC_", "MUSTER_")) and key not in ("LANG", "LANGUAGE", "JOURNAL_STREAM")}
    env.update(LANGUAGE=language, LC_ALL="C.UTF-8", TZ="UTC")
    env.update(extra or {})
    return env


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def noon_zone(now):
    """A zone where it is about noon, so that no midnight comes between."""
    hours = 12 - now.hour
    return f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT", datetime.timezone(datetime.timedelta(hours=hours))


class Weather:
    """What a program meets that is started with `env`: a wall clock that leaps, a disk that is full, syncs that take
    longer or wait for a word (weather.c). Each of them changes at once when it is set here."""
    FIELDS = ("leap_ms", "full", "sync_us", "hold", "held")

    def __init__(self, world):
        self.path = world.dir / "weather"
        self.path.write_bytes(bytes(8 * len(self.FIELDS)))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        sanitizer = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        self.env = {"LD_PRELOAD": str(BUILD / "tests" / "libe2e_weather.so"), "MUSTER_WEATHER": str(self.path),
                    "ASAN_OPTIONS": sanitizer}

    def set(self, name, value):
        struct.pack_into("<q", self.map, 8 * self.FIELDS.index(name), value)

    def get(self, name):
        return struct.unpack_from("<q", self.map, 8 * self.FIELDS.index(name))[0]


class Program:
    """One process and its log, which all its incarnations share."""

    def __init__(self, world, name, argv):
        self.world, self.name, self.argv = world, name, [str(word) for word in argv]
        self.log_path = world.dir / f"{name}.log"
        self.out_path = world.dir / f"{name}.out"
        self.process = None
        self.log_from = 0
        self.ended_by_itself = None  # its exit code, when it was not this suite that ended it

    def start(self, extra_args=(), env=None):
        check(not self.running(), f"{self.name} runs already")
        with open(self.log_path, "ab") as log, open(self.out_path, "ab") as out:
            self.log_from = log.tell()
            self.process = subprocess.Popen(
                [*self.argv, *map(str, extra_args)], stdin=subprocess.DEVNULL, stdout=out, stderr=log,
                env=environment(env), preexec_fn=die_with_parent, cwd=self.world.dir)
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def log(self, whole=False):
        """What this incarnation, or all of them, logged."""
        if not self.log_path.exists():
            return ""
        with open(self.log_path, "rb") as file:
            file.seek(0 if whole else self.log_from)
            return file.read().decode("utf-8", "replace")

    def out(self):
        return self.out_path.read_text(encoding="utf-8", errors="replace") if self.out_path.exists() else ""

    def wait_log(self, pattern, timeout_s=PATIENCE_S):
        """The first match in this incarnation's log; fails at once when the process ends without it."""
        def look():
            running = self.running()
            found = re.search(pattern, self.log())
            if not found and not running:
                raise Failure(f"{self.name} ended ({self.process.returncode}) before it said {pattern!r}:\n{self.log()}")
            return found
        return wait_for(look, f"{self.name} to say {pattern!r}", timeout_s)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout_s=PATIENCE_S):
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {timeout_s} s") from None

    def kill(self):
        """SIGKILL, as a power cut would."""
        if self.running():
            self.process.kill()
        if self.process:
            self.process.wait()

    def end(self):
        """The suite is over."""
        if self.process:
            self.ended_by_itself = self.process.poll()
        self.kill()

    def stop(self, timeout_s=PATIENCE_S):
        """SIGTERM; returns the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout_s)


class Broker(Program):
    def __init__(self, world, programme, settings, rehearse, local_roles):
        self.members, self.feed, self.enrol = (f"tcp://127.0.0.1:{port}" for port in free_ports(3))
        self.data_dir, self.runtime_dir = world.dir / "data", world.dir / "run"
        self.rehearse = rehearse
        values = {"data_dir": self.data_dir, "runtime_dir": self.runtime_dir, "members_endpoint": self.members,
                  "feed_endpoint": self.feed, "enrol_endpoint": self.enrol, "advertise_host": "127.0.0.1",
                  "local_roles": f"{os.geteuid()}={local_roles}", **settings}
        argv = [BIN / "musterd", "--programme", programme]
        for name, value in values.items():
            argv += ["--set", f"{name}={value}"]
        super().__init__(world, "musterd", argv)

    def start(self, extra_args=(), env=None, rehearse=None, ready=True):
        rehearse = rehearse or self.rehearse
        super().start([*(["--rehearse", rehearse] if rehearse else []), *extra_args], env)
        if ready:
            self.wait_log(r"(?m)^ready ")
        return self

    @property
    def admin(self):
        return f"ipc://{self.runtime_dir}/admin.sock"


class World:
    """A broker, and whoever is around it, in one directory. Local users get `local_roles`."""

    def __init__(self, name, programme=JINGNING, rehearse=None, settings=None, local_roles="office+admin",
                 directory=None):
        self.dir = directory or pathlib.Path(tempfile.mkdtemp(prefix=f"muster-{name}-"))
        self.programs = []
        self.closables = []
        self.broker = self.add(Broker(self, programme, settings or {}, rehearse, local_roles))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for closable in self.closables:
            closable.close()
        for program in self.programs:
            program.end()
        if kind is not None and not getattr(value, "expected", False):
            self.print_logs()
        if os.environ.get("KEEP"):
            print(f"kept: {self.dir}", file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def add(self, program):
        self.programs.append(program)
        return program

    def print_logs(self, lines=60):
        for program in self.programs:
            ended = program.ended_by_itself
            if ended:
                print(f"---- {program.name} ended by itself: {ended} ----", file=sys.stderr)
            for what, text in (("log", program.log(whole=True)), ("output", program.out())):
                tail = text.splitlines()[-lines:]
                if tail:
                    print(f"---- {program.name}, {what} ----", *tail, sep="\n", file=sys.stderr)

    # ---- tools ----

    def run(self, program, *args, env=None, language="en", timeout_s=60, stdin=None):
        """Run a tool to its end; returns the CompletedProcess with text."""
        argv = [str(BIN / program), *map(str, args)]
        env = {"MUSTER_SOCKET": str(self.broker.runtime_dir / "admin.sock"), **(env or {})}
        try:
            return subprocess.run(argv, env=environment(env, language), capture_output=True, text=True,
                                  encoding="utf-8", timeout=timeout_s, input=stdin, cwd=self.dir,
                                  preexec_fn=die_with_parent, check=False)
        except subprocess.TimeoutExpired:
            raise Failure(f"{' '.join(argv)} did not end within {timeout_s} s") from None

    def must(self, program, *args, **kwargs):
        """Run a tool that must succeed; returns its standard output."""
        done = self.run(program, *args, **kwargs)
        if done.returncode != 0:
            raise Failure(f"{program} {' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def ctl(self, *args, **kwargs):
        """musterctl's answer: rows, or an object where a verb tells names and values."""
        return json.loads(self.must("musterctl", *args, "--json", **kwargs))

    def clock_run(self, to, timeout_s=120):
        """Let a rehearsal's clock run until `to`: all that fell due is then delivered."""
        return self.must("musterctl", "--timeout", timeout_s, "clock", "run", "--to", to, timeout_s=timeout_s + 5)

    def obligation(self, id):
        found = [row for row in self.ctl("obligations") if row["id"] == id]
        equal(len(found), 1, f"obligations called {id}")
        return found[0]

    def verify_ledger(self):
        return self.ctl("ledger", "verify")

    def stored_reports(self):
        """Every report in the ledger: row: (unit, outbox, sequence, text)."""
        client, stored, after = self.admin(), {}, 0
        while rows := client.request("reports", {"from": after + 1, "limit": 1000}):
            for row in rows:
                whole = {pair["name"]: pair["value"] for pair in client.request("report", {"receipt": row["receipt"]})}
                stored[row["receipt"]] = (row["unit"], whole["outbox"], int(whole["sequence"]), whole["body"]["text"])
            after = rows[-1]["receipt"]
        return stored

    # ---- peers ----

    def invite(self, who):
        """An invitation file for a principal."""
        path = self.dir / f"{re.sub('[^a-z0-9]', '-', who)}-{random.randrange(10**9)}.invite"
        self.must("musterctl", "enrol", who, "--out", path)
        return path

    def home(self, who, **settings):
        """The home of a freshly enrolled principal. Suites wait for reconnections: they come soon."""
        home = self.dir / ("home-" + re.sub("[^a-z0-9]", "-", who))
        self.must("muster-agent", "--home", home, "join", self.invite(who))
        with open(home / "agent.yaml", "a", encoding="utf-8") as file:
            file.writelines(f"{name}: {value}\n"
                            for name, value in {"reconnect_min": 20, "reconnect_max": 200, **settings}.items())
        return home

    def agent(self, unit, start=True, **settings):
        """A unit's agent: enrolled, and running unless told otherwise."""
        agent = Agent(self, unit, self.home(unit, **settings))
        return agent.start() if start else agent

    def watch(self, who="office:main", *args):
        home = self.home(who)
        return self.add(Program(self, f"watch-{len(self.programs)}",
                                [BIN / "muster-watch", "--home", home, "--json", *args])).start()

    def join(self, who, **options):
        """The home of an independent client, freshly enrolled."""
        return muster_client.join(self.invite(who).read_text(encoding="utf-8"), **options)

    def client(self, who, **options):
        """A session of the independent client; `who` is a principal to enrol, or a home."""
        home = who if isinstance(who, muster_client.Home) else self.join(who)
        return self.keep(muster_client.Client(home, **options))

    def admin(self, **options):
        """A session on the local endpoint."""
        return self.keep(muster_client.Client(endpoint=self.broker.admin, kind="ctl", **{"name": "test", **options}))

    def keep(self, closable):
        self.closables.append(closable)
        return closable


class Agent(Program):
    """muster-agent of one unit: the service, and the commands of its staff."""

    def __init__(self, world, unit, home):
        self.unit, self.home = unit, home
        super().__init__(world, f"agent-{unit}", [BIN / "muster-agent", "--home", home, "run"])
        world.add(self)

    def start(self, extra_args=(), env=None, ready=True):
        super().start(extra_args, env)
        if ready:
            self.wait_log(r"(?m)^ready ")
        return self

    def __call__(self, *args, **kwargs):
        """A command that must succeed; returns its output."""
        return self.world.must("muster-agent", "--home", self.home, *args, **kwargs)

    def try_(self, *args, **kwargs):
        return self.world.run("muster-agent", "--home", self.home, *args, **kwargs)

    def json(self, *args, **kwargs):
        return json.loads(self(*args, "--json", **kwargs))

    def append(self, **fields):
        """Queue a report over the local socket, which nobody has looked at; gives its number."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as local:
            local.connect(str(self.home / "agent.sock"))
            local.send(msgpack.packb({"do": "append", **fields}))
            return msgpack.unpackb(local.recv(65536))["rows"][0]["number"]

    def fill(self, duty, period, text="按计划推进"):
        """A report file, made with `new` and filled in as its staff would."""
        path = self.world.dir / f"{self.unit}-{duty}-{period}-{random.randrange(10**9)}.yaml"
        self("new", duty, period, "--out", path)
        blank = path.read_text(encoding="utf-8")
        values = {"owner": self.unit, "value": "10", "unit": "项", "due": "2024-12-31"}
        tasks = re.sub(r'\b(owner|value|unit|due): ""', lambda found: f'{found[1]}: "{values[found[1]]}"', blank)
        path.write_text(filled(tasks, text), encoding="utf-8")
        return path


def task_list(text, group="g1", areas=5, owner="jxj", **more):
    """The body of a list with a task in each focus area, as the first programme's group 1 has them."""
    return {"text": text, "tasks": [
        {"title": f"{text} {number}", "area": f"{group}-{number}", "owner": owner, "target": {"value": 10, "unit": "项"},
         "due": "2024-12-31", **more} for number in range(1, areas + 1)]}


HEADER = {"filled_in_by": "张小明", "checked_by": "李建国", "signed_off_by": "王志强", "phone": "0578"}


def exchange(text):
    """The body of a member's exchange in the first programme."""
    return {"header": HEADER, "summary": text, "funds": "1.5"}


AREAS = {"jxj": 5, "jtj": 1, "nyj": 4, "lyj": 1, "wjw": 3}  # how many each lead's group has there


def progress(text, unit):
    """The body of a lead's quarterly progress there."""
    areas = [f"g{list(AREAS).index(unit) + 1}-{number + 1}" for number in range(AREAS[unit])]
    return {"header": HEADER, "areas": [{"id": area, "progress": text} for area in areas], "funds": "1.5", "projects_won": 1}


def filled(blank, text):
    """A report file with every empty value filled in: by the kind that the comment above it asks for."""
    wants, lines = "", []
    for line in blank.splitlines():
        asked = re.match(r' *# .*?: (a whole number|a number|a percentage|a date|true or false)', line)
        if asked:
            wants = asked[1]
        empty = re.match(r'( *(?:- )?[\w-]+: )""$', line)
        if empty:
            value = {"a date": "2023-01-31", "true or false": "true", "": text}.get(wants, "1")
            line, wants = f'{empty[1]}"{value}"', ""
        lines.append(line)
    return "\n".join(lines) + "\n"


def main(*tests):
    """Run the tests in order, say how each went, exit 1 when one failed."""
    failed = 0
    begin = time.monotonic()
    for test in tests:
        at = time.monotonic()
        try:
            test()
            outcome = "ok"
        except Exception:  # whatever it is, the other tests still run
            traceback.print_exc()
            outcome = "FAILED"
            failed += 1
        print(f"{outcome}: {test.__name__} ({time.monotonic() - at:.1f} s)", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed, {time.monotonic() - begin:.1f} s")
    sys.exit(1 if failed else 0)
