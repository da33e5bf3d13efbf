#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Evidence that outlives the broker: a report with its unit's signature, a receipt, an alert and a ledger's
head with the broker's, each in a file that is checked in an empty directory with nothing but the signer's
key, by musterctl and by an independent client. Every change to such a file is found; so are verifiers that
skip the chain or the signature."""
import datetime
import json
import pathlib
import re
import subprocess
import tempfile

import harness
import muster_client as mc
from harness import World, check, equal, wait_for

PERIOD = "2022"


def verify(path, key, mutant=None, language="en", zone="UTC", options=("--json",)):
    """musterctl verify, alone: a directory of its own with one file, no broker, no home."""
    with tempfile.TemporaryDirectory(prefix="muster-alone-") as directory:
        alone = pathlib.Path(directory) / "proof.json"
        alone.write_text(pathlib.Path(path).read_text(encoding="utf-8"), encoding="utf-8")
        env = {"TZ": zone, "HOME": directory, "MUSTER_SOCKET": directory + "/nowhere", **({"MUSTER_MUTANT": mutant} if mutant else {})}
        return subprocess.run([harness.BIN / "musterctl", "verify", alone.name, "--key", key, *options], cwd=directory,
                              env=harness.environment(env, language), capture_output=True, text=True, timeout=60, check=False)


def is_valid(path, key):
    """Both verifiers say so; gives what the proof says."""
    done = verify(path, key)
    equal((done.returncode, done.stderr), (0, ""), f"musterctl verify {path}")
    equal(mc.verify_proof(json.loads(pathlib.Path(path).read_text(encoding="utf-8")), key), None, "the other verifier")
    said = json.loads(done.stdout)
    equal(said["result"], "valid", "result")
    return said


def is_refused(proof, key, why, what):
    """Neither verifier takes it."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(proof, file)
        file.flush()
        done = verify(file.name, key)
    check(done.returncode == 1 and why in done.stderr, f"{what}: exit {done.returncode}: {done.stdout}{done.stderr}")
    check(mc.verify_proof(proof, key) is not None, f"{what}: the other verifier takes it")


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def flip(text):
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def fingerprint(key):
    return mc.H(bytes.fromhex(key)).hex()[:16]

# Every report lies in a file beside the database, as those of large batches do.
IN_FILES = {"bulk_bytes": 1}


class Evidence:
    """A broker, a unit with some reports in one run, and all four kinds of proof in files."""
    def __init__(self, world):
        self.world = world
        world.broker.start()
        agent = self.agent = world.agent("jxj", start=False)
        agent.start()
        wait_for(lambda: agent.json("status")["connected"], "the session")
        world.broker.kill()  # so that they wait, and go out as one run
        for text in ("one", "two", "three"):
            agent("progress", "task-list", "once", "--text", text)
        world.broker.start()
        wait_for(lambda: agent.json("status")["acknowledged"] == 3, "receipts")
        world.clock_run("2023-01-05")
        wait_for(lambda: agent.json("inbox"), "an alert")
        self.receipts = {row["number"]: row["receipt"] for row in agent.json("receipts")}
        self.broker_key = agent.json("status")["broker_sign_key"]
        keys = (agent.home / "keys").read_text(encoding="utf-8")
        self.unit_key = re.search(r"sign-public: (\w+)", keys).group(1)

    def export(self, kind, number=None):
        path = self.world.dir / f"{kind}-{number}.json"
        words = [kind] if number is None else [kind, number]
        self.world.must("musterctl", "export", *words, "--out", path)
        equal(path.stat().st_mode & 0o777, 0o600, "mode")
        return path

    def export_own(self, command, number):
        path = self.world.dir / f"own-{command}-{number}.json"
        self.agent(command, "--export", number, "--out", path)
        equal(path.stat().st_mode & 0o777, 0o600, "mode")
        return path


def check_changes(proof, key, fields):
    """Each change is found."""
    for field, change, why in fields:
        bad = json.loads(json.dumps(proof))
        bad[field] = change(bad[field])
        is_refused(bad, key, why, f"{proof['kind']} with another {field}")
    is_refused(proof, flip(key), "another key", "another key")


SIGNATURE, CHAIN = "signature", "chain"


