#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev demo`: a year of the real programme in a minute. Starts the real broker, an agent for every unit and the
county, and the office's watch; plays the year of year.py; shows how it went; and is content only when every
report and alert is accounted for and every verdict is the expected one."""
import argparse
import os
import pathlib
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
BIN = pathlib.Path(os.environ.get("MUSTER_BIN", SOURCE / "build" / "release" / "bin")).resolve()
os.environ["MUSTER_BUILD_DIR"] = str(BIN.parent)
sys.path[:0] = [str(HERE), str(SOURCE / "tests" / "e2e")]

import checks  # noqa: E402
import harness  # noqa: E402
import player  # noqa: E402
import summary  # noqa: E402
import year  # noqa: E402
from screen import Screen  # noqa: E402
from words import Words, reader_language  # noqa: E402

PATH_BYTES_MAX = 70  # a local socket's whole path has at most 107


def parse():
    parser = argparse.ArgumentParser(
        prog="./dev demo", description="Rehearses a year of the programme in config/jingning with a real broker and a "
        "real agent for every unit, checks that nothing was lost and every verdict is right, and shows the year.",
        epilog="Exit status: 0 everything held, 1 something did not, 2 wrong usage, 130 interrupted.")
    parser.add_argument("--serve", action="store_true", help="keep everything running at the end, until Ctrl-C")
    parser.add_argument("--lang", choices=("en", "zh_CN"), help="language of what is shown; the environment's when absent")
    parser.add_argument("--quiet", action="store_true", help="show the last line only, and what is wrong")
    parser.add_argument("--keep", metavar="DIR", type=pathlib.Path,
                        help="keep data and logs there, instead of in build/release/demo, which the next run replaces")
    return parser.parse_args()


def choose_directory(asked):
    """The directory, and whether it stays: one that lies too deep for local sockets is taken elsewhere."""
    if asked:
        return player.fresh_directory(asked.resolve()), True
    usual = BIN.parent / "demo"
    if len(str(usual).encode()) <= PATH_BYTES_MAX:
        return player.fresh_directory(usual), True
    return pathlib.Path(tempfile.mkdtemp(prefix="muster-demo-")), False


def report_progress(played, screen, words):
    """On a terminal the bar does it; elsewhere a line for each quarter that begins."""
    quarter = None
    for told in played:
        now = told["day"][:4], (int(told["day"][5:7]) - 1) // 3
        if now != quarter and quarter and not screen.has_bar:
            screen.line(words.say("quarter", **told))
        quarter = now


def run(options, directory, kept, screen, words):
    begin = time.monotonic()
    with player.Player(directory, words.language, screen, words) as stage:
        stage.set_scene()
        summary.show_opening(stage, screen, words)
        report_progress(stage.play(year.script()), screen, words)
        found = stage.collect()
        results = summary.check(found)
        digest = checks.verdict_digest(found["obligations"])
        wrong = [fault for _, faults in results for fault in faults]
        stage.write_wake()
        if not options.quiet:
            summary.show_table(found, stage, screen, words)
            summary.show_checks(results, found, stage, screen, words)
            summary.show_clauses(found, stage, screen, words)
            summary.show_further(found, stage, screen, words, options.serve, kept)
        for fault in wrong:
            print(f"demo: {fault}", file=sys.stderr)
        screen.always(words.say("failed", count=len(wrong), dir=directory) if wrong else
                      words.say("passed", seconds=time.monotonic() - begin, digest=digest))
        if options.serve:
            serve(screen, words)
    return 1 if wrong else 0


def serve(screen, words):
    try:
        signal.pause()
    except KeyboardInterrupt:
        screen.always(words.say("ended"))


def interrupt(_number, _frame):
    raise KeyboardInterrupt


def main():
    options = parse()
    words = Words(reader_language(options.lang))
    screen = Screen(options.quiet)
    # SIGINT too: a shell has it ignored in what it runs in the background.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    missing = [name for name in ("musterd", "muster-agent", "muster-watch", "musterctl") if not (BIN / name).exists()]
    if missing:
        sys.exit(f"demo: {', '.join(missing)} not in {BIN}; build first: ./dev build release")
    try:
        directory, kept = choose_directory(options.keep)
    except OSError as error:
        sys.exit(f"demo: {error}")
    try:
        status = run(options, directory, kept, screen, words)
    except KeyboardInterrupt:
        screen.end_bar()
        print(words.say("interrupted"), file=sys.stderr)
        status = 130
    except harness.Failure as failure:
        screen.end_bar()
        print(f"demo: {failure}", file=sys.stderr)
        print(words.say("failed", count=1, dir=directory), file=sys.stderr)
        status = 1
    if not kept and status != 1:
        player.shutil.rmtree(directory, ignore_errors=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
