# SPDX-License-Identifier: Apache-2.0
"""Ports for brokers of tests and benchmarks."""
import random
import socket

FIRST, LAST = 15000, 31999  # below the range that the kernel hands to outgoing connections

CLAIMED = []  # sockets whose names say that a port is this process's for as long as it lives


def free_ports(count):
    """Ports that nobody listens on. A broker binds them later, and again after each restart: so that no other suite
    takes one meanwhile, each is claimed by a name in the abstract namespace, which the kernel gives to one only."""
    ports = []
    while len(ports) < count:
        port = random.randint(FIRST, LAST)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                claim.bind(f"\0muster-test-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        CLAIMED.append(claim)
        ports.append(port)
    return ports
