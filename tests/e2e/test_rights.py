#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The authorisation table over the real sockets: every command that the broker takes, asked with a key of each
role, is denied where the broker's own table (`musterctl rights`) says nobody and nowhere else. And limits per
key: who is too fast is told to slow down, is counted, and loses nothing."""
import re

import harness
import muster_client as mc
from harness import World, check, equal, wait_for

OBLIGATION = "task-list/once/jxj"
ROLES = {"unit": "unit:rsj", "lead": "unit:jxj", "office": "office:o", "director": "director:d", "viewer": "viewer:v", "admin": "admin:a"}
# Whatever a command needs to come as far as the question of who may.
VALUES = {"obligation": OBLIGATION, "reason": "r", "until": "2023-02-01", "successor": "task-list/once/jtj", "name": "n", "receipt": "1",
          "alert": "1", "period": "2023Q1", "unit": "czj", "who": "unit:nobody-of-that-name", "number": "1",
          "row": "1", "head": "0" * 64, "act": "urge"}
WHAT = {"ledger": "head", "clock": "show", "export": "report"}


def answer(client, verb, args):
    try:
        client.request(verb, args)
        return "ok"
    except mc.MusterError as error:
        return error.code


def test_every_command_asked_by_every_role_goes_by_the_table():
    with World("rights", rehearse="2022-12-05", settings={"log_rate": 10000}) as world:
        world.broker.start()
        world.client("jxj").submit("task-list", "once", harness.task_list("x"))
        table = [row for row in world.ctl("rights") if row["verbs"]]
        clients = {role: world.client(who if not who.startswith("unit:") else who[5:], kind="ctl", name="rights")
                   for role, who in ROLES.items()}
        cells = wrong = denied = 0
        for row in table:
            for verb in row["verbs"].split():
                for role, client in clients.items():
                    args = arguments(verb)
                    code = answer(client, verb, args)
                    cells += 1
                    denied += code == "denied"
                    check(code not in ("usage", "protocol", "internal"), f"{verb} {args} by {role} came to {code}: not as far as its rights")
                    # A lead is a unit, too. What is open within a scope may be denied or not: other suites walk those.
                    scopes = {row[role], row["unit"] if role == "lead" else row[role]}
                    if (code == "denied") if "any" in scopes else (code != "denied") if scopes == {"none"} else False:
                        wrong += 1
                        print(f"  wrong: {verb} by {role}: {code}, the table says {row[role]}")
        print(f"  {cells} cells, {denied} denied, {wrong} wrong")
        equal(wrong, 0, "cells that the table does not bear out")
        check(cells > 150 and denied > 50, f"{cells} cells, {denied} denied: too few to mean anything")
        world.verify_ledger()


def arguments(verb):
    """From admin.def, the table that the program itself is made of: what is REQUIRED of this command."""
    text = (harness.SOURCE / "proto" / "admin.def").read_text(encoding="utf-8")
    name = re.search(rf'COMMAND\((\w+), "{verb}"', text).group(1)
    names = re.findall(rf'ARG\({name}, ([\w-]+), \w+, REQUIRED', text)
    args = {name: VALUES.get(name, "x") for name in names if name != "out"}
    if "what" in args:
        args["what"] = WHAT[verb]
    # Not required by themselves, and needed to come so far.
    args.update({"extend": {"until": "2023-02-01"}, "export": {"number": "1"}}.get(verb, {}))
    return args


# ---- cells that are open within a scope ----

# Who asks, and about whom: its own unit, its own group's lead and another member, another group's lead and
# member, a unit outside all groups.
ASKERS = {"unit": ("rsj", "unit"), "lead": ("jxj", "lead"), "viewer": ("viewer:v", "viewer")}
ABOUT = ("rsj", "jxj", "swj", "jtj", "fgw", "czj", "jnx")
GROUPS = {"rsj": "g1", "jxj": "g1", "swj": "g1", "jtj": "g2", "fgw": "g2", "czj": "g4", "jnx": ""}
# A command that names whose matter it is, and the arguments that name it.
ONE = {"show": lambda unit: {"obligation": post_of(unit)}, "explain": lambda unit: {"alert": post_of(unit)},
       "brief": lambda unit: {"unit": unit}}
RECEIPT = {"report": lambda receipt: {"receipt": receipt}, "export": lambda receipt: {"what": "report", "number": receipt}}
POSTS = ("unit-contacts", "county-leader", "county-liaison", "county-department")
# A command that lists: where each row names whose it is.
LISTS = {"obligations": ("bearer", {}), "outlook": ("id", {"all": "", "days": "400"}), "calendar": ("bearer", {}), "reports": ("unit", {}),
         "contents": ("unit", {}), "units": ("id", {}), "alerts": ("bearer", {})}


def post_of(unit):
    return f"unit-contacts/once/{unit}" if unit != "jnx" else "county-leader/once/jnx"


def covers(scope, asker, unit):
    """What a word of the table means, said once more. Nobody is a liaison here, no grant opens anything, and the
    viewer is one whom the programme does not list."""
    return scope == "any" or (scope in ("own", "served") and asker == unit) or \
        (scope in ("group", "shared") and GROUPS.get(asker) == GROUPS[unit] != "")


def scopes(table, verb, role, duty):
    """How a group's work goes is open to it beyond what the command itself asks for; who holds which post is not."""
    actions = [table[verb]]
    if verb in ("obligations", "reports") and duty not in POSTS:
        actions.append(table["tasks"])
    return {action[column] for action in actions for column in {role, "unit" if role == "lead" else role}}


def ask(client, verb, args):
    try:
        return "ok", client.request(verb, args)
    except mc.MusterError as error:
        return error.code, []