def test_report_is_proved_offline():
    with World("evidence", rehearse="2022-12-05", settings=IN_FILES) as world:
        e = Evidence(world)
        for number in (1, 2, 3):
            path = e.export("report", e.receipts[number])
            proof = load(path)
            equal(len(proof["reports"]), 4 - number, "reports to the signed head")
            for key in (e.unit_key, fingerprint(e.unit_key)):
                said = is_valid(path, key)
                equal((said["unit"], said["act"], said["sequence"]), ("jxj", "progress", str(number)), "what it says")
            check_changes(proof, e.unit_key, [
                ("reports", lambda reports: [flip(reports[0]), *reports[1:]], CHAIN),
                ("reports", lambda reports: [*reports, reports[0]], CHAIN),
                ("prev", flip, CHAIN), ("sequence", lambda n: n + 1, CHAIN), ("head", flip, CHAIN),
                ("outbox", flip, CHAIN if number == 1 else SIGNATURE), ("sig", flip, SIGNATURE)])
        # Behind an outbox's first report nothing bears the envelope's words out, so they are not repeated.
        other = world.dir / "other.json"
        other.write_text(json.dumps({**proof, "unit": "rsj", "programme": "elsewhere"}), encoding="utf-8")
        said = is_valid(other, e.unit_key)
        equal((said["unit"], said.get("programme")), ("jxj", None), "the unit that the report names")
        # The chain made good again: then it is not what was signed.
        bad = {**proof, "reports": [flip(proof["reports"][0])]}
        bad["head"] = mc.link(bytes.fromhex(bad["prev"]), 3, bytes.fromhex(bad["reports"][0])).hex()
        is_refused(bad, e.unit_key, SIGNATURE, "another report with its chain made good")
        # Somebody else's key, named as the file's own.
        is_refused({**proof, "sign_key": e.broker_key}, e.broker_key, SIGNATURE, "another signer")
        again = world.run("musterctl", "export", "report", e.receipts[3], "--out", path)
        check(again.returncode == 1, "an export overwrote a file")
        for wrong in (["report", 999999], ["report", e.receipts[3] + 1], ["report"], ["alert", 0], ["alert", 999]):
            done = world.run("musterctl", "export", *wrong, "--out", world.dir / "wrong.json")
            check(done.returncode in (1, 2) and not (world.dir / "wrong.json").exists(), f"{wrong}: {done}")
        # A verifier that skips a step takes what is false: the tests above would notice.
        false = world.dir / "false.json"
        false.write_text(json.dumps({**proof, "reports": [flip(proof["reports"][0])]}), encoding="utf-8")
        equal(verify(false, e.unit_key, "verify-skips-chain").returncode, 0, "the mutant that skips the chain")
        false.write_text(json.dumps({**proof, "sig": flip(proof["sig"])}), encoding="utf-8")
        equal(verify(false, e.unit_key, "verify-skips-signature").returncode, 0, "the mutant that skips the signature")


def test_instants_of_a_proof_are_in_the_readers_zone():
    with World("evidence", rehearse="2022-12-05", settings=IN_FILES) as world:
        e = Evidence(world)
        alert = e.export_own("inbox", 1)
        zones = (("UTC", "+00:00"), ("Asia/Shanghai", "+08:00"), ("America/New_York", "-05:00"))
        told = {zone: json.loads(verify(alert, e.broker_key, zone=zone).stdout)["fired"] for zone, _ in zones}
        equal(len({datetime.datetime.fromisoformat(text) for text in told.values()}), 1, "one instant")
        for zone, offset in zones:
            check(told[zone].endswith(offset), f"{zone}: {told[zone]}")
            shown = verify(alert, e.broker_key, zone=zone, options=()).stdout
            check(re.search(rf"(?m)^Fired +\d{{4}}-\d\d-\d\d \d\d:\d\d {re.escape(offset)}$", shown), shown)
        # Without TZ, the zone of a home, as for the agent's own commands.
        env = {key: value for key, value in harness.environment().items() if key != "TZ"}
        done = subprocess.run([harness.BIN / "musterctl", "--home", e.agent.home, "verify", alert, "--key", e.broker_key], env=env,
                              capture_output=True, text=True, timeout=60, check=False)
        check("+08:00" in done.stdout, done.stdout + done.stderr)


