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


if __name__ == "__main__":
    harness.main(test_runtime_directory_may_lie_in_the_data_directory, test_lost_keys_are_not_replaced)
