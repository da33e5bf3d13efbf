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
          "row": "1", "head": "0" * 64}
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
        equal(world.verify_ledger()["report"], "30", "reports, none twice")


def test_honest_agent_that_is_too_fast_waits_and_loses_nothing():
    honest_agent_gets_through({"rate_messages": 10, "rate_burst": 12}, "x")


def test_honest_agent_that_sends_too_much_waits_and_loses_nothing():
    honest_agent_gets_through({"rate_bytes": 4096, "rate_bytes_burst": 6000}, "x" * 600)


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
