#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a newcomer does wrong, and what Muster says then: it names the thing, and the hint fits who asked."""
import harness
from harness import World, check, equal


def said(world, *words, code=1):
    """What a command that must fail says, in one line."""
    done = world.run("musterctl", *words)
    equal(done.returncode, code, " ".join(words))
    return " ".join(done.stderr.split())


def test_runtime_directory_may_lie_in_the_data_directory():
    with World("nested", rehearse="2023-01-01") as world:
        world.broker.argv += ["--set", "data_dir=r", "--set", "runtime_dir=r/run"]
        world.broker.start()
        check((world.dir / "r" / "run" / "lock").exists(), "no runtime directory")


def test_lost_keys_are_not_replaced():
    with World("lost-keys", rehearse="2023-01-01") as world:
        world.broker.start()
        world.broker.stop()
        keys = world.broker.data_dir / "broker.keys"
        kept = keys.read_bytes()
        keys.unlink()
        world.broker.start(ready=False)
        equal(world.broker.wait(), 1, "exit code")
        check("keys are missing" in world.broker.log() and str(keys) in world.broker.log(), world.broker.log())
        check(not keys.exists(), "new keys were made")
        keys.write_bytes(kept)
        keys.chmod(0o600)
        world.broker.start()


def test_overdue_has_the_escalated_and_nothing_that_is_handed_in():
    with World("phases", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-04-10T10:00")
        client = world.client("unit:jxj")
        client.submit("quarterly-progress", "2023Q1", {"text": "late"})
        world.must("musterctl", "waive", "quarterly-progress/2023Q1/jtj", "--reason", "flood")
        world.clock_run("2023-05-10T10:00")
        every = world.ctl("obligations")
        owing = [row["id"] for row in every if row["work"] in ("awaiting", "returned")]
        late = [row["id"] for row in every if row["id"] in owing and row["phase"] in ("overdue", "escalated")]
        check(any(row["phase"] == "escalated" for row in every if row["id"] in late), "nothing is escalated")
        equal([row["id"] for row in world.ctl("obligations", "--phase", "overdue")], late, "overdue")
        equal([row["id"] for row in world.ctl("obligations", "--phase", "escalated")],
              [row["id"] for row in every if row["id"] in late and row["phase"] == "escalated"], "escalated")
        waived = [line for line in world.must("musterctl", "obligations", "--work", "waived").splitlines()
                  if "2023Q1/jtj" in line]
        equal([" - " in line for line in waived], [True], "the waived one's phase in the table")
        check("refused_peers" in world.ctl("status"), "status")
        check("Owed" in world.must("musterctl", "assess", "--period", "2023Q1"), "assess")


if __name__ == "__main__":
    harness.main(test_runtime_directory_may_lie_in_the_data_directory, test_lost_keys_are_not_replaced,
                 test_overdue_has_the_escalated_and_nothing_that_is_handed_in)
