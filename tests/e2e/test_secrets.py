#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Secrets stay where they are: key files that others may read are refused by every program; no secret stands in an
argument, an environment or a log; and no program that holds one leaves a core file, whatever the limits of
whoever started it say."""
import contextlib
import os
import pathlib
import re
import resource
import signal
import subprocess

import harness
from harness import World, check, equal, wait_for

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@contextlib.contextmanager
def world_with_homes():
    with World("secrets", rehearse="2022-12-05", settings={"log_rate": 10000}) as world:
        world.broker.start()
        yield world, world.home("jxj"), world.home("office:main")


def refused(world, home, what, wanted):
    for program, words in (("muster-agent", ("run",)), ("muster-watch", ("--timeout", 1)), ("musterctl", ("--timeout", 2, "status"))):
        done = world.run(program, "--home", home, *words, timeout_s=20)
        check(done.returncode not in (0, -9) and re.search(wanted, done.stderr), f"{program}, {what}: {done}")


def test_key_files_that_others_may_read_are_refused():
    with world_with_homes() as (world, unit, office):
        keys = office / "keys"
        equal(keys.stat().st_mode & 0o777, 0o600, "mode as it was made")
        for mode in (0o640, 0o604, 0o620, 0o602, 0o610, 0o666):
            keys.chmod(mode)
            refused(world, office, oct(mode), rf"others may read or write it \(mode {mode:04o}\)")
        keys.chmod(0o600)
        keys.rename(office / "elsewhere")
        keys.symlink_to(office / "elsewhere")
        refused(world, office, "a link", "keys")
        keys.unlink()
        (office / "elsewhere").rename(keys)
        office.chmod(0o770)
        refused(world, office, "a directory for all", "others may write to")
        office.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(keys, 65534, -1)
            refused(world, office, "another's", "belongs to user 65534")
            os.chown(keys, 0, -1)
        world.must("musterctl", "--home", office, "status")
        world.broker.stop()
        (world.broker.data_dir / "broker.keys").chmod(0o640)
        world.broker.start(ready=False)
        check(world.broker.wait() != 0 and "others may read or write it" in world.broker.log(), world.broker.log())


# ---- four programs that hold secrets ----

@contextlib.contextmanager
def four_programs():
    """Running, with a hook each where they have one: musterctl waits for a clock."""
    with world_with_homes() as (world, unit, office):
        admin = world.home("admin:a")
        hook = f"(cat; env) >> {world.dir}/hooked"
        (unit / "agent.yaml").open("a", encoding="utf-8").write(f'hook: "{hook}"\n')
        agent = harness.Agent(world, "jxj", unit).start()
        watch = world.add(harness.Program(world, "watch", [harness.BIN / "muster-watch", "--home", office, "--hook", hook])).start()
        watch.wait_log("connected to")
        ctl = world.add(harness.Program(world, "ctl", [harness.BIN / "musterctl", "--home", admin, "--timeout", 100, "clock", "run",
                                                       "--to", "2099-01-01"]))
        yield world, {"musterd": world.broker, "muster-agent": agent, "muster-watch": watch, "musterctl": ctl}, (unit, office, admin)


def secrets_of(world, homes):
    files = [home / "keys" for home in homes] + [world.broker.data_dir / "broker.keys"]
    found = [secret for file in files for secret in re.findall(r"-secret: ([0-9a-f]{64,})", file.read_text(encoding="utf-8"))]
    equal(len(found), 2 * len(files), "secrets")
    tokens = [token for file in world.dir.glob("**/*.invite*") for token in re.findall(r"token: '(\w+)'", file.read_text(encoding="utf-8"))]
    check(tokens, "invitations")
    return found + tokens


def test_no_secret_stands_in_argument_environment_or_log():
    with four_programs() as (world, programs, homes):
        world.must("musterctl", "urge", "task-list/once/jxj", "--reason", "now")
        hooked = world.dir / "hooked"
        wait_for(lambda: hooked.exists() and hooked.read_text(encoding="utf-8", errors="replace").count('"urge"') >= 2, "both hooks")
        programs["musterctl"].start()
        seen = hooked.read_bytes()
        for program in programs.values():
            wait_for(program.running, program.name)
            for name in ("cmdline", "environ"):
                seen += pathlib.Path(f"/proc/{program.process.pid}/{name}").read_bytes() if os.geteuid() == 0 or name == "cmdline" else b""
            seen += program.log(whole=True).encode() + program.out().encode()
        check(all(word in seen for word in (b"--home", b"PATH=", b"session principal=")), "nothing was looked at")
        for secret in secrets_of(world, homes):
            check(secret.encode() not in seen, "a secret is there for others to read")


def core_of(program):
    """The kernel's word on whether a program that is ended by SIGABRT leaves a core."""
    with contextlib.suppress(PermissionError):  # lifted again where this machine lets us: it must not matter
        resource.prlimit(program.process.pid, resource.RLIMIT_CORE, UNLIMITED)
    program.signal(signal.SIGABRT)
    _, status = os.waitpid(program.process.pid, 0)
    program.process.returncode = -os.WTERMSIG(status)
    equal(os.WTERMSIG(status), signal.SIGABRT, f"end of {program.name}")
    return os.WCOREDUMP(status)


def machine_leaves_cores(world):
    plain = world.add(harness.Program(world, "sleep", ["/bin/sleep", "100"])).start()
    resource.prlimit(plain.process.pid, resource.RLIMIT_CORE, UNLIMITED)
    return core_of(plain)


def test_no_program_that_holds_secrets_leaves_a_core():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
    with four_programs() as (world, programs, _):
        # A program in a pipe of core_pattern would get it even with a limit of 0: this asks for both.
        meaningful = machine_leaves_cores(world)
        programs["musterctl"].start()
        wait_for(lambda: re.search(r"session principal=admin:a", world.broker.log()), "musterctl to have read its keys")
        for name in ("musterctl", "muster-watch", "muster-agent", "musterd"):
            limits = pathlib.Path(f"/proc/{programs[name].process.pid}/limits").read_text(encoding="ascii")
            check(re.search(r"Max core file size +0 +0 ", limits), f"{name}: {limits}")
            check(not core_of(programs[name]), f"{name} left a core")
        print(f"  4 programs ended by SIGABRT: no core; a plain one {'left one' if meaningful else 'left none, either: this machine keeps none'}")


def test_program_that_leaves_a_core_is_noticed():
    with World("secrets", rehearse="2022-12-05") as world:
        if not machine_leaves_cores(world):
            print("  this machine keeps no cores")
            return
        world.broker.start(env={"MUSTER_MUTANT": "cores-are-left", "ASAN_OPTIONS": "disable_coredump=0"})
        check(core_of(world.broker), "cores-are-left went unnoticed")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_") and callable(test)])
