#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Joining when the broker's answer never arrives: connections that break once it has enrolled, kills before the
home is there, and an invitation whose time is over before anybody asks again."""
import contextlib
import re
import socket
import sqlite3
import threading

import harness
import muster_client as mc
from harness import World, check, equal
from test_access import refused_with
from test_keys import keys_of, public_keys, submit_progress

GREETING_BYTES = 64   # RFC 23
HANDSHAKE_FRAMES = 2  # of a CURVE server, RFC 26: WELCOME and READY


class Cutter:
    """Between a client and the door `to`: lets both through up to the handshake's end, then only the client. When
    the server speaks, the connection is cut; so it has done what it was asked for. Does so `cuts` times."""

    def __init__(self, to, cuts):
        self.to, self.cuts = int(to.rpartition(":")[2]), cuts
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
                threading.Thread(target=self.pass_on, args=(client, server), daemon=True).start()
                threading.Thread(target=self.hold_back, args=(server, client), daemon=True).start()

    @staticmethod
    def pass_on(client, server):
        with contextlib.suppress(OSError), server:
            while piece := client.recv(65536):
                server.sendall(piece)

    def hold_back(self, server, client):
        def take(size):
            piece = stream.read(size)
            if len(piece) < size:
                raise ConnectionError
            return piece
        with contextlib.suppress(OSError), client, server.makefile("rb") as stream:
            for _ in range(GREETING_BYTES):  # each side answers parts of the other's
                client.sendall(take(1))
            frames = 0
            while True:
                head = take(1)
                size = take(8 if head[0] & 2 else 1)
                body = take(int.from_bytes(size, "big"))
                frames += 1
                if frames > HANDSHAKE_FRAMES and self.cuts > 0:
                    self.cuts -= 1
                    client.shutdown(socket.SHUT_RDWR)
                    server.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(head + size + body)


@contextlib.contextmanager
def broker():
    with World("join", rehearse="2022-12-05", settings={"log_rate": 10000}) as world:
        world.broker.start()
        yield world


def cut(world, invitation, cuts):
    """The invitation, with a door that loses so many answers."""
    cutter = world.keep(Cutter(world.broker.enrol, cuts))
    path = invitation.with_suffix(".cut")
    path.write_text(invitation.read_text(encoding="utf-8").replace(world.broker.enrol, cutter.endpoint), encoding="utf-8")
    return path


def let_invitations_expire(world):
    """All those that were given so far. Only a stopped broker's database is anybody's to open."""
    equal(world.broker.stop(), 0, "the broker's end")
    with contextlib.closing(sqlite3.connect(world.broker.data_dir / "muster.db")) as db, db:
        check(db.execute("UPDATE invitations SET expires = created + 1").rowcount > 0, "no invitation expired")
    world.broker.start()


def join(world, invitation, *args, home="home", **options):
    return world.run("muster-agent", "--home", world.dir / home, "join", invitation, *args, **options)


def joins(*args, **options):
    done = join(*args, **options)
    check(done.returncode == 0, f"join: {done.returncode} {done.stderr}")


def loses_answers(world, invitation, *args, **options):
    done = join(world, cut(world, invitation, 10**6), "--timeout", 2, *args, **options)
    check(done.returncode == 3 and "the same command again" in done.stderr, f"{done}")


def reports(world, home="home"):
    agent = harness.Agent(world, "jxj", world.dir / home).start()
    submit_progress(agent, "joined")


def test_answer_that_a_broken_connection_took_is_asked_for_again():
    with broker() as world:
        joins(world, cut(world, world.invite("jxj"), 1))
        equal(len(keys_of(world, "unit:jxj")), 1, "keys")
        reports(world)


def test_lost_answer_is_given_again_when_the_invitation_is_over_and_to_nobody_else():
    with broker() as world:
        invitation = world.invite("jxj")
        loses_answers(world, invitation)
        equal(len(keys_of(world, "unit:jxj")), 1, "keys")
        key = public_keys(world.dir / "home")
        let_invitations_expire(world)
        # Whoever finds the used invitation, with keys of his own.
        text = invitation.read_text(encoding="utf-8")
        refused_with("expired", mc.join, text)
        done = join(world, invitation, home="thief")
        check(done.returncode == 4 and not (world.dir / "thief").exists(), f"{done}")
        # With the channel's public key, which is no secret, he does not get past the handshake's.
        known = mc.Home({**mc.read_invitation(text), **mc.new_keys()})
        with mc.Wire(known["enrol"], known) as wire:
            wire.send(type="enrol", version=mc.VERSION, token=bytes.fromhex(known["token"]),
                      channel_key=bytes.fromhex(key[0]), sign_key=bytes.fromhex(key[1]))
            refused_with("identity", wire.wait, "enrolled", 10)
        joins(world, invitation)
        equal(public_keys(world.dir / "home"), key, "keys")
        equal([row["sign_key"] for row in keys_of(world, "unit:jxj")], key[1:], "keys that the broker knows")
        reports(world)


def test_kill_before_the_home_is_there_costs_nothing():
    with broker() as world:
        invitation = world.invite("jxj")
        equal(join(world, invitation, env={"MUSTER_FAILPOINT": "agent.join-enrolled:1"}).returncode, -9, "killed")
        check(not (world.dir / "home" / "agent.yaml").exists(), "a home came of it")
        let_invitations_expire(world)
        joins(world, invitation)
        equal(len(keys_of(world, "unit:jxj")), 1, "keys")
        reports(world)


def test_further_invitation_brings_the_lost_answer_too_and_is_used_up():
    with broker() as world:
        loses_answers(world, world.invite("jxj"))
        key = public_keys(world.dir / "home")
        let_invitations_expire(world)
        further = world.invite("jxj")
        joins(world, further)
        equal(public_keys(world.dir / "home"), key, "keys")
        equal(len(keys_of(world, "unit:jxj")), 1, "keys")
        refused_with("expired", mc.join, further.read_text(encoding="utf-8"))
        reports(world)


def test_keys_that_were_revoked_meanwhile_make_room_for_others():
    with broker() as world:
        invitation = world.invite("jxj")
        loses_answers(world, invitation)
        key = public_keys(world.dir / "home")
        world.must("musterctl", "revoke", "unit:jxj", "--reason", "it said that it had not joined")
        done = join(world, invitation)  # which does not bring them back
        check(done.returncode == 4 and public_keys(world.dir / "home") == key, f"{done}")
        joins(world, world.invite("jxj"))
        check(not set(key) & set(public_keys(world.dir / "home")), "the revoked keys are in the home")
        equal(sorted(row["status"] for row in keys_of(world, "unit:jxj")), ["active", "revoked"], "keys")
        reports(world)


def test_renewal_whose_answer_was_lost_is_brought_to_its_end():
    with broker() as world:
        joins(world, world.invite("jxj"))
        old = public_keys(world.dir / "home")
        invitation, past = world.invite("jxj"), world.invite("jxj")
        loses_answers(world, invitation, "--renew")
        equal(public_keys(world.dir / "home"), old, "keys")
        let_invitations_expire(world)
        # Another file than the right one does not cost the keys that the right one is to bring.
        equal(join(world, past, "--renew").returncode, 4, "an invitation that is over")
        joins(world, invitation, "--renew")
        new = public_keys(world.dir / "home")
        equal({row["sign_key"] for row in keys_of(world, "unit:jxj")}, {old[1], new[1]}, "keys that the broker knows")
        check(re.findall("renewed", " ".join(path.name for path in (world.dir / "home").iterdir())) == [], "keys.renewed stayed")
        reports(world)


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
