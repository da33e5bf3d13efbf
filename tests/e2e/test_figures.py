#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Figures, summed by the broker and by hand: invented reports over three quarters, some of them returned and
corrected, voided, refused or never made. What `musterctl figures` says must be what Python's decimals say of the bodies
that this suite knows to count."""
import csv
import decimal
import io
import random

import test_forms
import harness
from harness import check, equal

SEED = 20260331
PERIODS = ("2026Q1", "2026Q2", "2026Q3")
GROUPS = {"north-1": "north", "north-2": "north", "north-3": "north", "south-1": "south", "south-2": "south"}
LEADS, MEMBERS = ("north-1", "south-1"), ("north-2", "north-3", "south-2")
AREAS = {"north-1": ("roads", "schools"), "south-1": ("farms",)}
DECIMALS = {"money": 2, "people": 0, "rate": 1, "areas.spent": 2}
HEADER = test_forms.BODY["header"]
# Each quarter's own days: within them everything is open, and none is locked.
OPEN_ON = {"2026Q1": "2026-03-20", "2026Q2": "2026-06-20", "2026Q3": "2026-09-20"}


def invent(random_, unit):
    number = lambda most, decimals: str(decimal.Decimal(random_.randrange(most * 10**decimals)).scaleb(-decimals))
    body = {"header": HEADER, "summary": "as it is", "money": number(5000, 2)}
    if random_.random() < 0.8:
        body["people"] = random_.randrange(10**6)
    if unit in LEADS:
        if random_.random() < 0.8:
            body["rate"] = number(100, 1)
        body["areas"] = [{"area": area, "spent": number(900, 2)} for area in AREAS[unit]]
    return body


def values_of(body):
    """(field, value) of each figure in a body, by this suite's own reading."""
    for field in ("money", "people", "rate"):
        if field in body:
            yield field, decimal.Decimal(str(body[field]))
    for row in body.get("areas", ()):
        yield "areas.spent", decimal.Decimal(row["spent"])


def plain(value, decimals):
    rounded = value.quantize(decimal.Decimal(1).scaleb(-decimals), decimal.ROUND_HALF_UP)
    return f"{rounded:.{decimals}f}" if rounded else f"{0:.{decimals}f}"


def by_hand(counted, by):
    """{(duty, period, group, unit, field): what is told of it}, from {(duty, period, unit): body}."""
    found = {}
    for (duty, period, unit), body in counted.items():
        key = (duty, GROUPS[unit] if by != "period" else "", unit if by == "unit" else "")
        fields = DECIMALS if duty == "quarterly" else ("money", "people")
        for field in fields:
            found.setdefault((key, period, field), [0, []])[0] += 1
        for field, value in values_of(body):
            found[key, period, field][1].append(value)
    rows = {}
    for (key, period, field), (reports, values) in found.items():
        before = PERIODS[PERIODS.index(period) - 1] if period != PERIODS[0] else None
        earlier = found.get((key, before, field))
        digits, percent = DECIMALS[field], field == "rate"
        row = {"reports": reports, "count": len(values), "sum": "", "mean": "", "min": "", "max": "", "was": "", "change": "",
               "previous": before if earlier else ""}
        if values:
            mean = lambda of: decimal.Decimal(plain(sum(of) / len(of), digits + 2))
            row.update(mean=plain(mean(values), digits + 2), min=plain(min(values), digits), max=plain(max(values), digits))
            row["sum"] = "" if percent else plain(sum(values), digits)
            if earlier and earlier[1]:
                now, was = (mean(values), mean(earlier[1])) if percent else (sum(values), sum(earlier[1]))
                row["was"], row["change"] = (plain(n, digits + 2 * percent) for n in (was, now - was))
        rows[(key[0], period, key[1], key[2], field)] = row
    return rows


def act(world, *args):
    world.must("musterctl", *args)


def report_all(world, random_):
    """Everybody reports, quarter by quarter; returns the bodies that count."""
    clients = {unit: world.client(f"unit:{unit}") for unit in GROUPS}
    counted = {}
    for period in PERIODS:
        world.clock_run(OPEN_ON[period])
        for unit in GROUPS:
            duty = "quarterly" if unit in LEADS else "exchange"
            id, key = f"{duty}/{period}/{unit}", (duty, period, unit)
            if unit == "south-2" and period == "2026Q2":
                continue  # never made
            body = invent(random_, unit)
            equal(clients[unit].submit(duty, period, body)["code"], "ok", id)
            counted[key] = body
            if random_.random() < 0.4:
                act(world, "review", id, "--return", "--reason", "look again")
                wrong = {**body, "money": "-1"}
                equal(clients[unit].submit(duty, period, wrong)["code"], "form", "a wrong correction")
                counted.pop(key)
                if random_.random() < 0.85:
                    counted[key] = invent(random_, unit)
                    equal(clients[unit].submit(duty, period, counted[key])["code"], "ok", "a correction")
            if key in counted and random_.random() < 0.12:
                act(world, "void", id, "--reason", "not signed")
                counted.pop(key)
    return clients, counted


def told(world, by, *args):
    rows = {}
    for row in world.ctl("figures", "--by", by, *args):
        key = tuple(row[name] for name in ("duty", "period", "group", "unit", "field"))
        check(key not in rows, f"{key} comes twice")
        rows[key] = {name: row[name] for name in ("reports", "count", "sum", "mean", "min", "max", "was", "change", "previous")}
    return rows


def test_sums_are_what_decimals_say():
    for seed in (SEED, SEED + 1):
        with test_forms.forms("figures") as world:
            clients, counted = report_all(world, random.Random(seed))
            check(len(counted) >= 6, f"only {len(counted)} reports count")
            compared = 0
            for by in ("unit", "group", "period"):
                expected, found = by_hand(counted, by), told(world, by)
                equal(sorted(found), sorted(expected), f"rows by {by}, seed {seed}")
                for key, row in expected.items():
                    equal(found[key], row, f"{key} by {by}, seed {seed}")
                compared += len(expected)
            print(f"seed {seed}: {len(counted)} reports, {compared} rows of figures compared")
            some = told(world, "group", "--field", "money", "--period", "2026Q2", "--group", "north", "--duty", "quarterly")
            equal(some, {key: row for key, row in by_hand(counted, "group").items()
                         if key[:3] == ("quarterly", "2026Q2", "north") and key[4] == "money"}, "what was asked for")
            lines = list(csv.DictReader(io.StringIO(world.must("musterctl", "figures", "--by", "unit", "--csv"))))
            equal(len(lines), len(by_hand(counted, "unit")), "lines of CSV")
            contents = {(row["duty"], row["period"], row["unit"]): row["body"] for row in world.ctl("contents")}
            equal(contents, counted, "contents")
            check_who_reads(clients, counted)


def check_who_reads(clients, counted):
    """A member its own, a lead its group's; nobody another group's."""
    for unit, sees in (("north-2", {"north-2"}), ("south-1", {"south-1", "south-2"})):
        rows = clients[unit].request("contents", {})
        equal({row["unit"] for row in rows}, {key[2] for key in counted} & sees, f"contents for {unit}")


def test_what_cannot_be_summed_by_is_refused():
    with test_forms.forms("figures") as world:
        equal(world.ctl("figures"), [], "without reports")
        for args in (("--by", "colour"), ("--duty", "quartely"), ("--unit", "nobody")):
            check(world.run("musterctl", "figures", *args).returncode != 0, f"{args} was taken")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_") and callable(test)])
