# SPDX-License-Identifier: Apache-2.0
"""The measurements, one function a stage. Each makes what it needs, in turns with its yardsticks, and removes it."""
import contextlib
import json
import shutil
import threading
import time

import msgpack

import world

SHAPES = {"a": (1, 1), "b": (1, 256), "c": (32, 64)}
SYNC_EXTRA_US = 2000
OUTBOXES = (1, 32, 1000)
OUTBOX_WINDOW = 64
DRAIN_WINDOW = 1024
CLIENTS = 8
BATCH_REPORTS = 150


class Bench:
    def __init__(self, options, figures, say):
        self.options, self.figures, self.say = options, figures, say
        self.tools = options.bin.parent / "tests"
        self.work = options.work
        self.shim = self.tools / "libe2e_weather.so"

    @contextlib.contextmanager
    def broker(self, name, units=world.UNITS, started=True):
        work = self.work / name
        broker = world.Broker(self.options.bin, work)
        try:
            broker.start().wait_ready()
            broker.enrol(units)
            if not started:
                broker.stop()
            yield broker
        except world.Fault as fault:
            raise world.Fault(f"{fault}\nthe broker's last words: {broker.process.last_words()}") from None
        finally:
            broker.stop()
            shutil.rmtree(work, ignore_errors=True)

    def note(self, name, unit, value):
        self.figures.note(name, unit, value)

    def yard(self, *words, slow=False):
        """A yardstick's result per second, and once more as the time that one takes."""
        slowed = {"LD_PRELOAD": str(self.shim), "MUSTER_SYNC_EXTRA_US": str(SYNC_EXTRA_US)} if slow else {}
        return json.loads(world.run(self.tools / "bench_yardstick", *words, **slowed))["per_s"]

    def load(self, broker, producers, outstanding, seconds=None, reports=0, outboxes=0):
        extra = [*(["--reports", reports] if reports else []), *(["--outboxes", outboxes] if outboxes else [])]
        return json.loads(world.run(
            self.tools / "muster-load", "--seconds", seconds or self.options.seconds, "--outstanding", outstanding,
            "--duty", world.DUTY, "--period", world.YEAR, *extra, *broker.homes[:producers], timeout_s=900))

    def rounds(self):
        for repetition in range(self.options.repetitions):
            self.say(f"  repetition {repetition + 1} of {self.options.repetitions}")
            yield repetition

    # ---- shapes ----

    def bound(self, echo, slow):
        """One echo, one one-row commit, one signature and one verification, one after the other: a sum of parts, no ceiling."""
        row = self.yard("sqlite", self.work, self.options.seconds, 1, self.options.row_bytes, slow=slow)
        sign, verify = self.yard("sign", 0.3), self.yard("verify", 0.3)
        return row, sign, verify, 1 / (1 / echo + 1 / row + 1 / sign + 1 / verify)

    def measure_shape(self, broker, stage, shape, slow):
        producers, outstanding = SHAPES[shape]
        seconds, row_bytes = self.options.seconds, self.options.row_bytes
        echo = self.yard("echo", seconds, producers, outstanding, row_bytes)
        cpu = broker.process.cpu_s()
        got = self.load(broker, producers, outstanding)
        cpu = broker.process.cpu_s() - cpu
        rate = got["per_s"]
        self.note(f"{stage}.{shape}.reports_per_s", "reports/s", rate)
        self.note(f"{stage}.{shape}.p50_ms", "ms", got["p50_ms"])
        self.note(f"{stage}.{shape}.p99_ms", "ms", got["p99_ms"])
        self.note(f"{stage}.{shape}.echo_per_s", "messages/s", echo)
        self.note(f"{stage}.{shape}.cpu_us", "µs/report", cpu / max(got["acknowledged"], 1) * 1e6)
        self.note(f"{stage}.{shape}.load_cpu_us", "µs/report", got["own_cpu_us_per_report"])
        if shape == "a":
            row, sign, verify, bound = self.bound(echo, slow)
            self.note(f"{stage}.sqlite1_per_s", "rows/s", row)
            self.note(f"{stage}.sign_us", "µs", 1e6 / sign)
            self.note(f"{stage}.verify_us", "µs", 1e6 / verify)
            self.note(f"{stage}.a.bound_per_s", "reports/s", bound)
            self.note(f"{stage}.a.ratio_bound", "ratio", rate / bound)
        else:
            rows = self.yard("sqlite", self.work, seconds, 1024, row_bytes, slow=slow)
            self.note(f"{stage}.{shape}.sqlite1024_per_s", "rows/s", rows)
            self.note(f"{stage}.{shape}.ratio_sqlite", "ratio", rate / rows)

    def shapes(self):
        with self.broker("shapes") as broker:
            self.load(broker, 32, 64, seconds=1)
            for _ in self.rounds():
                for shape in SHAPES:
                    self.measure_shape(broker, "ingest", shape, slow=False)
            self.note("broker.busy_rss_mib", "MiB", broker.process.memory_mib()[0])
            self.say("  verifying the ledger")
            broker.ctl("ledger", "verify", timeout_s=900)

    def slow_disk(self):
        with self.broker("slow", started=False) as broker:
            broker.preload = {"LD_PRELOAD": str(self.shim), "MUSTER_SYNC_EXTRA_US": str(SYNC_EXTRA_US)}
            broker.start().wait_ready()
            for _ in self.rounds():
                for shape in SHAPES:
                    self.measure_shape(broker, "slow", shape, slow=True)

    # ---- growth ----

    def outboxes(self):
        with self.broker("outboxes") as broker:
            for _ in self.rounds():
                rates = {}
                for count in OUTBOXES:
                    # Long enough for several turns of all the windows together.
                    seconds = self.options.seconds + count * OUTBOX_WINDOW // 25000
                    got = self.load(broker, min(count, world.UNITS), OUTBOX_WINDOW, seconds, outboxes=count)
                    rates[count] = got["per_s"]
                    self.note(f"outboxes.{count}.reports_per_s", "reports/s", got["per_s"])
                    self.note(f"outboxes.{count}.p50_ms", "ms", got["p50_ms"])
                    self.note(f"outboxes.{count}.p99_ms", "ms", got["p99_ms"])
                    self.note(f"outboxes.{count}.rss_mib", "MiB", broker.process.memory_mib()[0])
                self.note("outboxes.sqlite1024_per_s", "rows/s",
                          self.yard("sqlite", self.work, self.options.seconds, 1024, self.options.row_bytes))
                self.note("outboxes.1000.ratio_32", "ratio", rates[1000] / rates[32])

    def first_receipt_s(self, broker):
        """From the start of the broker's process to the first receipt that a waiting unit has."""
        broker.start()
        got = self.load(broker, 1, 1, seconds=60, reports=1)
        return got["first_receipt_at"] - broker.process.began

    def burst(self, broker, size):
        """Start on what is stored, work, be killed while idle and while busy, start again."""
        self.note(f"history.{size}.start_s", "s", self.first_receipt_s(broker))
        rss, private = broker.process.memory_mib()
        self.note(f"history.{size}.rss_mib", "MiB", rss)
        self.note(f"history.{size}.private_mib", "MiB", private)
        got = self.load(broker, 32, 64)
        self.note(f"history.{size}.reports_per_s", "reports/s", got["per_s"])
        self.note(f"history.{size}.p99_ms", "ms", got["p99_ms"])
        broker.kill()
        self.note(f"history.{size}.recovery_s", "s", self.first_receipt_s(broker))
        broker.stop()
        return got["per_s"]

    def history(self):
        sizes = self.options.history
        disk = {}
        with self.broker("history", started=False) as broker:
            stored = 0
            for size in sizes:
                self.say(f"  filling up to {size:,} reports")
                broker.start().wait_ready()
                self.load(broker, 32, 256, seconds=800, reports=size - stored)
                broker.stop()
                stored, disk[size] = size, broker.disk_bytes()
                in_place = size > 1000000  # too large to be copied for each repetition, too large to grow by much
                if not in_place:
                    broker.keep_copy("kept")
                for _ in self.rounds():
                    self.burst(broker, size)
                    if not in_place:
                        broker.put_back("kept")
                shutil.rmtree(broker.work / "kept", ignore_errors=True)
        self.note("disk.bytes_per_report", "bytes/report",
                  (disk[sizes[-1]] - disk[sizes[0]]) / (sizes[-1] - sizes[0]))
        now = self.figures.current
        for value in now[f"history.{sizes[-1]}.recovery_s"]["values"]:
            self.note("recovery.s", "s", value)
        for first, last in zip(now[f"history.{sizes[0]}.reports_per_s"]["values"],
                               now[f"history.{sizes[-1]}.reports_per_s"]["values"]):
            self.note("history.largest.ratio_smallest", "ratio", last / first)

    # ---- the agent ----

    def submit(self, agent, seconds):
        request, count, began = msgpack.packb({"do": "append", **world.report()}), 0, time.monotonic()
        client = agent.connect()
        while time.monotonic() - began < seconds:
            agent.ask(request, client)
            count += 1
        client.close()
        return count / (time.monotonic() - began)

    def submit_together(self, agent, seconds):
        rates = []
        threads = [threading.Thread(target=lambda: rates.append(self.submit(agent, seconds))) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(rates) < CLIENTS:
            raise world.Fault("a client of the agent failed")
        return sum(rates)

    def fill_outbox(self, agent, count):
        """In batches; how many a second."""
        request, began, done = msgpack.packb({"do": "append", "reports": [world.report()] * BATCH_REPORTS}), 0, 0
        began = time.monotonic()
        while done < count:
            done += agent.ask(request)[0]["count"]
        return done / (time.monotonic() - began)

    def drained(self, broker, agent, stage, cores=None):
        """What lies in the outbox goes to a broker that starts now, and a producer of the load generator, which has no
        outbox to keep, has its turn with the window that the agent is granted. Each side on cores of its own, if any."""
        broker.start().wait_ready()
        if cores:
            broker.process.keep_to(cores[0])
            agent.process.keep_to(cores[1])
        queued = agent.wait_until("session", lambda status: status["connected"])["queued"]
        began, cpu = time.monotonic(), agent.process.cpu_s()
        agent.wait_until("empty outbox", lambda status: status["queued"] == 0, timeout_s=600)
        rate = queued / (time.monotonic() - began)
        self.note(f"agent.{stage}_per_s", "reports/s", rate)
        self.note(f"agent.{stage}_cpu_us", "µs/report", (agent.process.cpu_s() - cpu) / queued * 1e6)
        with world.only_on(cores[1]) if cores else contextlib.nullcontext():
            taken = self.load(broker, 1, DRAIN_WINDOW)["per_s"]
        self.note(f"agent.{stage}_yard_per_s", "reports/s", taken)
        self.note(f"agent.{stage}_ratio", "ratio", rate / taken)

    def drain_once(self, broker, agent):
        broker.stop()
        agent.start_anew()
        self.note("agent.append_yard_per_s", "appends/s", self.yard("append", self.work, 0.5, self.options.row_bytes))
        self.note("agent.submit_per_s", "reports/s", self.submit(agent, self.options.seconds))
        self.note("agent.submit_clients_per_s", "reports/s", self.submit_together(agent, self.options.seconds))
        self.note("agent.submit_batch_per_s", "reports/s", self.fill_outbox(agent, self.options.drain))
        self.drained(broker, agent, "drain")
        self.note("agent.busy_private_mib", "MiB", agent.process.memory_mib()[1])
        cores = world.cores_apart()
        if cores:
            broker.stop()
            agent.start_anew()
            self.fill_outbox(agent, self.options.drain)
            self.drained(broker, agent, "apart", cores)

    def agent(self):
        with self.broker("agent", units=1) as broker:
            agent = world.Agent(broker, outbox_bytes_max=1 << 36)
            try:
                agent.start()
                agent.wait_until("session", lambda status: status["connected"])
                self.note("agent.private_mib", "MiB", agent.process.memory_mib()[1])
                for _ in self.rounds():
                    self.drain_once(broker, agent)
            finally:
                agent.stop()

    def idle(self):
        with self.broker("idle", units=1) as broker:
            agent = world.Agent(broker)
            try:
                agent.start()
                agent.wait_until("session", lambda status: status["connected"])
                agent.ask({"do": "append", **world.report()})
                agent.wait_until("receipt", lambda status: status["queued"] == 0)
                time.sleep(2)  # what follows a session's beginning is not idleness
                pairs = (("broker", broker.process), ("agent", agent.process))
                before = [(process.cpu_s(), process.wakeups()) for _, process in pairs]
                time.sleep(self.options.idle)
                for (name, process), (cpu, wakeups) in zip(pairs, before):
                    self.note(f"idle.{name}_cpu_percent", "%", (process.cpu_s() - cpu) / self.options.idle * 100)
                    self.note(f"idle.{name}_wakeups_per_min", "1/min",
                              (process.wakeups() - wakeups) * 60 / self.options.idle)
            finally:
                agent.stop()


STAGES = {"shapes": Bench.shapes, "slow-disk": Bench.slow_disk, "outboxes": Bench.outboxes, "history": Bench.history,
          "agent": Bench.agent, "idle": Bench.idle}
