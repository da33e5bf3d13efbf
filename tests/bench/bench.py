#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measure a real broker: CURVE, signatures, ledger and synced commits, in three shapes

    a  1 producer with 1 report outstanding     (latency)
    b  1 producer with 256 outstanding
    c  32 producers with 64 outstanding each    (throughput)

interleaved with yardsticks of the same machine in the same minutes: raw SQLite inserts of the same bytes, a
CURVE echo without a broker, append + fdatasync, one signature and its verification. Absolute figures belong to
one machine and one hour; the ratios are what is compared. Nothing here is a test, and nothing outlives it but the
files that are asked for. With --bin DIR (or MUSTER_BIN) it measures the programs of another build."""
import argparse
import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import chart

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHAPES = {"a": (1, 1), "b": (1, 256), "c": (32, 64)}
PRODUCERS = max(producers for producers, _ in SHAPES.values())
YEAR = datetime.date.today().year
DUTY = "bench"


def programme():
    """Every unit owes one report a year and may send progress at any time."""
    units = "".join(f"  - {{id: unit-{n}, name: Unit {n}}}\n" for n in range(PRODUCERS))
    members = ", ".join(f"unit-{n}" for n in range(PRODUCERS))
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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A broker of its own with a data directory on a real disk, and homes that have joined it."""

    def __init__(self, programs, work):
        self.programs, self.work = programs, work
        self.homes = [work / f"home-{n}" for n in range(PRODUCERS)]
        self.environment = {**os.environ, "LANGUAGE": "en"}
        self.run_dir = work / "run"
        self.run_dir.mkdir(mode=0o750)
        (work / "workdays.csv").write_text(f"# {YEAR}: none, working days play no part here\n")
        (work / "programme.yaml").write_text(programme())
        ports = [free_port() for _ in range(3)]
        settings = {
            "data_dir": work / "data", "runtime_dir": self.run_dir, "advertise_host": "127.0.0.1",
            "members_endpoint": f"tcp://127.0.0.1:{ports[0]}", "feed_endpoint": f"tcp://127.0.0.1:{ports[1]}",
            "enrol_endpoint": f"tcp://127.0.0.1:{ports[2]}",
            # The bucket that protects a broker from one wild key would otherwise be what is measured.
            "rate_messages": 1000000, "rate_burst": 10000000, "enrol_rate": 10000,
        }
        lines = [f"{name}: {value}" if isinstance(value, int) else f'{name}: "{value}"'
                 for name, value in settings.items()]
        lines.append(f'programmes: ["{work / "programme.yaml"}"]')
        (work / "muster.yaml").write_text("\n".join(lines) + "\n")
        self.log = open(work / "musterd.log", "wb")
        self.process = subprocess.Popen([programs / "musterd", "--config", work / "muster.yaml"],
                                        env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)

    def tool(self, *command, **environment):
        outcome = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                                 env={**self.environment, **environment}, timeout=60)
        if outcome.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))}: {outcome.stderr.strip()}")
        return outcome.stdout

    def ctl(self, *words):
        return self.tool(self.programs / "musterctl", "--socket", self.run_dir / "admin.sock", *words)

    def wait_ready(self):
        for _ in range(300):
            if self.process.poll() is not None:
                raise RuntimeError("musterd ended: " + (self.work / "musterd.log").read_text())
            try:
                return self.ctl("status", "--json")
            except (RuntimeError, subprocess.TimeoutExpired) as fault:
                last = fault
                time.sleep(0.1)
        raise RuntimeError(f"musterd is not ready: {last}")

    def enrol(self):
        for number, home in enumerate(self.homes):
            invitation = self.work / f"unit-{number}.invite"
            self.ctl("enrol", f"unit-{number}", "--out", invitation)
            self.tool(self.programs / "muster-agent", "--home", home, "join", invitation)

    def memory_mib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


