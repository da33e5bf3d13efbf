# SPDX-License-Identifier: Apache-2.0
"""From a file of figures to what people read: the charts in docs/img and the blocks between `begin` and `end` marks in
docs/performance.md and both READMEs. Everything there is made here, so that no figure is ever copied by hand."""
import re

import chart
import figures
from stages import OUTBOXES, SHAPES

WORDS = {
    "en": {
        "title": "Acknowledged reports per second, beside yardsticks of the same machine",
        "shape": "shape {}: units {}, reports outstanding in each {}", "muster": "Muster: acknowledged, synced, signed",
        "bound": "its parts (*), one after the other", "echo": "CURVE echo, nothing stored",
        "sqlite": "raw SQLite, 1024 rows a commit",
        "note": "Bars are medians, lines span low to high; each group has its own scale. {date}, {cores} shared cores.",
        "parts": "(*) echo, SQLite's commit of one row, signature, verification, measured one by one: a sum, and no ceiling.",
        "plot": "![Ingest against its yardsticks]({})",
        "line": "Acknowledged means synced, chained and signed: {c} reports/s from 32 units at once (shape c), {b} from one (b), and "
                "from one that waits for each receipt before its next report (a), a receipt in {p50} ms ({date}, {cores} shared cores{busy}; [how it was measured and "
                "against what](docs/performance.md)).",
        "busy": ", busy with other work: load {load}",
    },
    "zh": {
        "title": "每秒收妥的报告数，与同一台机器的标尺对照",
        "shape": "形态 {}：{} 个单位，各 {} 份在途", "muster": "Muster：已落盘、已签名、已回执",
        "bound": "各环节（*）依次相加", "echo": "CURVE 回声，不存储", "sqlite": "裸 SQLite，每次提交 1024 行",
        "note": "柱为中位数，线为最低到最高；每组各有比例尺。{date}，{cores} 个共享核心。",
        "parts": "（*）回声、SQLite 单行提交、签名、验签，逐项单独测得：是相加之和，并非上限。",
        "plot": "![收报速度与标尺对照]({})",
        "line": "回执意味着已落盘、已入链、已签名：32 个单位同时上报每秒 {c} 份（形态 c），一个单位每秒 {b} 份（b），一个单位等到回执才报下一份时（a），{p50} 毫秒得到回执"
                "（{date}，{cores} 个共享核心{busy}；[测法与对照](docs/performance.md)）。",
        "busy": "，同时忙于其他工作，负载 {load}",
    },
}


def picture_of_shapes(data, language):
    words, medians, about = WORDS[language], data["medians"], data["about"]
    groups = []
    for shape, (producers, outstanding) in SHAPES.items():
        limit = (words["bound"], medians["ingest.a.bound_per_s"]) if shape == "a" else \
            (words["sqlite"], medians[f"ingest.{shape}.sqlite1024_per_s"])
        groups.append((words["shape"].format(shape, producers, outstanding),
                       [(words["muster"], medians[f"ingest.{shape}.reports_per_s"]), limit,
                        (words["echo"], medians[f"ingest.{shape}.echo_per_s"])]))
    return chart.bars(words["title"], groups, words["parts"], words["note"].format(**about))


def picture_of_latency(data):
    medians = data["medians"]
    groups = []
    for stage, disk in (("ingest", "this disk"), ("slow", "each sync 2 ms slower")):
        for shape in SHAPES:
            if f"{stage}.{shape}.p50_ms" in medians:
                groups.append((f"shape {shape}, {disk}", [(f"{quantile} of the receipt, ms", medians[f"{stage}.{shape}.{quantile}_ms"])
                                                          for quantile in ("p50", "p99")]))
    return chart.bars("How long a report waits for its receipt", groups, WORDS["en"]["note"].format(**data["about"]))


def line(medians, name, places):
    return [(place, medians[name.format(place)]) for place in places if name.format(place) in medians]


