# SPDX-License-Identifier: Apache-2.0
"""Plays the script of year.py on the real programs: one broker, an agent for each unit and the county, the
office's watches, and the commands that people would type. Every act is awaited before the clock goes on, so
that the same script gives the same verdicts however fast the machine is."""
import collections
import json
import os
import pty
import shutil
import signal
import subprocess
import threading

import harness
import matters
import texts
import year

ZONE = "Asia/Shanghai"
AT_ONCE = 6        # commands that run side by side
RECEIPT_WAIT_S = 60
CLOCK_WAIT_S = 60
ROWS_MAX = 100000  # a list without a limit ends after a thousand
REFUSED = 1        # exit code of an act that was refused


def rfc3339(at):
    date, clock = at.split()
    return f"{date}T{clock}{':00' if clock.count(':') == 1 else ''}+08:00"


class Stream(harness.Program):
    """muster-watch on a terminal of its own, as an office would see it, colours and all. Its lines go into a file
    and to whoever listens."""

    def __init__(self, world, home, language, listener):
        super().__init__(world, "watch-stream", [harness.BIN / "muster-watch", "--home", home, "--name", "stream"])
        self.language, self.listener = language, listener
        self.path = world.dir / "stream.ansi"

    def start(self, extra_args=(), env=None):
        master, slave = pty.openpty()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=slave, stderr=log, cwd=self.world.dir,
                env=harness.environment({"TZ": ZONE}, self.language), preexec_fn=harness.die_with_parent)
        os.close(slave)
        threading.Thread(target=self._listen, args=(master,), daemon=True).start()
        return self

    def _listen(self, master):
        rest = b""
        with open(self.path, "ab") as file:
            while True:
                try:
                    piece = os.read(master, 65536)
                except OSError:  # the far side of a terminal ends with EIO
                    piece = b""
                if not piece:
                    break
                file.write(piece)
                file.flush()
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self.listener(line.rstrip(b"\r").decode("utf-8", "replace"))
        os.close(master)


