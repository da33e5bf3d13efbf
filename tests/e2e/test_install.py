#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` puts into a package, under another prefix than the build's own: all of it is there, it names
nothing that is not, and the programs work from there without the build directory, in both languages."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import harness
from harness import World, check, equal, wait_for

PROGRAMS = ("musterd", "muster-agent", "muster-watch", "musterctl")


@contextlib.contextmanager
def package():
    """The root of a package whose prefix is /usr."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="muster-install-"))
    try:
        subprocess.run(["cmake", "--install", harness.BUILD, "--prefix", "/usr"], check=True, capture_output=True,
                       env={**os.environ, "DESTDIR": str(root)})
        yield root
    finally:
        shutil.rmtree(root)


def say(program, *args, **env):
    return subprocess.run([program, *args], capture_output=True, text=True, encoding="utf-8", check=False,
                          env={**harness.environment(language="zh_CN"), **env})


def test_package_is_whole():
    with package() as root:
        files = {str(path.relative_to(root / "usr")) for path in root.rglob("*") if path.is_file()}
        section = {"musterd": 8}
        for program in PROGRAMS:
            page = f"man{section.get(program, 1)}/{program}.{section.get(program, 1)}"
            wanted = {f"bin/{program}", f"share/man/{page}", f"share/man/zh_CN/{page}",
                      f"share/bash-completion/completions/{program}", f"share/zsh/site-functions/_{program}"}
            equal(wanted - files, set(), f"missing of {program}")
            english, chinese = ((root / "usr/share/man" / way / page).read_text(encoding="utf-8") for way in ("", "zh_CN"))
            check(len(english) > 500 and len(re.findall("[一-鿿]", chinese)) > 100, f"{page} in both languages")
        equal({name for name in files if "/doc/" in name}, {f"share/doc/muster/{name}" for name in (
            "LICENSE", "README.md", "README.zh-CN.md", "CHANGELOG.md", "SECURITY.md", "operating.md", "PROTOCOL.md")}, "papers")
        for unit in (root / "usr/lib/systemd/system").iterdir():
            text = unit.read_text(encoding="utf-8")
            program = re.search(r"(?m)^ExecStart=(\S+)", text)[1]
            check(f"bin/{program}" in files, f"{unit.name} starts {program}")
            for page, number in re.findall(r"man:([\w-]+)\((\d)\)", text):
                check(f"share/man/man{number}/{page}.{number}" in files, f"{unit.name} names {page}({number})")
            user = re.search(r"(?m)^User=(\S+)", text)[1]
            users = (root / "usr/lib/sysusers.d/muster.conf").read_text(encoding="utf-8")
            check(re.search(rf"(?m)^u {user} ", users), f"{unit.name} runs as {user}")
            made = (root / "usr/lib/tmpfiles.d/muster.conf").read_text(encoding="utf-8")
            for kind, directory, mode in re.findall(r"(?m)^(State|Runtime)Directory=([\w-]+).*\n\1DirectoryMode=(\d+)", text):
                path = {"State": "/var/lib/", "Runtime": "/run/"}[kind] + directory
                check(re.search(rf"(?m)^d {path} +{mode} +{user} +{user}$", made), f"{path} of {unit.name}, before it has run")


def test_what_is_not_built_is_not_half_installed():
    with tempfile.TemporaryDirectory(prefix="muster-unbuilt-") as directory:
        build, root = pathlib.Path(directory, "build"), pathlib.Path(directory, "root")
        subprocess.run(["cmake", "-S", harness.SOURCE, "-B", build, "-DBUILD_TESTING=OFF"], check=True, capture_output=True)
        done = subprocess.run(["cmake", "--install", build, "--prefix", "/usr"], check=False, capture_output=True, text=True,
                              env={**os.environ, "DESTDIR": str(root)})
        said = " ".join(done.stderr.split())
        check(done.returncode != 0 and "nothing was installed" in said and f"cmake --build {build}" in said and "Call Stack" not in said, said)
        check(not root.exists(), "something was installed")


def test_programs_find_the_catalogues_of_their_own_package():
    with package() as root:
        for program in PROGRAMS:
            check("用法" in say(root / "usr/bin" / program, "--help").stdout, f"{program} in Chinese")
        # Nor do they look anywhere else: a build directory is its builder's.
        shutil.rmtree(root / "usr/share/locale")
        for program in PROGRAMS:
            done = say(root / "usr/bin" / program, "--help")
            check(done.returncode == 0 and "用法" not in done.stdout, f"{program} with a catalogue of somebody else's")


def test_year_is_rehearsed_from_the_package():
    with package() as root, World("install", programme=root / "usr/share/muster/jingning/programme.yaml", rehearse="2022-12-05") as world:
        programs, harness.BIN = harness.BIN, root / "usr/bin"
        try:
            world.broker.argv[0] = str(harness.BIN / "musterd")
            world.broker.start()
            agent = world.agent("jxj")
            wait_for(lambda: agent.json("status")["obligations"], "what is owed: before, a report file has a text alone")
            agent("submit", agent.fill("task-list", "once"), "--wait")
            world.clock_run("2023-02-01")
            equal(world.verify_ledger()["chain"], "ok", "chain")
        finally:
            harness.BIN = programs


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
