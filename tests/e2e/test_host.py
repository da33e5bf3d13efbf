#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A fresh host, and the commands of docs/operating.md on it, word by word: users and directories are made, a unit, an
instance and a watch are joined and served as their units say, a backup is put back. The host is this one, seen through
overlays in namespaces of its own; sudo and systemctl are stood in for, the latter from what the units say."""
import fcntl
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys

import harness
from harness import check, equal, wait_for

GUIDE = harness.SOURCE / "docs" / "operating.md"
OVERLAID = ("usr", "etc", "var/lib", "root")
OURS = ("/etc/muster", "/var/lib/muster", "/var/lib/muster-agent", "/var/lib/muster-watch")
TOOLS = ("unshare", "setpriv", "systemd-sysusers", "systemd-tmpfiles", "mount", "cmake")
SUDO = """#!/bin/bash
user=root
[[ $1 == -u ]] && { user=$2; shift 2; }
exec setpriv --reuid "$user" --regid "$user" --init-groups env -i PATH="$PATH" LANGUAGE=en HOME="$(getent passwd "$user" | cut -d: -f6)" "$@"
"""
SYSTEMCTL = f"""#!/bin/bash
exec {sys.executable} -B {pathlib.Path(__file__).resolve()} systemctl "$@"
"""
DIRECTORIES = {"StateDirectory": "/var/lib", "RuntimeDirectory": "/run", "ConfigurationDirectory": "/etc"}
NAMESPACES = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private")


# ---- systemctl ----

def unit_of(name):
    """The settings of a unit, as systemd reads them."""
    stem, at, instance = name.partition("@")
    text = pathlib.Path(f"/usr/lib/systemd/system/{stem}{at}.service").read_text(encoding="utf-8")
    lines = (line.partition("=")[::2] for line in text.splitlines() if re.match(r"\w+=", line))
    return {key: value.replace("%i", instance).replace("%S", "/var/lib") for key, value in lines}


def make_directories(unit):
    user = pwd.getpwnam(unit["User"])
    for key, root in DIRECTORIES.items():
        if key in unit and not os.path.exists(path := os.path.join(root, unit[key])):
            os.makedirs(path, int(unit.get(f"{key}Mode", "0755"), 8))
            if key != "ConfigurationDirectory":
                os.chown(path, user.pw_uid, user.pw_gid)


def begin(name):
    """Start it, and wait until it says that it is ready."""
    unit = unit_of(name)
    make_directories(unit)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, open(f"/run/{name}.log", "ab") as log:
        path = f"/run/{name}.notify"
        sock.bind(path)
        os.chmod(path, 0o777)
        sock.settimeout(harness.PATIENCE_S)
        setting = [unit["Environment"]] if "Environment" in unit else []
        process = subprocess.Popen(
            ["setpriv", "--reuid", unit["User"], "--regid", unit["Group"], "--init-groups", "env", *setting, f"NOTIFY_SOCKET={path}",
             *unit["ExecStart"].split()], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)
        pathlib.Path(f"/run/{name}.pid").write_text(str(process.pid), encoding="ascii")
        try:
            while sock.recv(4096) != b"READY=1":
                pass
        finally:
            os.unlink(path)


def end(name):
    unit, path = unit_of(name), pathlib.Path(f"/run/{name}.pid")
    pid = int(path.read_text(encoding="ascii"))
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") or " Z " in pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii"), f"the end of {name}")
    if "RuntimeDirectory" in unit and unit.get("RuntimeDirectoryPreserve") != "yes":
        shutil.rmtree(os.path.join("/run", unit["RuntimeDirectory"]))


def systemctl(verb, *words):
    names = [word for word in words if not word.startswith("--")]
    actions = {"enable": begin, "start": begin, "stop": end}
    for name in names:
        actions[verb](name)


# ---- the host ----

def raise_loopback():
    SIOCSIFFLAGS, IFF_UP = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def make_host():
    """From here on this host is another, which has never seen Muster."""
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for name in OVERLAID:
        upper, work = (pathlib.Path("/run/overlays", name, part) for part in ("upper", "work"))
        upper.mkdir(parents=True)
        work.mkdir()
        mount("-t", "overlay", "overlay", "-o", f"lowerdir=/{name},upperdir={upper},workdir={work}", f"/{name}")
    for path in OURS:  # of a Muster that runs on this very machine; the overlays alone lose it
        shutil.rmtree(path, ignore_errors=True)
    mount("-t", "proc", "proc", "/proc")
    # What this machine has of Muster is hidden, not touched: the overlays lie above it.
    for seen in [*pathlib.Path("/var/lib").glob("muster*"), pathlib.Path("/etc/muster")]:
        shutil.rmtree(seen, ignore_errors=True)
    raise_loopback()
    os.chmod("/root", 0o700)
    for name, text in (("sudo", SUDO), ("systemctl", SYSTEMCTL)):
        path = pathlib.Path("/usr/local/bin") / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    with open("/etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.write("127.0.0.1 muster.example.org\n")


# ---- the guide ----

def blocks(about):
    """The commands and files that the guide gives where `about` stands, from there to the next heading or part."""
    text = GUIDE.read_text(encoding="utf-8")
    at = text.index(about)
    part = text[at + len(about):]
    part = part[:min(found.start() for found in re.finditer(r"(?m)^(## |\*\*)|\Z", part))]
    return [re.sub(r"(?m)^ {0,3}", "", block) for block in re.findall(r"(?ms)^ *```\w*\n(.*?)^ *```$", part)]


def follow(text):
    """Do line by line what it says, as root in its home; what each printed. The first that fails is the end."""
    said = {}
    for line in filter(None, text.splitlines()):
        done = subprocess.run(["bash", "-c", line], cwd="/root", capture_output=True, text=True, check=False,
                              env={"PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin", "LANGUAGE": "en", "HOME": "/root",
                                   "MUSTER_BUILD_DIR": str(harness.BUILD)})
        if done.returncode:
            logs = "".join(f"---- {path.name} ----\n{path.read_text(encoding='utf-8', errors='replace')}" for path in pathlib.Path("/run").glob("*.log"))
            raise harness.Failure(f"$ {line}\n{done.stdout}{done.stderr}exit {done.returncode}\n{logs}")
        said[line] = done.stdout
    return said


def status():
    asked = "sudo musterctl status --json"
    said = json.loads(follow(asked)[asked])
    return {name: int(said[name]) for name in ("sessions", "epoch")}


def test_guide_works_word_by_word():
    make_host()
    subprocess.run(["cmake", "--install", harness.BUILD, "--prefix", "/usr"], check=True, capture_output=True)
    follow("\n".join(line for line in blocks("## Install\n")[0].splitlines() if line.startswith("sudo systemd-")))
    place = pathlib.Path("/etc/muster")
    for part in pathlib.Path("/usr/share/muster/jingning").iterdir():
        shutil.copy(part, place)
    (place / "muster.yaml").write_text(blocks("## The broker\n")[0], encoding="utf-8")
    follow("sudo systemctl enable --now musterd")
    invite, join, instance = blocks("## A unit's agent\n")
    said = follow(invite + join)
    check(any("quarterly-progress" in out or "member-exchange" in out for line, out in said.items() if line.endswith(" status")), said)
    follow("sudo musterctl enrol wjw --out wjw.invite\n" + instance)
    watch = blocks("## The office's watch\n")[0]
    follow("sudo musterctl enrol office:main --out watch.invite\n" + watch)
    for path in ("/var/lib/muster-agent", "/var/lib/muster-agent/wjw", "/var/lib/muster-watch"):
        equal(os.stat(path).st_mode & 0o7777, 0o700, f"mode of {path}")
        equal(sorted(name for name in os.listdir(path) if name.endswith(".invite")), [], f"invitations in {path}")
    before = status()
    check(before["sessions"] >= 3, f"agents and watch on the line: {before}")
    follow("sudo systemctl stop musterd")
    follow(blocks("**Putting a copy back.**")[0])
    check(status()["epoch"] != before["epoch"], "no new epoch after the backup")


def cannot():
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        return f"a host of its own needs root and {' '.join(TOOLS)}; missing: {' '.join(missing) or 'root'}"
    tried = subprocess.run(["unshare", *NAMESPACES, "sh", "-c", "mount -t tmpfs tmpfs /run && mkdir /run/u /run/w && "
                            "mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/u,workdir=/run/w /etc"],
                           capture_output=True, text=True, check=False)
    return f"no namespaces with overlays here: {tried.stderr.strip()}" if tried.returncode else None


if __name__ == "__main__":
    if sys.argv[1:2] == ["systemctl"]:
        systemctl(*sys.argv[2:])
    elif sys.argv[1:2] == ["inside"]:
        harness.main(test_guide_works_word_by_word)
    elif reason := cannot():
        print(f"skipped: {reason}")
        sys.exit(77)
    else:
        os.execvp("unshare", ["unshare", *NAMESPACES, sys.executable, "-B", __file__, "inside"])