class Player(harness.World):
    def __init__(self, directory, language, screen, words):
        super().__init__("demo", rehearse=f"{year.FROM}..{year.TO}", directory=directory)
        self.language, self.screen, self.words = language, screen, words
        self.agents, self.names, self.forms = {}, {}, {}
        self.acts = collections.Counter()  # (verb, who it is): unit, lead or office
        self.acknowledged = self.kills_of_agents = self.kills_of_broker = 0
        self.alerts_seen, self.alerts_at = 0, 0
        self.reached = ""  # where the clock has been taken
        self.watcher = None

    def __exit__(self, kind, value, trace):
        """Ends every process, gently first; the directory is the caller's."""
        programs = [program for program in self.programs if program.running()]
        for program in programs if kind is None else ():
            program.signal(signal.SIGTERM)
        for program in programs if kind is None else ():
            try:
                program.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        for program in self.programs:
            program.end()

    # ---- setting the scene ----

    def set_scene(self):
        self.broker.start(env=self.env())
        brief = {lead: self.ctl("brief", "--unit", lead) for lead in year.LEADS}
        self.groups = {}
        for lead, rows in brief.items():
            unit = next(row for row in rows if row["type"] == "unit")
            areas = [row for row in rows if row["type"] == "area"]
            self.groups[unit["group"]] = (self.words.pick(unit["group_name_zh"], unit["group_name_en"]), areas)
        self.declared = self.ctl("check", harness.JINGNING)[0]["declared"]
        for row in self.ctl("units"):
            self.names[row["id"]] = self.words.pick(row["name"], row["name_en"])
        for unit in year.HOMES:
            self.agents[unit] = harness.Agent(self, unit, self.home(unit)).start(env=self.env())
        self.watcher = self.office_watch("count", harness.Program, "--json")
        self.stream = self.add(Stream(self, self.home("office:stream"), self.language, self.screen.stream)).start()

    def office_watch(self, name, program, *options):
        return self.add(program(self, f"watch-{name}", [harness.BIN / "muster-watch", "--home",
                                                        self.home(f"office:{name}"), "--name", name, *options])).start()

    def env(self):
        return {"TZ": ZONE, "LANGUAGE": self.language}

    # ---- commands ----

    def agent_argv(self, unit, *words):
        return [harness.BIN / "muster-agent", "--home", self.agents[unit].home, *words]

    def office_argv(self, *words):
        return [harness.BIN / "musterctl", "--socket", self.broker.admin, *words]

    def popen(self, argv):
        return subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=harness.environment({"TZ": ZONE}, self.language),
                                text=True, encoding="utf-8", cwd=self.dir, preexec_fn=harness.die_with_parent)

    def finish(self, running, argv, wanted=0):
        try:
            said, _ = running.communicate(timeout=RECEIPT_WAIT_S + 10)
        except subprocess.TimeoutExpired:
            raise harness.Failure(f"{' '.join(map(str, argv))} did not end") from None
        if running.returncode != wanted:
            raise harness.Failure(f"{' '.join(map(str, argv))}: exit {running.returncode}, wanted {wanted}\n{said}")
        return said

    def together(self, commands, meanwhile=None):
        """Run commands, some side by side: [(argv, wanted exit code)]. `meanwhile` is called once, when the first
        ones run."""
        for begin in range(0, len(commands), AT_ONCE):
            some = commands[begin:begin + AT_ONCE]
            running = [self.popen(argv) for argv, _ in some]
            try:
                if meanwhile:
                    meanwhile()
                    meanwhile = None
                for process, (argv, wanted) in zip(running, some):
                    self.finish(process, argv, wanted)
            finally:
                for process in running:
                    process.kill()
                    process.wait()

    # ---- the clock ----

    def clock_to(self, at):
        """A day of the script may lie before where an earlier one has taken the clock, which never goes back."""
        if rfc3339(at) < self.reached:
            return
        self.reached = rfc3339(at)
        self.together([(self.office_argv("--timeout", CLOCK_WAIT_S, "clock", "run", "--to", self.reached), 0)])

    def count_alerts(self):
        """How many alerts the office's watch has received; reads on from where it was."""
        with open(self.watcher.out_path, "rb") as file:
            file.seek(self.alerts_at)
            piece = file.read()
        whole = piece.rfind(b"\n") + 1
        self.alerts_at += whole
        self.alerts_seen += piece.count(b"\n")
        return self.alerts_seen

    # ---- the acts ----

    def play(self, script):
        for done, (at, acts) in enumerate(script):
            self.clock_to(at)
            self.perform(at, acts)
            told = {"day": at[:10], "reports": self.acknowledged, "alerts": self.count_alerts()}
            self.screen.advance(done + 1, len(script), self.words.say("progress", **told))
            yield told
        self.clock_to(year.END)
        self.screen.end_bar()

    def perform(self, at, acts):
        own = {"agent-killed": self.kill_agent, "broker-killed-running": self.kill_broker_running}
        batches = []
        for act in acts:
            alone = act.verb in own or act.who == "office"
            if not alone and batches and batches[-1][0].verb == act.verb and batches[-1][0].who != "office":
                batches[-1].append(act)
            else:
                batches.append([act])
        for batch in batches:
            if batch[0].verb in own:
                own[batch[0].verb](at, batch[0])
            else:
                busy = at == year.BUSY_AT and batch[0].verb == "submit"
                self.run_batch(batch, self.restart_broker if busy else None)
                if busy:
                    self.tell(at, "broker-killed-busy", None)
            for act in batch:
                if act.story:
                    # An act of the office is told of the unit whose obligation it is.
                    self.tell(at, act.story, act.args[0].rsplit("/", 1)[-1] if act.who == "office" else act.who)

    def tell(self, at, story, unit):
        self.screen.line(f"{at[:16]}  {self.words.say(story, unit=self.names.get(unit, ''))}", "bold")

    def run_batch(self, batch, meanwhile):
        if batch[0].verb == "submit":
            self.write_reports(batch)
        commands = []
        for act in batch:
            if act.who == "office":
                commands.append((self.office_argv(act.verb, *act.args), 0))
            else:
                words = [self.report_path(act)] if act.verb == "submit" else act.args
                wanted = REFUSED if act.options.get("refused") else 0
                commands.append((self.agent_argv(act.who, act.verb, *words, "--wait", RECEIPT_WAIT_S), wanted))
                self.acknowledged += 1
            self.acts[act.verb, "office" if act.who == "office" else "unit"] += 1
        self.together(commands, meanwhile)

    # ---- reports ----

    def report_path(self, act):
        duty, period = act.args
        return self.agents[act.who].home / f"{duty}-{period}.yaml"

    def write_reports(self, acts):
        """As a clerk does: a new form from the agent, filled in. A member's later exchange is written over its
        first one's form, and a correction over the report that came back."""
        new = []
        for act in acts:
            duty, period = act.args
            if (act.who, duty, period) in self.forms:
                continue
            old = self.forms.get((act.who, duty, year.QUARTERS[0])) if duty == "member-exchange" else None
            if old:
                self.forms[act.who, duty, period] = old.replace(f'"{year.QUARTERS[0]}"', f'"{period}"')
            else:
                new.append(act)
        self.together([(self.agent_argv(act.who, "new", *act.args, "--out", self.report_path(act)), 0) for act in new])
        for act in new:
            self.forms[(act.who, *act.args)] = self.report_path(act).read_text(encoding="utf-8")
        for act in acts:
            form = self.forms[(act.who, *act.args)]
            self.report_path(act).write_text(texts.fill_in(form, act.who, act.options.get("version", 1),
                                                            act.options.get("date"), year.OWNERS,
                                                            year.FIRST_TASKS, matters.listed(act.who, *act.args)),
                                             encoding="utf-8")

    def outbox(self, unit):
        """Everything that a unit's agent has queued."""
        return json.loads(self.agents[unit]("receipts", "--json"))

    def await_outbox(self, unit):
        harness.wait_for(lambda: all(row["state"] in ("received", "refused") for row in self.outbox(unit)),
                         f"the reports of {unit} to be acknowledged", RECEIPT_WAIT_S)

    # ---- blows ----

    def kill_agent(self, _at, act):
        """While the broker is restarted, an agent queues three acts and dies."""
        agent = self.agents[act.who]
        self.write_reports([act])
        harness.equal(self.broker.stop(), 0, "exit code of the broker")
        agent("submit", self.report_path(act))
        for text in ("产地冷链点设备进场", "产销对接会定于月底举行"):
            agent("progress", *act.args, "--text", text)
        agent.kill()
        self.kills_of_agents += 1
        agent.start(env=self.env()).wait_log(r"(?m)^ready .*queued=3")
        self.broker.start(env=self.env())
        self.await_outbox(act.who)
        self.acknowledged += 3

    def kill_broker_running(self, _at, act):
        """The clock runs and reminders go out when the broker dies; meanwhile units queue their reports."""
        to, *units = act.args
        before = self.count_alerts()
        argv = self.office_argv("--timeout", CLOCK_WAIT_S, "clock", "run", "--to", rfc3339(to))
        running = self.popen(argv)
        try:
            harness.wait_for(lambda: self.count_alerts() > before or running.poll() is not None, "a reminder")
            self.broker.kill()
        finally:
            running.kill()
            running.communicate()
        self.kills_of_broker += 1
        reports = [year.exchange(unit, self.quarter_of(to)) for unit in units]
        self.write_reports(reports)
        self.together([(self.agent_argv(report.who, "submit", self.report_path(report)), 0) for report in reports])
        self.broker.start(env=self.env())
        for unit in units:
            self.await_outbox(unit)
        self.acknowledged += len(units)
        self.clock_to(to)

    @staticmethod
    def quarter_of(at):
        return f"{at[:4]}Q{(int(at[5:7]) + 2) // 3}"

    def restart_broker(self):
        self.broker.kill()
        self.kills_of_broker += 1
        self.broker.start(env=self.env())

    # ---- the end ----

    def collect(self):
        """Everything that the checks and the table need, from the programs themselves."""
        told = int(self.ctl("status")["alerts"])
        harness.wait_for(lambda: self.count_alerts() >= told, f"the office to receive {told} alerts")
        watched = [json.loads(line) for line in self.watcher.out().splitlines()]
        return {
            "obligations": self.ctl("obligations"),
            "queued": {unit: self.outbox(unit) for unit in self.agents},
            "stored": self.ctl("reports", "--limit", ROWS_MAX),
            "watched": watched,
            "logged": self.ctl("alerts", "--limit", ROWS_MAX),
            "told": told,
            "ledger": self.ctl("ledger", "verify"),
            "replay": self.ctl("replay"),
            "tasks": self.ctl("tasks"),
            "difficulties": self.ctl("difficulties"),
            "projects": self.ctl("projects"),
            "changes": self.ctl("versions", "task-list/once/nyj", "--only", "2"),
        }

    def write_wake(self):
        """What is needed to ask the rehearsal's data again later: env to be sourced, and a script that starts the
        broker."""
        env = {"PATH": f"{harness.BIN}:$PATH", "MUSTER_SOCKET": self.broker.admin, "TZ": ZONE}
        (self.dir / "env").write_text("".join(f'export {name}="{value}"\n' for name, value in env.items()))
        quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in self.broker.argv)
        wake = self.dir / "wake"
        wake.write_text(f"#!/bin/sh\n# Starts the rehearsal's broker again, with its clock held where it was.\n"
                        f"exec {quoted} --rehearse {year.FROM}..{year.TO}\n")
        wake.chmod(0o755)


def fresh_directory(path):
    """An empty directory for a rehearsal; what an earlier one left there is removed."""
    if path.exists() and any(path.iterdir()):
        if not (path / "musterd.log").exists():
            raise FileExistsError(f"{path} is not empty, and not of an earlier demo")
        shutil.rmtree(path)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
