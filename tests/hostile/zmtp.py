# SPDX-License-Identifier: Apache-2.0
"""ZMTP by hand, over a plain socket: what libzmq's own client would never send. Written from RFC 23, 24, 25
and 26; shares no code with libzmq. NULL, PLAIN and CURVE, each step apart, so that it can stop in the middle."""
import os
import socket
import struct

from nacl import bindings
from zmq.utils import z85

SHORT, LONG, COMMAND, MORE = 0, 2, 4, 1


def greeting(mechanism=b"CURVE", minor=1, as_server=0):
    return b"\xff" + bytes(8) + b"\x7f\x03" + bytes([minor]) + mechanism.ljust(20, b"\0") + bytes([as_server]) + bytes(31)


def frame(body, flags=0):
    if len(body) > 255:
        return struct.pack(">BQ", flags | LONG, len(body)) + body
    return bytes([flags, len(body)]) + body


def properties(**named):
    names = {"Socket_Type": "Socket-Type"}
    out = b""
    for name, value in named.items():
        key = names.get(name, name).encode()
        out += bytes([len(key)]) + key + struct.pack(">I", len(value)) + value
    return out


def connect(endpoint, timeout_s=10):
    """A socket to tcp://HOST:PORT or ipc://PATH."""
    kind, _, address = endpoint.partition("://")
    if kind == "ipc":
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout_s)
        sock.connect(address)
        return sock
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout_s)


def receive(sock, size):
    out = b""
    while len(out) < size:
        piece = sock.recv(size - len(out))
        if not piece:
            raise ConnectionError("closed by the broker")
        out += piece
    return out


def receive_frame(sock):
    flags = receive(sock, 1)[0]
    size = struct.unpack(">Q", receive(sock, 8))[0] if flags & LONG else receive(sock, 1)[0]
    return receive(sock, size)


def null(endpoint, identity=b"", mechanism=b"NULL"):
    """A peer after its NULL handshake."""
    sock = connect(endpoint)
    sock.sendall(greeting(mechanism))
    sock.sendall(frame(b"\x05READY" + properties(Socket_Type=b"DEALER", Identity=identity), COMMAND))
    receive(sock, 64)
    receive_frame(sock)
    return sock


class Curve:
    """A client's side of a CURVE connection. home None: only the broker's key is known, as an invitation tells it."""

    def __init__(self, endpoint, broker_key, public=None, secret=None):
        self.sock = connect(endpoint)
        self.server = z85.decode(broker_key)
        if public is None:
            self.public, self.secret = bindings.crypto_box_keypair()
        else:
            self.public, self.secret = z85.decode(public), z85.decode(secret)
        self.brief_public, self.brief_secret = bindings.crypto_box_keypair()
        self.nonce = 0
        self.brief_server = None

    def close(self):
        self.sock.close()

    def short_nonce(self):
        self.nonce += 1
        return struct.pack(">Q", self.nonce)

    def hello(self):
        self.sock.sendall(greeting())
        short = self.short_nonce()
        box = bindings.crypto_box(bytes(64), b"CurveZMQHELLO---" + short, self.server, self.brief_secret)
        self.sock.sendall(frame(b"\x05HELLO\x01\x00" + bytes(72) + self.brief_public + short + box, COMMAND))
        return self

    def initiate(self, identity=b"", socket_type=b"DEALER", **more):
        receive(self.sock, 64)
        welcome = receive_frame(self.sock)
        if not welcome.startswith(b"\x07WELCOME"):
            raise ConnectionError(f"refused: {welcome!r}")
        plain = bindings.crypto_box_open(welcome[24:], b"WELCOME-" + welcome[8:24], self.server, self.brief_secret)
        self.brief_server, cookie = plain[:32], plain[32:]
        vouch_nonce = os.urandom(16)
        vouch = bindings.crypto_box(self.brief_public + self.server, b"VOUCH---" + vouch_nonce, self.brief_server, self.secret)
        metadata = properties(Socket_Type=socket_type, Identity=identity, **more)
        short = self.short_nonce()
        box = bindings.crypto_box(self.public + vouch_nonce + vouch + metadata, b"CurveZMQINITIATE" + short,
                                  self.brief_server, self.brief_secret)
        self.sock.sendall(frame(b"\x08INITIATE" + cookie + short + box, COMMAND))
        return self

    def ready(self):
        answer = receive_frame(self.sock)
        if not answer.startswith(b"\x05READY"):
            raise ConnectionError(f"refused: {answer!r}")
        self.key = bindings.crypto_box_beforenm(self.brief_server, self.brief_secret)
        return self

    def open(self, identity=b"", **more):
        return self.hello().initiate(identity, **more).ready()

    def message(self, body, more=False):
        """The bytes of one part of a message."""
        short = self.short_nonce()
        box = bindings.crypto_box_afternm(bytes([MORE if more else 0]) + body, b"CurveZMQMESSAGEC" + short, self.key)
        return frame(b"\x07MESSAGE" + short + box)

    def send(self, body, more=False):
        self.sock.sendall(self.message(body, more))
