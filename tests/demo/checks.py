# SPDX-License-Identifier: Apache-2.0
"""What must hold at the end of the demo. Each check is a function of what the programs printed: it returns what
is wrong, a list of sentences, empty when all is well. It never asks a process."""
import datetime
import hashlib

# What both an alert received and a row of the alert log say.
SAME_IN_BOTH = ("kind", "topic", "audience", "role", "obligation", "duty", "period", "bearer", "group", "level",
                "missed", "rehearsal", "ledger_row")
INSTANTS_IN_BOTH = ("instant", "fired", "due")


def _same_instant(one, other):
    if not one or not other:
        return not one and not other
    return datetime.datetime.fromisoformat(one) == datetime.datetime.fromisoformat(other)


def receipts(queued, stored):
    """Every report that an agent queued has a receipt, and stands under it in the broker, once; and the broker
    holds nothing else. `queued`: unit → rows of `muster-agent receipts`; `stored`: rows of `musterctl reports`."""
    wrong = []
    by_receipt = {}
    for row in stored:
        if row["receipt"] in by_receipt:
            wrong.append(f"receipt {row['receipt']} was given twice")
        by_receipt[row["receipt"]] = row
    unclaimed = set(by_receipt)
    for unit, rows in queued.items():
        if [row["number"] for row in rows] != list(range(1, len(rows) + 1)):
            wrong.append(f"{unit}: the outbox is not numbered 1 to {len(rows)}")
        for row in rows:
            name = f"{unit} {row['number']} ({row['act']} {row['duty'] or row['obligation']} {row['period']})"
            held = by_receipt.get(row["receipt"])
            if row["state"] not in ("received", "refused") or not row["receipt"]:
                wrong.append(f"{name}: not acknowledged, {row['state']}")
            elif held is None:
                wrong.append(f"{name}: receipt {row['receipt']}, and the broker does not have it")
            elif row["receipt"] not in unclaimed:
                wrong.append(f"{name}: receipt {row['receipt']} is another report's too")
            else:
                unclaimed.discard(row["receipt"])
                for key, own in (("unit", unit), ("act", row["act"]), ("duty", row["duty"]),
                                 ("period", row["period"]), ("bytes", row["bytes"])):
                    if held[key] != own:
                        wrong.append(f"{name}: the broker has {key} {held[key]!r}")
    wrong += [f"receipt {number}: no agent queued it" for number in sorted(unclaimed)]
    return wrong


def alerts(watched, logged, told):
    """The office's watch received every alert of the log, once, in order and the same. `told`: how many the
    broker says that there are."""
    wrong = []
    if len(logged) != told:
        wrong.append(f"the broker counts {told} alerts and lists {len(logged)}")
    for name, rows in (("received", watched), ("logged", logged)):
        numbers = [row["number"] for row in rows]
        if numbers != list(range(1, len(logged) + 1)):
            odd = sorted(set(range(1, len(logged) + 1)) - set(numbers)) or "some twice, or not in order"
            wrong.append(f"alerts {name} are not 1 to {len(logged)} without a gap: {odd}")
    ids = [row["id"] for row in watched]
    if len(set(ids)) != len(ids):
        wrong.append("an alert came twice under two numbers")
    for row, other in zip(watched, logged):
        # What is not there is null in one and empty in the other.
        differs = [key for key in (*SAME_IN_BOTH, "reason") if row[key] != other[key] and (row[key] or other[key])]
        differs += [key for key in INSTANTS_IN_BOTH if not _same_instant(row[key], other[key])]
        if differs:
            wrong.append(f"alert {row['number']} differs from the log in {', '.join(differs)}")
    return wrong


def ledger(verified, replayed, stored, logged):
    """The broker verified the chain, it holds as many reports and alerts as were listed, and the year that it gives
    when it is replayed is the same."""
    wrong = []
    if verified["chain"] != "ok":
        wrong.append(f"the ledger's chain: {verified['chain']}")
    for key, rows in (("reports", stored), ("alerts", logged)):
        if int(verified[key]) != len(rows):
            wrong.append(f"the ledger has {verified[key]} {key}, the list {len(rows)}")
    if int(replayed["differences"]) != 0 or int(replayed["alerts"]) != len(logged):
        wrong.append(f"the replayed year has {replayed['alerts']} alerts and {replayed['differences']} differences")
    if int(verified["security"]) != 0:
        wrong.append(f"the ledger holds {verified['security']} security events")
    return wrong


