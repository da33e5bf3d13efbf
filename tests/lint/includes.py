#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The arrows between the folders, checked on every #include.

    proto  <- config/model <- broker/core
    proto  <- broker/store
    config/load            <- broker/driver, broker/io, agent
    core + store           <- broker/driver <- broker/io
    proto + config         <- agent, which never includes broker/

Quoted includes name a file from the project's root. Libraries that only one layer may know are held there
too: no SQL outside the stores, no YAML outside the loader."""
import re
import sys

import common

CONFIG = {"proto", "config", "config/model", "config/load"}
MAY_INCLUDE = {
    "proto": {"proto"},
    "proto/doc": {"proto"},
    "config": set(),
    "config/model": {"proto", "config/model"},
    "config/load": CONFIG,
    "broker/core": {"proto", "config/model", "broker/core"},
    "broker/store": {"proto", "broker/store"},
    "broker/driver": CONFIG | {"broker/core", "broker/store", "broker/driver"},
    "broker/io": CONFIG | {"broker/core", "broker/store", "broker/driver", "broker/io"},
    "agent/link": CONFIG | {"agent/link"},
    "agent/run": CONFIG | {"agent/link", "agent/run"},
    "agent/desk": CONFIG | {"agent/link", "agent/run", "agent/desk"},
    "agent/watch": CONFIG | {"agent/link", "agent/watch"},
    "agent/ctl": CONFIG | {"agent/link", "agent/ctl"},
    "agent/web": CONFIG | {"agent/link", "agent/web"},
}
LIBRARY_HOMES = {
    "sqlite3.h": {"broker/store", "agent/run"},
    "libfyaml.h": {"config/load"},
    "msgpack.h": {"proto"},
    "zmq.h": {"broker/io", "agent/link", "agent/run", "agent/watch", "agent/ctl", "agent/desk", "agent/web"},
    "czmq.h": {"agent/link", "agent/run", "agent/watch", "agent/ctl", "agent/desk", "agent/web"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


def faults_of(root, name):
    text = (root / name).read_text(encoding="utf-8")
    folder = name.parent.as_posix()
    if folder not in MAY_INCLUDE:
        return [f"{name}: its folder {folder} is not in the table of arrows"]
    found = []
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start(1) if match.group(1) else match.start(2)) + 1
        quoted, library = match.groups()
        if quoted:
            target = quoted.rpartition("/")[0]
            if target not in MAY_INCLUDE[folder]:
                found.append(f"{name}:{line}: {folder} may not include {quoted}")
            elif not (root / quoted).is_file() and root == common.ROOT:
                found.append(f"{name}:{line}: no such file from the project's root: {quoted}")
        elif folder not in LIBRARY_HOMES.get(library, {folder}):
            found.append(f"{name}:{line}: <{library}> is not for {folder}")
    return found


def check(root):
    names = [name for name in common.files(root, ".c", ".h", ".def") if name.parts[0] != "tests"]
    return [fault for name in names for fault in faults_of(root, name)], len(names)


CONTROLS = [
    ({"broker/core/a.c": '#include "broker/store/store.h"\n'}, "broker/core may not include"),
    ({"broker/store/a.c": '#include "broker/core/core.h"\n'}, "broker/store may not include"),
    ({"agent/run/a.c": '# include "broker/core/core.h"\n'}, "agent/run may not include"),
    ({"config/model/a.h": '#include "config/load/load.h"\n'}, "config/model may not include"),
    ({"proto/a.c": '#include "config/model/date.h"\n'}, "proto may not include"),
    ({"broker/io/a.c": "#include <sqlite3.h>\n"}, "<sqlite3.h> is not for"),
    ({"somewhere/a.c": "int a;\n"}, "not in the table"),
    ({"broker/driver/a.c": '#include "broker/core/core.h"\n#include "broker/store/store.h"\n'}, None),
]

if __name__ == "__main__":
    sys.exit(common.run("includes", check, CONTROLS))