def picture_of_outboxes(data):
    medians = data["medians"]
    return chart.growth("Growth with outboxes, 64 reports outstanding in each", [
        ("reports/s", "outboxes", [("raw SQLite, 1024 rows a commit", [(place, medians["outboxes.sqlite1024_per_s"])
                                                                       for place in OUTBOXES]),
                                   ("Muster", line(medians, "outboxes.{}.reports_per_s", OUTBOXES))]),
        ("ms", "outboxes", [("p99 of the receipt", line(medians, "outboxes.{}.p99_ms", OUTBOXES)),
                            ("p50 of the receipt", line(medians, "outboxes.{}.p50_ms", OUTBOXES))]),
    ], "Dots are medians, lines through them span low to high; axes are logarithmic.")


def picture_of_history(data):
    medians, sizes = data["medians"], data["about"]["history"]
    return chart.growth("Growth with history", [
        ("reports/s, shape c", "reports stored before", [("Muster", line(medians, "history.{}.reports_per_s", sizes))]),
        ("s to the first receipt, MiB", "reports stored before",
         [("MiB resident, just started", line(medians, "history.{}.rss_mib", sizes)),
          ("s from start after SIGKILL to the first receipt", line(medians, "history.{}.recovery_s", sizes))]),
    ], "Dots are medians, lines through them span low to high; axes are logarithmic.")


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head),
                      *("| " + " | ".join(row) + " |" for row in rows)])


def figures_block(data):
    medians, about = data["medians"], data["about"]

    def show(name):
        return figures.number(medians[name]["value"]) if name in medians else "–"

    def spread(name):
        figure = medians[name]
        return f"{figures.number(figure['value'])} ({figures.number(figure['low'])}…{figures.number(figure['high'])})"

    n = max(figure["n"] for figure in medians.values())
    parts = [f"{about['date']}, {about['cores']} shared cores with a load of {about['load']} before the run, {about['machine']}, Linux {about['system']}; medians of {n} interleaved "
             f"repetitions of {about['seconds']} s, low and high in brackets.",
             "![Ingest against its yardsticks](img/ingest.svg)"]
    rows = [(shape, spread(f"ingest.{shape}.reports_per_s"), spread(f"ingest.{shape}.p50_ms"), spread(f"ingest.{shape}.p99_ms"),
             show(f"ingest.{shape}.echo_per_s"),
             show("ingest.a.bound_per_s") if shape == "a" else show(f"ingest.{shape}.sqlite1024_per_s"),
             show("ingest.a.ratio_bound") if shape == "a" else show(f"ingest.{shape}.ratio_sqlite"),
             show(f"ingest.{shape}.cpu_us")) for shape in SHAPES]
    parts.append(table(("shape", "reports/s", "p50, ms", "p99, ms", "CURVE echo/s", "yardstick/s", "ratio", "broker's CPU, µs/report"), rows))
    parts.append("The yardstick of a is its parts one after the other, 1 ÷ (echo round trip + one-row commit + one signature + one verification): a sum, and no "
                 "ceiling, for what Muster writes and syncs for a lone report is less than SQLite does for one row. Of b and c it is raw "
                 "SQLite with the store's own page size and pragmas, 1024 rows of the same bytes a commit, no UNIQUE.")
    parts.append(table(("wanted", "limit", "measured", ""), list(figures.wanted(medians))))
    if "slow.a.reports_per_s" in medians:
        parts.append("![How long a report waits](img/latency.svg)")
        parts.append(table(("shape, each sync 2 ms slower", "reports/s", "p50, ms", "p99, ms", "ratio"),
                           [(shape, spread(f"slow.{shape}.reports_per_s"), spread(f"slow.{shape}.p50_ms"), spread(f"slow.{shape}.p99_ms"),
                             show("slow.a.ratio_bound") if shape == "a" else show(f"slow.{shape}.ratio_sqlite")) for shape in SHAPES]))
    if "outboxes.1.reports_per_s" in medians:
        parts.append("![Growth with outboxes](img/outboxes.svg)")
    if "disk.bytes_per_report" in medians:
        parts.append("![Growth with history](img/history.svg)")
        parts.append(table(("stored before", "reports/s in c", "p99, ms", "start, s", "after SIGKILL, s", "resident, MiB", "private, MiB"),
                           [(f"{size:,}", *(spread(f"history.{size}.{name}") for name in
                                            ("reports_per_s", "p99_ms", "start_s", "recovery_s", "rss_mib", "private_mib")))
                            for size in about["history"]]))
        parts.append(f"A stored report takes {show('disk.bytes_per_report')} bytes on disk, of which its own are {about['row_bytes']}.")
    if "agent.drain_per_s" in medians:
        parts.append(table(("the agent", "", ""), [
            ("submissions/s, one client, one at a time", spread("agent.submit_per_s"), f"append + fdatasync alone: {show('agent.append_yard_per_s')}"),
            ("submissions/s, 8 clients", spread("agent.submit_clients_per_s"), "one commit for all that wait"),
            ("submissions/s, in batches of 150", spread("agent.submit_batch_per_s"), ""),
            (f"draining {about['drain']:,} reports, reports/s", spread("agent.drain_per_s"),
             f"{show('agent.drain_ratio')} of what the load generator gets through as one producer"),
            *([("the same, agent and broker on cores of their own", spread("agent.apart_per_s"), f"{show('agent.apart_ratio')} of it")]
              if "agent.apart_per_s" in medians else []),
            ("CPU of a drained report, µs", spread("agent.drain_cpu_us"), ""),
            ("own memory, MiB", spread("agent.private_mib"), f"while draining {show('agent.busy_private_mib')}")]))
    if "idle.agent_cpu_percent" in medians:
        parts.append(f"Idle for {about['idle_s']} s: the broker takes {show('idle.broker_cpu_percent')} % of a core and wakes "
                     f"{show('idle.broker_wakeups_per_min')} times a minute, the agent {show('idle.agent_cpu_percent')} % and "
                     f"{show('idle.agent_wakeups_per_min')} times; both send heartbeats meanwhile.")
    return "\n\n".join(parts)