def tasks(rows, changes, first, following, owners, issue_number, record_numbers):
    """Every task of both years stands, under the number of its issue or of its plan's record, signed for by its owner;
    those of 2023 are done. `changes`: what the second version of a list changed, which is one figure."""
    wrong = []
    found = {row["id"]: row for row in rows}
    leads = dict(zip(("g1", "g2", "g3", "g4", "g5"), record_numbers.values()))
    if set(found) != {*first, *following}:
        wrong.append(f"tasks: {sorted(set(found) ^ {*first, *following})} are there or missing")
    for number, (wanted, of) in {**{task: (area, 2023) for task, area in first.items()},
                                 **{task: (area, 2024) for task, area in following.items()}}.items():
        row = found.get(number, {})
        source = issue_number if of == 2023 else leads[number[:2]]
        told = tuple(row.get(key) for key in ("area", "owner", "year", "source", "signed_for", "percent"))
        due = (wanted, owners[wanted], of, source, True, 100 if of == 2023 else 0)
        if told != due:
            wrong.append(f"task {number}: {told}, wanted {due}")
    if [(row["change"], row["area"], row["field"]) for row in changes] != [("changed", "g3-4", "target")]:
        wrong.append(f"the second version of a list changed {changes}")
    return wrong


def _concerned(difficulty, lead_of):
    """Raiser, helpers and the leads of their groups; an owner that was not named is the raiser's lead."""
    units = {difficulty.raiser, *difficulty.helpers}
    return {f"unit:{unit}" for unit in units | {lead_of.get(unit, unit) for unit in units}} | {"office"}


def difficulties(rows, logged, wanted, lead_of):
    """Each that a report raised is there, was answered by whom it asked, in each round, and is solved by its raiser's
    word; whoever it concerns was told of each round once, and nobody else was."""
    wrong = []
    found = {row["id"]: row for row in rows}
    if set(found) != {d.id for d in wanted}:
        wrong.append(f"difficulties {sorted(found)}, wanted {[d.id for d in wanted]}")
    for d in wanted:
        row = found.get(d.id, {})
        told = tuple(row.get(key) for key in ("title", "raiser", "state", "round", "waiting", "outside"))
        if told != (d.title, d.raiser, "solved", len(d.rounds), 0, d.outside) or set(row.get("helpers", ())) != set(d.helpers):
            wrong.append(f"difficulty {d.id}: {row}, wanted {d}")
        replies = [(reply["unit"], reply["at"][:16].replace("T", " ")) for reply in row.get("replies", ())]
        if replies != [reply for turn in d.rounds for reply in sorted(turn.replies.items(), key=lambda row: row[1])]:
            wrong.append(f"difficulty {d.id}: replies {replies}")
        for kind in ("difficulty-raised", "difficulty-confirmed"):
            heard = [row["audience"] for row in logged if (row["kind"], row["obligation"]) == (kind, f"difficulty/{d.id}")]
            if sorted(heard) != sorted([*_concerned(d, lead_of)] * len(d.rounds)):
                wrong.append(f"difficulty {d.id}: {kind} to {sorted(heard)}")
    return wrong


def projects(rows, wanted):
    """What reports listed as won is there once, as it was said last. `wanted`: (unit, title) → what was said."""
    wrong = []
    found = {(row["owner"], row["title"]): row for row in rows}
    if len(found) != len(rows) or set(found) != set(wanted):
        wrong.append(f"projects {sorted((row['owner'], row['title']) for row in rows)}, wanted {sorted(wanted)}")
    for name, said in wanted.items():
        row = found.get(name, {})
        differs = [key for key in ("amount", "unit", "level", "remark") if row.get(key, "") != str(said.get(key, ""))]
        if differs:
            wrong.append(f"project {name}: {', '.join(differs)} in {row}, wanted {said}")
    return wrong


def verdict_of(row):
    return (row["work"], row["verdict"], row["days_late"], row["returns"], row["record_number"])


def verdicts(obligations, expected, extended):
    """What the broker judged is what the script expects, and no more was judged."""
    wrong = []
    found = {row["id"]: row for row in obligations}
    for name, wanted in expected.items():
        row = found.get(name)
        if row is None:
            wrong.append(f"{name}: not there")
        elif verdict_of(row) != wanted:
            wrong.append(f"{name}: {verdict_of(row)}, wanted {wanted}")
    wrong += [f"{name}: judged {row['verdict']} out of turn" for name, row in found.items()
              if row["verdict"] and name not in expected]
    for name, row in found.items():
        due, original = extended.get(name, (None, None))
        if due and (row["due"], row["original_due"]) != (due, original):
            wrong.append(f"{name}: due {row['due']}, originally {row['original_due']}; wanted {due}, {original}")
        elif not due and row["due"] != row["original_due"]:
            wrong.append(f"{name}: its due date was moved")
    return wrong


def verdict_digest(obligations):
    """The same for the same verdicts, whatever the receipts, ports and processes were."""
    lines = sorted("\t".join(map(str, (row["id"], row["due"], *verdict_of(row)))) for row in obligations)
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()
