# SPDX-License-Identifier: Apache-2.0
"""What was measured: samples by name, stage by stage in a file, so that a run which was broken off goes on where it
stopped; their medians; and what is wanted of them."""
import json
import statistics

# (figure, at least or at most, limit, in words). Ratios compare within one run; the others are promises of their own.
WANTED = [
    ("ingest.a.ratio_bound", ">=", 0.9, "a: of its parts one after the other (echo, one-row commit, signature, verification)"),
    ("ingest.b.ratio_sqlite", ">=", 0.7, "b: of raw SQLite, 1024 rows a commit"),
    ("ingest.c.ratio_sqlite", ">=", 0.9, "c: of raw SQLite, 1024 rows a commit"),
    ("ingest.b.p99_ms", "<=", 4, "ms until the receipt in b, 99th percentile"),
    ("slow.a.ratio_bound", ">=", 0.9, "a, each sync 2 ms slower: of the same sum"),
    ("slow.b.ratio_sqlite", ">=", 0.7, "b, each sync 2 ms slower: of raw SQLite"),
    ("slow.c.ratio_sqlite", ">=", 0.9, "c, each sync 2 ms slower: of raw SQLite"),
    ("outboxes.1000.ratio_32", ">=", 0.75, "1,000 outboxes: of the rate with 32"),
    ("history.largest.ratio_smallest", ">=", 0.9, "c with the longest history: of the rate with 1,000 stored reports"),
    ("recovery.s", "<=", 1, "s from start after SIGKILL to the first receipt, longest history"),
    ("agent.private_mib", "<=", 4, "MiB of the agent's own memory"),
    ("agent.submit_per_s", ">=", 2000, "submissions/s into the outbox, one at a time, each synced"),
    ("agent.apart_ratio", ">=", 0.9, "draining the outbox, each side on its own cores: of what the broker takes from one producer"),
    ("idle.agent_cpu_percent", "<=", 0.05, "% of a core, an idle agent"),
    ("idle.broker_cpu_percent", "<=", 0.05, "% of a core, an idle broker"),
    # Heartbeats every 30 s in either direction, and the mark of being alive.
    ("idle.agent_wakeups_per_min", "<=", 12, "wake-ups a minute, an idle agent"),
    ("idle.broker_wakeups_per_min", "<=", 12, "wake-ups a minute, an idle broker with one session"),
]


class Figures:
    """Samples of the stages. `path` is rewritten after each stage; None keeps them in memory only."""

    def __init__(self, path, about, resume):
        self.path, self.about, self.stages = path, about, {}
        if resume and path and path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            self.about, self.stages = kept["about"], kept["stages"]
        self.current = None

    def begin(self, stage):
        self.current = self.stages[stage] = {}

    def note(self, name, unit, value):
        self.current.setdefault(name, {"unit": unit, "values": []})["values"].append(round(value, 4))

    def end(self):
        self.current = None
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps({"about": self.about, "stages": self.stages, "medians": self.medians()},
                                            indent=1) + "\n", encoding="utf-8")

    def drop(self, stage):
        self.stages.pop(stage, None)
        self.current = None

    def medians(self):
        return {name: {"value": round(statistics.median(sample["values"]), 4), "unit": sample["unit"],
                       "low": min(sample["values"]), "high": max(sample["values"]), "n": len(sample["values"])}
                for stage in self.stages.values() for name, sample in stage.items()}


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def aligned(rows):
    """Lines of a table; the first column is words, the others are figures."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.rjust(width) if i else cell.ljust(width)
                      for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]


def tell(medians):
    """The whole table, and what was wanted, for a terminal."""
    lines = aligned([("figure", "median", "unit", "low", "high", "n"),
                     *((name, number(f["value"]), f["unit"], number(f["low"]), number(f["high"]), str(f["n"]))
                       for name, f in sorted(medians.items()))])
    lines += ["", *aligned([("wanted", "limit", "measured", ""), *wanted(medians)])]
    return "\n".join(lines)


def wanted(medians):
    """(words, limit, measured, verdict) of every wish that this run has a figure for."""
    for name, relation, limit, words in WANTED:
        if name not in medians:
            continue
        value = medians[name]["value"]
        met = value >= limit if relation == ">=" else value <= limit
        yield (words, f"{'≥' if relation == '>=' else '≤'} {limit:g}", number(value), "met" if met else "missed")
