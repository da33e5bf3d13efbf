#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may not: a stranger, a key that was revoked, a unit that speaks for another, roles that reach for
others' acts. Each is refused, logged with the address, and stores nothing but security events. The same
checks are run against brokers with a bug seeded on purpose, which they must notice."""
import contextlib
import re
import socket

import zmq

import harness
import muster_client as mc
from harness import World, check, equal, wait_for, task_list

UNHEARD_S = 0.5  # how long silence is listened to, where silence is the promise
TASKS = "task-list/once/jxj"


@contextlib.contextmanager
def broker(mutant=None):
    with World("access", rehearse="2022-12-05", settings={"log_rate": 10000}) as world:
        world.broker.start(env={"MUSTER_MUTANT": mutant} if mutant else None)
        yield world


def caught(check_function, mutant):
    """The negative control: with this bug in it, the check must fail."""
    with broker(mutant) as world:
        try:
            check_function(world)
        except (harness.Failure, mc.MusterError, TimeoutError) as found:
            print(f"  caught {mutant}: {str(found).splitlines()[0]}")
            return
    raise harness.Failure(f"{mutant} went unnoticed")


def stored(world):
    """What the ledger holds beside security events, acts that were refused, and who enrolled."""
    kinds = world.verify_ledger()
    equal(kinds["chain"], "ok", "ledger")
    return {kind: kinds[kind] for kind in ("reports", "transitions", "alerts", "refusals", "reloads")}


@contextlib.contextmanager
def stores_nothing(world, alerts=0):
    """`alerts`: so many that tell the office of it."""
    before = stored(world)
    yield
    equal(stored(world), {**before, "alerts": str(int(before["alerts"]) + alerts)}, "what is stored")


def refused_with(code, function, *args, **kwargs):
    try:
        result = function(*args, **kwargs)
    except mc.MusterError as error:
        equal(error.code, code, "code")
        return
    raise harness.Failure(f"wanted {code}, was answered {result}")


def is_unheard(sock, frame):
    """Sends, and is answered nothing."""
    with contextlib.suppress(zmq.Again):
        sock.send(frame, zmq.DONTWAIT)
    return not sock.poll(int(UNHEARD_S * 1000))


HELLO = mc.pack({"type": "hello", "version": 1, "programme": "jingning", "kind": "agent", "name": "main"})


# ---- who gets in ----

def check_strangers_stay_out(world):
    home = world.join("jxj", timeout_s=4)
    strangers = []
    for name in ("unknown key", "NULL", "PLAIN"):
        sock = zmq.Context.instance().socket(zmq.DEALER)
        sock.linger = 0
        if name == "unknown key":
            sock.curve_serverkey = home["broker_key"].encode()
            sock.curve_publickey, sock.curve_secretkey = zmq.curve_keypair()
        elif name == "PLAIN":
            sock.plain_username, sock.plain_password = b"jxj", b"jxj"
        sock.connect(home["members"])
        strangers.append((name, sock))
    try:
        with stores_nothing(world):
            for name, sock in strangers:
                check(is_unheard(sock, HELLO), f"a stranger ({name}) was answered")
    finally:
        for _, sock in strangers:
            sock.close()
    world.broker.wait_log(r'peer-refused address=127\.0\.0\.1 domain=members reason="unknown key"')
    sessions = [line for line in world.broker.log().splitlines() if line.startswith("session ") and "127.0.0.1" in line]
    equal(sessions, [], "sessions of strangers")
    check(mc.Client(home).welcome["unit"] == "jxj", "a member still gets in")


def test_strangers_stay_out():
    with broker() as world:
        check_strangers_stay_out(world)


def test_without_the_authenticator_nobody_gets_in():
    """The mutant has no ZAP handler: libzmq would let everybody in; option 93 shuts the door, for all."""
    caught(check_strangers_stay_out, "zap-handler-missing")


def test_raw_bytes_do_no_harm():
    with broker() as world, stores_nothing(world):
        port = int(world.broker.members.rsplit(":", 1)[1])
        for bytes_ in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4096, b"\xff\0\0\0\0\0\0\0\1\x7f\3\0NOTHING" + b"\0" * 60):
            with socket.create_connection(("127.0.0.1", port)) as peer:
                with contextlib.suppress(OSError):
                    peer.sendall(bytes_)
        equal(world.client("jxj").welcome["unit"], "jxj", "unit")


def test_stranger_hears_nothing_on_the_feed():
    with broker() as world:
        office = world.join("office:main")
        unit = world.join("jxj")
        nobody = mc.Home({**office.state, **mc.new_keys()})
        with contextlib.closing(mc.feed(unit)) as of_unit, contextlib.closing(mc.feed(nobody)) as of_nobody, \
                contextlib.closing(mc.feed(office)) as of_office:
            def heard():
                world.must("musterctl", "clock", "step")
                return mc.feed_next(of_office, 0.05)
            wait_for(heard, "the office's feed")
            check(not of_unit.poll(0) and not of_nobody.poll(0), "the feed is for office keys only")
        world.broker.wait_log(r'peer-refused address=127\.0\.0\.1 domain=office reason="unknown key"')
        world.broker.wait_log(r'peer-refused address=127\.0\.0\.1 domain=office reason="not an office key"')


# ---- revocation ----

def check_revoked_key_is_refused_at_its_next_message(world):
    client = world.client("jxj")
    client.submit("task-list", "once", task_list("before"))
    world.must("musterctl", "revoke", "unit:jxj", "--reason", "laptop stolen")
    with stores_nothing(world, alerts=1):
        refused_with("revoked", client.request, "brief")
        refused_with("revoked", client.hello)
        client.queue("progress", duty="task-list", period="once", body={"text": "after"})
        client.push_waiting()
        refused_with("revoked", client.wait_receipt, 2)
        world.broker.wait_log(r"refused principal=unit:jxj address=127\.0\.0\.1 reason=revoked")
        # A new connection does not even finish its handshake.
        client.wire.close()
        client.wire = mc.Wire(client.endpoint, client.home)
        check(is_unheard(client.wire.sock, HELLO), "a revoked key was answered")
    equal([key["status"] for key in world.ctl("keys")], ["revoked"], "status")


def test_revoked_key_is_refused_at_its_next_message():
    with broker() as world:
        check_revoked_key_is_refused_at_its_next_message(world)


def test_revocation_only_at_the_handshake_is_noticed():
    caught(check_revoked_key_is_refused_at_its_next_message, "revocation-at-handshake-only")


def test_feed_ends_with_the_revocation():
    with broker() as world:
        stays, goes = world.join("office:stays"), world.join("office:goes")
        with contextlib.closing(mc.feed(stays)) as of_stays, contextlib.closing(mc.feed(goes)) as of_goes:
            def both_hear():
                world.must("musterctl", "clock", "step")
                return mc.feed_next(of_stays, 0.05) and mc.feed_next(of_goes, 0.05)
            wait_for(both_hear, "both feeds")
            world.must("musterctl", "revoke", "office:goes", "--reason", "has left")
            while mc.feed_next(of_goes, 0):  # what was on its way before
                pass
            while mc.feed_next(of_stays, 0):
                pass

            def stays_hears():
                world.must("musterctl", "clock", "step")
                return mc.feed_next(of_stays, 0.05)
            wait_for(stays_hears, "the feed to come back for the other key")
            for _ in range(5):
                world.must("musterctl", "clock", "step")
            check(not of_goes.poll(int(UNHEARD_S * 1000)), "the feed goes on for a revoked key")


def test_stream_ends_with_the_revocation():
    with broker() as world:
        client = world.client("office:main")
        client.subscribe(credit=1000)
        clock = world.admin()
        clock.wire.send(type="request", id=1, verb="clock", args={"what": "step"})
        heard = []
        while not clock.wire.sock.poll(0):
            message = client.wire.receive(0.01)
            if message and message["type"] == "alert":
                heard.append(message["kind"])
                client.ack(message["number"])
        check("reminder" in heard, f"the office heard {heard}")
        world.must("musterctl", "revoke", "office:main", "--reason", "has left")
        world.must("musterctl", "clock", "step")
        refused_with("revoked", client.pump, lambda: False)
        world.broker.wait_log(r"refused principal=office:main address=127\.0\.0\.1 reason=revoked")
        equal(client.inbox, [], "alerts after the revocation")


# ---- another programme ----

def test_key_of_one_programme_opens_no_other():
    with World("access", rehearse="2026-01-05") as world:
        world.broker.argv += ["--programme", harness.EXAMPLE]
        world.broker.start()
        local = {id: world.admin(programme=id) for id in ("jingning", "branches")}
        world.invite = lambda who: invite(world, local["branches"], who)
        client = world.client("plant-hamburg")
        equal((client.programme, client.request("brief")[0]["id"]), ("branches", "plant-hamburg"), "brief")
        client.submit("monthly-safety", "2026-01", {"text": "no accidents"})
        reports = {id: session.request("ledger", {"what": "verify"}) for id, session in local.items()}
        equal({id: pairs(rows)["reports"] for id, rows in reports.items()}, {"jingning": "0", "branches": "1"}, "reports")
        client.programme = "jingning"
        refused_with("unknown", client.hello)
        office = world.client("office:main", kind="ctl", name="ctl")
        refused_with("unknown", office.request, "obligations", {}, "jingning")


def invite(world, session, who):
    path = world.dir / f"{who.replace(':', '-')}.invite"
    path.write_text(session.request("enrol", {"unit": who})[0]["invitation"], encoding="utf-8")
    return path


def pairs(rows):
    return {row["name"]: row["value"] for row in rows}


# ---- speaking for another ----

def forged(client, unit, **fields):
    return mc.pack({"act": "submit", "unit": unit, "at": client.clock(), "duty": "task-list", "period": "once",
                    "body": {"text": "forged"}, **fields})


def test_report_in_anothers_name_is_refused():
    with broker() as world:
        mine = world.client("rsj")
        seq = mine.queue_bytes(forged(mine, "jxj"))
        mine.push_waiting()
        equal(mine.wait_receipt(seq)["code"], "identity", "code")
        shown = world.obligation(TASKS)
        equal((shown["work"], shown["receipt"]), ("awaiting", 0), "the other's obligation")
        world.broker.wait_log(r'identity from=unit:rsj address=127\.0\.0\.1 subject="jxj"')
        equal(world.verify_ledger()["security"], "1", "security events")
        # Its own name, and the other's duty.
        seq = mine.queue_bytes(forged(mine, "rsj"))
        mine.push_waiting()
        check(mine.wait_receipt(seq)["code"] in ("not-bearer", "no-obligation"), "another's duty was accepted")
        equal(world.obligation(TASKS)["work"], "awaiting", "the other's obligation")


def check_signature_of_another_key_is_refused(world):
    client = world.client("jxj")
    head, report = bytes.fromhex(client.home["seen"]["head"]), forged(client, "jxj")
    with stores_nothing(world):
        client.push(1, head, [report], sig=bytes(64))
        refused_with("signature", client.wire.wait, "receipt")
    world.broker.wait_log(r"signature from=unit:jxj address=127\.0\.0\.1")
    equal(world.obligation(TASKS)["work"], "awaiting", "the obligation")


def test_wrong_signature_is_refused():
    with broker() as world:
        check_signature_of_another_key_is_refused(world)


def test_signature_that_is_not_checked_is_noticed():
    caught(check_signature_of_another_key_is_refused, "signature-not-checked")


def test_push_to_anothers_outbox_is_refused():
    with broker() as world:
        owner, thief = world.client("jxj"), world.client("rsj")
        owner.submit("task-list", "once", task_list("mine"))
        head = bytes.fromhex(owner.home["seen"]["head"])
        with stores_nothing(world):
            report = forged(thief, "rsj")
            outbox = owner.home.bytes("outbox")
            chain = mc.link(head, 2, report)
            sig = mc.nacl.signing.SigningKey(thief.home.bytes("sign_seed")).sign(
                b"muster.run.1" + outbox + mc.u64(2) + chain).signature
            thief.wire.send(type="push", outbox=outbox, first=2, prev=head, reports=[report], alg=mc.ALG, sig=sig)
            refused_with("identity", thief.wire.wait, "receipt")
        world.broker.wait_log(r"identity from=unit:rsj address=127\.0\.0\.1")
        equal(world.verify_ledger()["security"], "1", "security events")
        thief.home.state["outbox"] = owner.home["outbox"]
        refused_with("identity", thief.connect)


def test_chosen_routing_id_is_refused():
    with broker() as world:
        home = world.join("jxj")
        sock = zmq.Context.instance().socket(zmq.DEALER)
        sock.linger, sock.routing_id = 0, b"chosen"
        sock.curve_serverkey = home["broker_key"].encode()
        sock.curve_publickey, sock.curve_secretkey = home["curve_public"].encode(), home["curve_secret"].encode()
        sock.connect(home["members"])
        with contextlib.closing(sock):
            check(is_unheard(sock, HELLO), "a chosen routing id was taken")


# ---- roles ----

ACTS = {"review": {"obligation": TASKS, "approve": "yes"}, "receive": {"obligation": TASKS}, "urge": {"obligation": TASKS},
        "extend": {"obligation": TASKS, "until": "2023-02-01", "reason": "r"}, "waive": {"obligation": TASKS, "reason": "r"},
        "unlock": {"obligation": TASKS, "reason": "r"}, "reopen": {"obligation": TASKS, "reason": "r"},
        "void": {"obligation": TASKS, "reason": "r"}, "enrol": {"unit": "czj"}, "revoke": {"who": "unit:jxj", "reason": "r"},
        "clock": {"what": "step"}, "reload": {}}
OFFICES = ("review", "receive", "urge", "extend", "waive", "unlock", "reopen", "void")


def test_viewers_unit_and_administrators_keep_to_their_acts():
    with broker() as world:
        world.client("jxj").submit("task-list", "once", task_list("x"))
        with stores_nothing(world):
            for who, denied in (("viewer:mayor", ACTS), ("rsj", ACTS), ("admin:root", OFFICES),
                                ("office:main", ("enrol", "revoke", "clock", "reload"))):
                client = world.client(who, kind="ctl", name="ctl")
                for verb in denied:
                    try:
                        refused_with("denied", client.request, verb, ACTS[verb])
                    except harness.Failure as failure:
                        raise harness.Failure(f"{verb} by {who}: {failure}") from None
                world.broker.wait_log(rf"denied principal=\S*{who} address=127\.0\.0\.1 verb=")
        equal(world.obligation(TASKS)["work"], "submitted", "the obligation")
        equal({key["status"] for key in world.ctl("keys")}, {"active"}, "keys")


def test_unit_reads_its_own_and_its_groups_progress_only():
    with broker() as world:
        client = world.client("rsj", kind="ctl", name="ctl")
        world.client("jxj").submit("task-list", "once", task_list("of the lead"))
        rows = client.request("obligations")
        check({row["group"] for row in rows} == {"g1"}, f"a member reads {rows}")
        others = {row["duty"] for row in rows if row["bearer"] != "rsj"}
        check("unit-contacts" not in others, f"who holds another unit's posts: {others}")
        for verb, args in (("keys", {}), ("ledger", {"what": "list"})):
            refused_with("denied", client.request, verb, args)
        # What it may not read is not told apart from what is not there.
        refused_with("no-such-obligation", client.request, "show", {"obligation": "task-list/once/jtj"})
        client.subscribe(["jingning/office/", "jingning/unit:jtj/"])
        world.clock_run("2023-01-10")
        check(not client.wire.sock.poll(0) or client.wire.receive(0)["type"] == "time", "alerts of others")


def test_liaison_reads_its_group_while_in_office():
    with broker() as world:
        client, post = world.client("unit:jnx"), "county-liaison/once/jnx/g1"
        world.client("unit:jxj").submit("task-list", "once", harness.task_list("of the lead"))
        world.clock_run("2023-01-01")
        refused_with("no-such-obligation", client.request, "show", {"obligation": "task-list/once/jxj"})
        seq = client.queue("fill", duty="county-liaison", period="once", obligation=post, body={"name": "Lei"})
        client.push_waiting()
        equal(client.wait_receipt(seq)["code"], "ok", "it is filled")
        rows = client.request("obligations")
        check({"jxj", "rsj", "jnx"} <= {row["bearer"] for row in rows}, f"the liaison reads its group: {rows}")
        check("jtj" not in {row["bearer"] for row in rows}, f"and no other: {rows}")
        client.request("explain", {"alert": "task-list/once/jxj"})
        equal([row["unit"] for row in client.request("reports", {"unit": "jxj"})], ["jxj"], "its reports")
        client.subscribe(["jingning/unit:rsj/", "jingning/unit:jtj/"])
        check(next(client.alerts(count=1))["topic"].startswith("jingning/unit:rsj/"), "its alert topics")
        refused_with("denied", client.request, "urge", {"obligation": "task-list/once/jxj"})
        world.must("musterctl", "vacate", post, "--reason", "moved to the city")
        refused_with("no-such-obligation", client.request, "show", {"obligation": "task-list/once/jxj"})
        equal([row["unit"] for row in client.request("reports", {"unit": "jxj"})], [], "no more")
        world.must("musterctl", "fill", post, "--name", "Ye")
        client.request("show", {"obligation": "task-list/once/jxj"})
        equal(world.ctl("replay")["differences"], "0", "replay")


def test_remote_administrator_who_is_revoked_is_out():
    with broker() as world:
        client = world.client("admin:root", kind="ctl", name="ctl")
        check(client.request("enrol", {"unit": "czj"})[0]["principal"] == "unit:czj", "an administrator enrols")
        world.must("musterctl", "revoke", "admin:root", "--reason", "has left")
        refused_with("revoked", client.request, "enrol", {"unit": "czj"})


def test_invitation_is_good_once():
    with broker() as world:
        invitation = world.invite("jxj").read_text(encoding="utf-8")
        keys = mc.new_keys()
        mc.join(invitation, keys=keys)
        mc.join(invitation, keys=keys)  # the answer was lost
        refused_with("expired", mc.join, invitation)
        refused_with("no-invitation", mc.join, re.sub(r"token: '\w+'", f"token: '{'0' * 32}'", invitation))
        equal(len(world.ctl("keys")), 1, "keys")


def test_status_counts_who_is_there():
    with World("there", rehearse="2022-12-05") as world:
        world.broker.start()

        def sessions():
            return int(world.ctl("status")["sessions"])

        def connected(unit):
            return [row["connected"] for row in world.ctl("units") if row["id"] == unit] == [True]

        # Who asked has gone; whoever asks now is there.
        equal([sessions() for _ in range(20)], [1] * 20, "sessions of tools that asked and went")
        tool = world.admin()
        agent, watch = world.agent("jxj"), world.watch()
        wait_for(lambda: sessions() == 4, "tool, agent, watch and who asks")
        for _ in range(3):
            agent.kill()
            wait_for(lambda: sessions() == 3 and not connected("jxj"), "the agent's end")
            agent.start()
            wait_for(lambda: sessions() == 4 and connected("jxj"), "the agent's return")
        watch.stop()
        tool.close()
        wait_for(lambda: sessions() == 2, "the end of watch and tool")
        check("refused" not in world.broker.log(), "somebody was refused")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