class Bench:
    def __init__(self, arguments, work):
        self.seconds, self.repetitions = arguments.seconds, arguments.repetitions
        self.work = work
        self.tools = pathlib.Path(arguments.bin).parent / "tests"
        self.broker = Broker(pathlib.Path(arguments.bin), work)
        self.samples = {}  # name -> (unit, [values])

    def note(self, name, unit, value):
        self.samples.setdefault(name, (unit, []))[1].append(value)

    def json_of(self, *command):
        return json.loads(self.broker.tool(*command))

    def yard(self, *words):
        return self.json_of(self.tools / "bench_yardstick", *words)

    def load(self, shape, seconds):
        producers, outstanding = SHAPES[shape]
        return self.json_of(self.tools / "muster-load", "--seconds", seconds, "--outstanding", outstanding,
                            "--duty", DUTY, "--period", YEAR, *self.broker.homes[:producers])

    def measure_shape(self, shape, row_bytes):
        """One shape and, right beside it, the yardsticks that its ratios are taken to."""
        producers, outstanding = SHAPES[shape]
        echo = self.yard("echo", self.seconds, producers, outstanding, row_bytes)["per_s"]
        cpu, began = self.broker.cpu_s(), time.monotonic()
        got = self.load(shape, self.seconds)
        cores = (self.broker.cpu_s() - cpu) / (time.monotonic() - began)
        rate = got["per_s"]
        self.note(f"ingest.{shape}.reports_per_s", "reports/s", rate)
        self.note(f"ingest.{shape}.p50_ms", "ms", got["p50_ms"])
        self.note(f"ingest.{shape}.p99_ms", "ms", got["p99_ms"])
        self.note(f"ingest.{shape}.reports_per_run", "reports", got["reports_per_run"])
        self.note(f"ingest.{shape}.broker_cores", "cores", cores)
        self.note(f"yard.echo.{shape}.per_s", "messages/s", echo)
        self.note(f"ingest.{shape}.ratio_echo", "ratio", rate / echo)
        if shape == "a":
            row = self.yard("sqlite", self.work, self.seconds, 1, row_bytes)["per_s"]
            sign_us = self.yard("sign", 1)["us"]
            append = self.yard("append", self.work, self.seconds, row_bytes)["per_s"]
            # What one echo, one one-row commit, one signature and one verification take, one after the other.
            bound = 1 / (1 / echo + 1 / row + sign_us / 1e6)
            self.note("yard.sqlite1.rows_per_s", "rows/s", row)
            self.note("yard.append.per_s", "appends/s", append)
            self.note("yard.sign_verify_us", "us", sign_us)
            self.note("ingest.a.ratio_bound", "ratio", rate / bound)
        else:
            rows = self.yard("sqlite", self.work, self.seconds, 1024, row_bytes)["per_s"]
            self.note("yard.sqlite1024.rows_per_s", "rows/s", rows)
            self.note(f"ingest.{shape}.ratio_sqlite", "ratio", rate / rows)

    def run(self):
        say("starting a broker and enrolling", PRODUCERS, "units")
        self.broker.wait_ready()
        self.broker.enrol()
        say("warming up")
        row_bytes = self.load("c", 1)["report_bytes"]
        for repetition in range(self.repetitions):
            for shape in SHAPES:
                say(f"repetition {repetition + 1} of {self.repetitions}, shape {shape}")
                self.measure_shape(shape, row_bytes)
        self.note("broker.rss_mib", "MiB", self.broker.memory_mib())
        say("verifying the ledger")
        self.broker.ctl("ledger", "verify")

    def figures(self):
        return [{"name": name, "value": round(statistics.median(values), 4), "unit": unit,
                 "low": round(min(values), 4), "high": round(max(values), 4), "n": len(values)}
                for name, (unit, values) in sorted(self.samples.items())]


def say(*words):
    print("bench:", *words, file=sys.stderr, flush=True)


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 10 else f"{value:.1f}"


def table(figures):
    rows = [(f["name"], number(f["value"]), f["unit"], f"{number(f['low'])} .. {number(f['high'])}", str(f["n"]))
            for f in figures]
    head = ("name", "median", "unit", "low .. high", "n")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.rjust(width) if i in (1, 3, 4) else cell.ljust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())


def draw(figures, path):
    by_name = {f["name"]: f for f in figures}
    groups = []
    for shape, (producers, outstanding) in SHAPES.items():
        yard = "yard.sqlite1.rows_per_s" if shape == "a" else "yard.sqlite1024.rows_per_s"
        groups.append((f"shape {shape}: {producers} × {outstanding} outstanding", [
            ("Muster: acknowledged reports/s", by_name[f"ingest.{shape}.reports_per_s"]),
            (f"raw SQLite: rows/s, {'1 row' if shape == 'a' else '1024 rows'} a commit", by_name[yard]),
            ("CURVE echo: messages/s, nothing stored", by_name[f"yard.echo.{shape}.per_s"])]))
    path.write_text(chart.bars("Acknowledged reports per second, beside what the machine allows", groups),
                    encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measure ingest against yardsticks.")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--svg", type=pathlib.Path, metavar="FILE", default=ROOT / "build/bench.svg")
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--bin", default=os.environ.get("MUSTER_BIN", ROOT / "build/release/bin"))
    parser.add_argument("--dir", type=pathlib.Path, default=ROOT / "build", help="a directory on the disk to measure")
    arguments = parser.parse_args()
    arguments.dir.mkdir(exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=arguments.dir))
    bench = Bench(arguments, work)
    try:
        bench.run()
    except (RuntimeError, subprocess.TimeoutExpired) as fault:
        say(fault)
        say("the broker's last words:", (work / "musterd.log").read_text()[-2000:])
        return 1
    finally:
        bench.broker.stop()
        shutil.rmtree(work, ignore_errors=True)
    figures = bench.figures()
    table(figures)
    draw(figures, arguments.svg)
    say("chart:", arguments.svg)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        say("figures:", arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