def readme_block(data, language, picture):
    words, medians = WORDS[language], data["medians"]
    busy = words["busy"].format(**data["about"]) if data["about"]["load"] > 1 else ""
    line_of_text = words["line"].format(
        busy=busy, **data["about"], **{shape: figures.number(medians[f"ingest.{shape}.reports_per_s"]["value"]) for shape in "bc"},
        p50=figures.number(medians["ingest.a.p50_ms"]["value"]))
    return words["plot"].format(picture) + "\n\n" + line_of_text


def replace_block(path, name, text):
    """Between `<!-- begin NAME … -->` and `<!-- end NAME -->`."""
    whole = path.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- begin {name}\b[^>]*-->\n).*?(<!-- end {name} -->)", re.S)
    changed, count = pattern.subn(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", whole)
    if count != 1:
        raise SystemExit(f"{path}: {count} blocks `{name}`, wanted one")
    path.write_text(changed, encoding="utf-8")
    return path


def publish(root, data):
    """Write everything; gives the paths."""
    pictures = {"ingest.svg": picture_of_shapes(data, "en"), "ingest.zh_CN.svg": picture_of_shapes(data, "zh"),
                "latency.svg": picture_of_latency(data)}
    if "outboxes.1.reports_per_s" in data["medians"]:
        pictures["outboxes.svg"] = picture_of_outboxes(data)
    if "disk.bytes_per_report" in data["medians"]:
        pictures["history.svg"] = picture_of_history(data)
    for name, svg in pictures.items():
        (root / "docs/img" / name).write_text(svg, encoding="utf-8")
    return [*(root / "docs/img" / name for name in pictures),
            replace_block(root / "docs/performance.md", "figures", figures_block(data)),
            replace_block(root / "README.md", "speed", readme_block(data, "en", "docs/img/ingest.svg")),
            replace_block(root / "README.zh-CN.md", "speed", readme_block(data, "zh", "docs/img/ingest.zh_CN.svg"))]