def listed(rows, field):
    """Whose matters of which duty; those of the unit outside are of the group that each names, or of none."""
    found = set()
    for row in rows:
        unit = (row.get(field) or "").split("/")[-1]
        if GROUPS.get(unit):
            found.add((unit, row.get("duty", "")))
    return found


def test_scopes_end_where_the_table_says():
    with World("rights", rehearse="2022-12-05", settings={"log_rate": 10000}) as world:
        world.broker.start()
        receipts = {}
        for unit in ("rsj", "jxj", "swj", "jtj", "fgw", "czj"):
            writer = world.client(unit)
            seq = writer.queue("fill", duty="unit-contacts", period="once", body={"post": "clerk", "name": "N", "phone": "1"})
            writer.push_waiting()
            receipts[unit] = str(writer.wait_receipt(seq)["row"])
        world.clock_run("2023-01-20")
        table = {verb: row for row in world.ctl("rights") for verb in row["verbs"].split()}
        office = world.client("office:o", kind="ctl", name="rights")
        everything = {verb: ask(office, verb, args)[1] for verb, (_, args) in LISTS.items()}
        cells = open_cells = 0
        for role, (who, _) in ASKERS.items():
            client = world.client(who, kind="ctl", name="rights")
            questions = [(verb, unit, make(unit)) for verb, make in ONE.items() for unit in ABOUT] + \
                        [(verb, unit, make(receipt)) for verb, make in RECEIPT.items() for unit, receipt in receipts.items()]
            for verb, unit, args in questions:
                may = any(covers(table[verb][column], who, unit) for column in {role, "unit" if role == "lead" else role})
                code, _ = ask(client, verb, args)
                cells, open_cells = cells + 1, open_cells + may
                # What may not be read is denied or not there.
                equal(code == "ok", may, f"{verb} {args} by {role} {who}, of {table[verb]}: {code}")
            for verb, (field, args) in LISTS.items():
                there = listed(everything[verb], field)
                check(len({unit for unit, _ in there}) > 2 or verb == "contents", f"{verb} lists {there} for the office: too little")
                may = {(unit, duty) for unit, duty in there if any(covers(scope, who, unit) for scope in scopes(table, verb, role, duty))}
                code, rows = ask(client, verb, args)
                cells, open_cells = cells + len(there), open_cells + len(may)
                equal(listed(rows, field), may, f"what {verb} ({code}) shows to {role} {who}")
        print(f"  {cells} cells within scopes, {open_cells} open")
        check(cells > 200 and 40 < open_cells < cells - 40, f"{cells} cells, {open_cells} open: too few to mean anything")


# ---- limits ----

def honest_agent_gets_through(settings, text):
    with World("limits", rehearse="2022-12-05", settings={"log_rate": 5, **settings}) as world:
        world.broker.start()
        agent = world.agent("jxj", start=False, run_reports=1, reconnect_max=3000)
        agent.start()
        for number in range(30):
            agent("progress", "task-list", "once", "--text", f"{number} {text}")
        wait_for(lambda: agent.json("status")["acknowledged"] == 30, "every report to arrive", 100)
        equal({row["state"] for row in agent.json("receipts")}, {"received"}, "states")
        check(int(world.ctl("status")["refused_rate"]) > 0, "nobody was too fast")
        world.broker.wait_log(r"refused principal=unit:jxj address=127\.0\.0\.1 reason=rate")
        agent.wait_log(r"session-closed code=rate")
        equal(world.verify_ledger()["reports"], "30", "reports, none twice")


def test_honest_agent_that_is_too_fast_waits_and_loses_nothing():
    honest_agent_gets_through({"rate_messages": 10, "rate_burst": 12}, "x")


def test_honest_agent_that_sends_too_much_waits_and_loses_nothing():
    honest_agent_gets_through({"rate_bytes": 4096, "rate_bytes_burst": 6000}, "x" * 600)


def test_unit_that_fills_the_database_waits_for_the_next_day_and_loses_nothing():
    # A new outbox counts as 64 KiB, a report as its bytes and 256: after it some ten reports are a day's.
    with World("limits", rehearse="2022-12-05", settings={"log_rate": 10000, "growth_bytes_day": 65536 + 5000}) as world:
        world.broker.start()
        agent = world.agent("jxj", start=False, run_reports=1, reconnect_max=1000)
        other = world.client("jtj")
        agent.start()
        for number in range(30):
            agent("progress", "task-list", "once", "--text", f"{number} {'x' * 100}")
        agent.wait_log(r"session-closed code=quota")
        taken = agent.json("status")["acknowledged"]
        check(1 <= taken <= 5000 // (256 + 100), f"{taken} reports of a day")
        check(int(world.ctl("status")["refused_quota"]) > 0, "nobody was refused")
        alert, = world.ctl("alerts", "--kind", "quota-reached")
        check("growth_bytes_day" in world.must("musterctl", "explain", alert["number"]), "explained")
        for text in ("another unit", "goes on"):
            seq = other.queue("progress", duty="task-list", period="once", body={"text": text})
            other.push_waiting()
            equal(other.wait_receipt(seq)["code"], "ok", "another unit's report")
        equal(agent.json("status")["acknowledged"], taken, "reports of the same day")
        for day in ("2022-12-06", "2022-12-07", "2022-12-08"):
            world.clock_run(day)
        wait_for(lambda: agent.json("status")["acknowledged"] == 30, "every report to arrive", 100)
        equal({row["state"] for row in agent.json("receipts")}, {"received"}, "states")
        equal(world.verify_ledger()["reports"], "32", "reports, none twice")
        world.must("musterctl", "replay")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