def test_receipt_is_proved_offline():
    with World("evidence", rehearse="2022-12-05", settings=IN_FILES) as world:
        e = Evidence(world)
        seq = e.agent.append(act="progress", duty="task-list", period="2099", body={"text": "of nothing that is owed"})
        wait_for(lambda: e.agent.json("receipts")[-1]["state"] != "queued", "the refusal")
        e.agent.kill()
        e.agent.start()  # what is kept outlives the process
        for number in (1, 3, seq):
            path = e.export_own("receipts", number)
            said = is_valid(path, e.broker_key)
            receipts = {row["number"]: row for row in e.agent.json("receipts")}
            equal((said["receipt"], said.get("refused", "")), (str(receipts[number]["receipt"]), receipts[number]["code"]), "what it says")
        check_changes(load(path), e.broker_key, [
            ("reports", lambda reports: [flip(reports[0]), *reports[1:]], CHAIN), ("head", flip, CHAIN),
            ("row", lambda n: n + 1, SIGNATURE), ("at", lambda at: at - 1, SIGNATURE), ("epoch", lambda n: n + 1, SIGNATURE),
            ("refused", lambda refused: [], SIGNATURE), ("programme", lambda text: text + "x", SIGNATURE), ("sig", flip, SIGNATURE)])
        done = e.agent.try_("receipts", "--export", 99, "--out", world.dir / "none.json")
        check(done.returncode == 1 and "99" in done.stderr, f"{done}")
        done = e.agent.try_("receipts", "--export", 99, "--out", world.dir / "none.json", language="zh_CN")
        check("99" in done.stderr and "nothing is kept" not in done.stderr, f"{done}")


def test_alert_and_head_are_proved_offline():
    with World("evidence", rehearse="2022-12-05", settings=IN_FILES) as world:
        e = Evidence(world)
        alert = e.agent.json("inbox")[0]
        own, office = e.export_own("inbox", alert["n"]), e.export("alert", alert["number"])
        equal(load(own), load(office), "the unit's proof and the office's")
        said = is_valid(own, e.broker_key)
        equal((said["number"], said["kind"], said["audience"]),
              (str(alert["number"]), alert["kind"], "unit:jxj"), "what it says")
        check_changes(load(own), fingerprint(e.broker_key), [
            ("bytes", flip, SIGNATURE), ("head", flip, SIGNATURE), ("row", lambda n: n + 1, SIGNATURE),
            ("epoch", lambda n: n + 1, SIGNATURE), ("programme", lambda text: text + "x", SIGNATURE), ("sig", flip, SIGNATURE)])
        head = e.export("head")
        equal(is_valid(head, e.broker_key)["row"], world.ctl("ledger", "head")["row"], "the ledger's head")
        check_changes(load(head), e.broker_key, [("head", flip, SIGNATURE), ("row", lambda n: n + 1, SIGNATURE)])
        # The independent client checks each alert of its stream.
        client = world.client("office:main", kind="watch", name="listen")
        client.subscribe(from_=0)
        for heard in client.alerts(5):
            mc.verify_alert(client.home.broker_sign_key, heard)
        # What one may not read, one cannot export.
        other = world.client("rsj", kind="ctl", name="ctl")
        for what, number in (("report", e.receipts[1]), ("alert", alert["number"])):
            try:
                other.request("export", {"what": what, "number": number})
                raise harness.Failure(f"another unit exported this {what}")
            except mc.MusterError as error:
                equal(error.code, "unknown", "code")
        world.verify_ledger()


def test_wrong_files_are_told_in_both_languages():
    with tempfile.TemporaryDirectory(prefix="muster-wrong-") as directory:
        path = pathlib.Path(directory) / "wrong.json"
        whole = {"muster-proof": 1, "kind": "head", "alg": mc.ALG, "programme": "p", "epoch": 0, "row": 1, "head": "00" * 32,
                 "sig": "00" * 64, "sign_key": "00" * 32}
        for text, word in (("{", "1:"), ("[]", "muster-proof"), ('{"muster-proof": 2}', "muster-proof"),
                           ('{"muster-proof": 1, "muster-proof": 1}', "1:34: "),
                           *((json.dumps({**whole, field: None}), field) for field in whole)):
            path.write_text(text, encoding="utf-8")
            for language in ("en", "zh_CN"):
                done = verify(path, "00" * 32, language=language)
                check(done.returncode in (1, 2) and word in done.stderr, f"{text} in {language}: {done.returncode} {done.stderr}")
        path.write_text(json.dumps(whole), encoding="utf-8")
        for key in ("", "zz" * 16, "00" * 7, "00" * 33):
            equal(verify(path, key).returncode, 2, f"--key {key!r}")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
