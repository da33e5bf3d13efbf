#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measure a real broker and a real agent, with CURVE, signatures, ledger and synced commits, in turns with yardsticks
of the same machine in the same minutes. Shapes:

    a  1 producer with 1 report outstanding     (latency)
    b  1 producer with 256 outstanding
    c  32 producers with 64 outstanding each    (throughput)

Absolute figures belong to one machine and one hour; the ratios are what is compared. Nothing here is a test, and
nothing outlives it but the files that are asked for. A run that was broken off goes on with --resume."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import signal
import sys
import tempfile
import time

import figures
import publish
import stages
import world

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROW_BYTES = 578  # of a report with a body of 512, as muster-load encodes it


def say(*words):
    print("bench:", *words, file=sys.stderr, flush=True)


def arguments_of():
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  ./dev bench --quick\n  ./dev bench --full --json quiet.json\n"
               "  ./dev bench --only shapes,idle\n  ./dev bench --publish quiet.json   (measures nothing)")
    parser.add_argument("--quick", action="store_true", help="a couple of minutes: short, three repetitions")
    parser.add_argument("--full", action="store_true", help="with 10^7 stored reports and an outbox of 10^6")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", default=ROOT / "build/bench.json",
                        help="where the figures go (build/bench.json)")
    parser.add_argument("--resume", action="store_true", help="keep the stages that the file has already")
    parser.add_argument("--only", metavar="STAGES", help="of " + ",".join(stages.STAGES))
    parser.add_argument("--publish", type=pathlib.Path, metavar="FILE",
                        help="draw a file's figures into docs/ and both READMEs, and measure nothing")
    parser.add_argument("--seconds", type=int, help="of each measurement (2; 1 when quick)")
    parser.add_argument("--repetitions", type=int, help="of everything (5; 3 when quick)")
    parser.add_argument("--bin", type=pathlib.Path, default=os.environ.get("MUSTER_BIN", ROOT / "build/release/bin"),
                        help="the programs to measure")
    parser.add_argument("--dir", type=pathlib.Path, default=ROOT / "build", help="a directory on the disk to measure")
    options = parser.parse_args()
    options.bin = pathlib.Path(options.bin).resolve()
    options.seconds = options.seconds or (1 if options.quick else 2)
    options.repetitions = options.repetitions or (3 if options.quick else 5)
    options.history = [1000, 20000] if options.quick else [1000, 100000] + ([10000000] if options.full else [])
    options.drain = 20000 if options.quick else 1000000 if options.full else 200000
    options.idle = 10 if options.quick else 60
    options.row_bytes = ROW_BYTES
    options.stages = options.only.split(",") if options.only else list(stages.STAGES)
    unknown = [stage for stage in options.stages if stage not in stages.STAGES]
    if unknown:
        parser.error(f"no such stage: {', '.join(unknown)}; there are {', '.join(stages.STAGES)}")
    return options


def about(options):
    return {"date": datetime.date.today().isoformat(), "cores": os.cpu_count(), "load": round(os.getloadavg()[1], 1),
            "machine": platform.machine(),
            "system": platform.release(), "seconds": options.seconds, "repetitions": options.repetitions,
            "row_bytes": options.row_bytes, "history": options.history, "drain": options.drain, "idle_s": options.idle}


def measure(options):
    kept = figures.Figures(options.json, about(options), options.resume)
    options.dir.mkdir(exist_ok=True)
    began, failed = time.monotonic(), []
    for stage in options.stages:
        if stage in kept.stages:
            say(f"{stage}: kept from {options.json}")
            continue
        say(f"{stage} ({time.monotonic() - began:.0f} s so far)")
        options.work = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=options.dir))
        kept.begin(stage)
        try:
            stages.STAGES[stage](stages.Bench(options, kept, say))
            kept.end()
        except (world.Fault, OSError) as fault:
            # The others are worth having all the same; --resume tries this one again.
            say(f"{stage} failed: {fault}")
            kept.drop(stage)
            failed.append(stage)
        finally:
            shutil.rmtree(options.work, ignore_errors=True)
    print(figures.tell(kept.medians()))
    say(f"{time.monotonic() - began:.0f} s; figures: {options.json}")
    if failed:
        say("failed:", ", ".join(failed))
    return 1 if failed else 0


def main():
    # So that processes and directories are cleaned up by whoever made them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments_of()
    if options.publish:
        for path in publish.publish(ROOT, json.loads(options.publish.read_text(encoding="utf-8"))):
            say("wrote", path.relative_to(ROOT))
        return 0
    return measure(options)


if __name__ == "__main__":
    sys.exit(main())
