#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The life of keys: rotation with an overlap, killed at every step; expiry in mid-session on every socket,
told of before; a remote administrator and an office with keys of their own."""
import contextlib
import json
import re
import time

import harness
import muster_client as mc
from harness import World, check, equal, wait_for
from test_access import refused_with

FAILPOINTS = ("agent.rotate-made", "agent.rotate-registered", "agent.rotate-tried")


def world_with(mutant=None, **settings):
    world = World("keys", rehearse="2022-12-05", settings={"log_rate": 10000, **settings})
    world.broker.start(env={"MUSTER_MUTANT": mutant} if mutant else None)
    return world


def keys_of(world, principal):
    return [key for key in world.ctl("keys") if key["principal"] == principal]


def public_keys(home):
    return re.findall(r"public: (\w+)", (home / "keys").read_text(encoding="utf-8"))


def connected(agent):
    return agent.json("status")["connected"]


def submit_progress(agent, text):
    return agent.json("progress", "task-list", "once", "--text", text, "--wait")["receipt"]


# ---- rotation ----

def test_agent_switches_over_and_what_it_signed_before_stays_provable():
    with world_with() as world:
        agent = world.agent("jxj")
        before = submit_progress(agent, "before")
        old = public_keys(agent.home)
        agent("rotate")
        new = public_keys(agent.home)
        check(not set(old) & set(new), "the keys are the old ones")
        check(not (agent.home / "keys.next").exists(), "keys.next was left behind")
        equal((agent.home / "keys").stat().st_mode & 0o777, 0o600, "mode")
        wait_for(lambda: len(re.findall("session-open", agent.log())) >= 2 and connected(agent), "a session with the new keys")
        after = submit_progress(agent, "after")
        for receipt, key in ((before, old[1]), (after, new[1])):
            path = world.dir / f"proof-{receipt}.json"
            world.must("musterctl", "export", "report", receipt, "--out", path)
            world.must("musterctl", "verify", path, "--key", key)
        equal({key["sign_key"] for key in keys_of(world, "unit:jxj")}, {old[1], new[1]}, "verifying keys that are kept")
        rows = [row["subject"] for row in world.ctl("ledger", "list") if row["kind"] == "key"]
        equal([subject.split()[0] for subject in rows], ["enrol", "join", "rotate"], "rows of the ledger")
        for _ in range(3):  # again and again
            agent("rotate")
        submit_progress(agent, "much later")
        equal(len(keys_of(world, "unit:jxj")), 5, "keys")
        world.verify_ledger()


def test_rotation_that_is_killed_goes_on_where_it_was():
    for failpoint in FAILPOINTS:
        with world_with() as world:
            agent = world.agent("jxj")
            submit_progress(agent, "before")
            old = public_keys(agent.home)
            done = agent.try_("rotate", env={"MUSTER_FAILPOINT": failpoint})
            equal((done.returncode, public_keys(agent.home)), (-9, old), f"killed at {failpoint}")
            agent.kill()
            agent.start()  # the old keys are still in place, and good
            wait_for(lambda: connected(agent), "a session after the kill")
            submit_progress(agent, failpoint)
            agent("rotate")
            check(not set(old) & set(public_keys(agent.home)), "the keys are the old ones")
            submit_progress(agent, "after")
            equal(len(keys_of(world, "unit:jxj")), 2, f"keys after {failpoint}: an attempt takes up the keys of the one before")


def test_rotation_that_came_too_late_to_be_told_is_found_out():
    """Registered, killed before it knew, and the overlap is over by the next attempt."""
    with world_with(key_overlap=1) as world:
        home = world.home("jxj")
        done = world.run("muster-agent", "--home", home, "rotate", env={"MUSTER_FAILPOINT": "agent.rotate-registered"})
        equal(done.returncode, -9, "killed")
        wait_for(lambda: "expired" in {key["status"] for key in world.ctl("keys")}, "the old key to expire")
        old = public_keys(home)
        world.must("muster-agent", "--home", home, "rotate", "--timeout", 5)
        check(not set(old) & set(public_keys(home)), "the keys are the old ones")


def test_both_are_good_in_the_overlap_and_the_old_one_expires():
    with world_with(key_overlap=10) as world:
        client = world.client("jxj")
        fresh = client.rotate()
        again = client.rotate(keys={name: fresh[name] for name in ("curve_public", "curve_secret", "sign_seed")})
        equal(again["sign_seed"], fresh["sign_seed"], "the same keys asked for again")
        client.submit("task-list", "once", harness.task_list("with the old one"))  # in mid-session
        other = mc.Client(mc.Home({**client.home.state, **{name: fresh[name] for name in ("curve_public", "curve_secret", "sign_seed")}}))
        with contextlib.closing(other):
            other.queue("progress", duty="task-list", period="once", body={"text": "with the new one"})
            other.push_waiting()
            other.wait_receipt(2)
            wait_for(lambda: "expired" in {key["status"] for key in world.ctl("keys")}, "the old key to expire")
            refused_with("expired", client.request, "brief")
            equal(other.request("brief")[0]["id"], "jxj", "brief with the new key")


def check_rotation_needs_both_signatures_and_a_key_of_its_own(mutant=None):
    with world_with(mutant) as world:
        client, other = world.client("jxj"), world.client("rsj")
        taken = {name: other.home[name] for name in ("curve_public", "curve_secret", "sign_seed")}
        for code, keys, changed in (("signature", None, {"sig": bytes(64)}), ("signature", None, {"new_sig": bytes(64)}),
                                    ("signature", None, {"channel_key": bytes(32)}), ("version", None, {"alg": "sm2+sm3"}),
                                    ("exists", taken, {})):
            refused_with(code, client.rotate, keys, **changed)
            client.hello()
        equal(len(world.ctl("keys")), 2, "keys")
        equal(world.verify_ledger()["security"], "3", "security events")
        local = world.admin()
        local.wire.send(type="rotate", channel_key=bytes(32), sign_key=bytes(32), alg=mc.ALG, sig=bytes(64), new_sig=bytes(64))
        refused_with("denied", local.wire.wait, "enrolled")
        world.must("musterctl", "revoke", "unit:jxj", "--reason", "stolen")
        refused_with("revoked", client.rotate)


def test_rotation_needs_both_signatures_and_a_key_of_its_own():
    check_rotation_needs_both_signatures_and_a_key_of_its_own()


def test_rotation_that_is_not_verified_is_noticed():
    try:
        check_rotation_needs_both_signatures_and_a_key_of_its_own("rotation-not-verified")
    except harness.Failure as found:
        print(f"  caught rotation-not-verified: {str(found).splitlines()[0][:80]}")
        return
    raise harness.Failure("rotation-not-verified went unnoticed")


def test_renewed_unit_is_back_at_once():
    with world_with() as world:
        agent = world.agent("jxj", start=False, reconnect_min=60000, reconnect_max=60000)
        agent.start()
        agent.wait_log("session-open")
        world.must("musterctl", "revoke", "unit:jxj", "--reason", "a laptop was lost, and found")
        agent("progress", "task-list", "once", "--text", "by whom?")
        agent.wait_log("session-closed code=revoked")
        agent("join", world.invite("jxj"), "--renew")
        # Of itself it would wait for half a minute at the least.
        wait_for(lambda: len(re.findall("session-open", agent.log())) == 2, "the next session", 15)


# ---- expiry ----

def test_key_that_expires_is_told_of_before_and_refused_after():
    with world_with(key_life=15, key_warning=3600) as world:
        agent, client = world.agent("jxj"), world.client("rsj")
        agent.wait_log(r"key-expires in_s=\d+ do=\"muster-agent rotate\"")
        check(0 < int(world.ctl("status")["keys_expiring"]) <= 2, "keys_expiring")
        row = keys_of(world, "unit:rsj")[0]
        check(row["not_after"] > row["created"] and row["status"] == "active", f"{row}")
        check(client.welcome["key_not_after"] > mc.now_ms(), "the welcome tells of it")
        wait_for(lambda: keys_of(world, "unit:rsj")[0]["status"] == "expired", "the key to expire")
        refused_with("expired", client.request, "brief")  # in mid-session
        refused_with("expired", client.hello)
        equal(world.ctl("status")["keys_expiring"], "0", "keys_expiring")
        client.wire.close()
        client.wire = mc.Wire(client.endpoint, client.home)
        client.wire.send_bytes(mc.pack({"type": "hello", "version": 1, "programme": "jingning", "kind": "agent", "name": "main"}))
        check(not client.wire.sock.poll(500), "an expired key was answered")
        world.broker.wait_log(r'peer-refused address=127\.0\.0\.1 domain=members reason="expired"')
        # An invitation is the way back.
        number = agent.json("progress", "task-list", "once", "--text", "too late")["number"]
        agent.wait_log(r"session-closed code=expired")
        equal([row["state"] for row in agent.json("receipts")], ["queued"], f"state of {number}, which stays")


def test_expired_unit_comes_back_with_what_it_had_queued():
    with world_with(key_life=6, key_overlap=1) as world:
        agent = world.agent("jxj", start=False, reconnect_max=1000)
        agent.start()
        submit_progress(agent, "in time")
        old = public_keys(agent.home)
        wait_for(lambda: keys_of(world, "unit:jxj")[0]["status"] == "expired", "the key to expire")
        for number in range(3):
            agent("progress", "task-list", "once", "--text", f"too late {number}")
        agent.wait_log(r"session-closed code=expired")
        world.broker.stop()
        index = world.broker.argv.index("key_life=6")
        world.broker.argv[index] = "key_life=100000"
        world.broker.start()
        before = (agent.home / "agent.yaml").read_bytes()
        # Not for another's invitation, and not without one.
        done = agent.try_("join", world.invite("rsj"), "--renew")
        check(done.returncode != 0 and "the invitation is for unit:rsj" in done.stderr, f"{done}")
        done = agent.try_("join", world.invite("jxj"))
        check(done.returncode != 0 and "--renew" in done.stderr, f"{done}")
        done = world.run("muster-agent", "--home", world.dir / "nowhere", "join", world.invite("jxj"), "--renew")
        check(done.returncode != 0 and "there is no home" in done.stderr, f"{done}")
        equal(public_keys(agent.home), old, "keys after what was refused")
        # Killed when the broker had enrolled it, and done again with the same invitation.
        invitation = world.invite("jxj")
        equal(agent.try_("join", invitation, "--renew", env={"MUSTER_FAILPOINT": "agent.renew-enrolled:1"}).returncode, -9, "killed")
        equal(public_keys(agent.home), old, "keys after the kill")
        agent("join", invitation, "--renew")
        check(not set(old) & set(public_keys(agent.home)), "the keys are the old ones")
        equal((agent.home / "keys").stat().st_mode & 0o777, 0o600, "mode")
        check(not (agent.home / "keys.renewed").exists(), "keys.renewed was left behind")
        equal((agent.home / "agent.yaml").read_bytes(), before, "settings")
        wait_for(lambda: agent.json("status")["acknowledged"] == 4, "what was queued to arrive")
        equal([row["state"] for row in agent.json("receipts")], ["received"] * 4, "states")
        submit_progress(agent, "and goes on")
        equal(world.verify_ledger()["reports"], "5", "reports, none twice")
        equal(len(keys_of(world, "unit:jxj")), 2, "keys")


def test_broker_warns_of_keys_that_expire():
    with world_with(key_life=100) as world:
        world.home("jxj")
        world.broker.kill()
        world.broker.start()
        world.broker.wait_log(r"key-expires principal=unit:jxj fingerprint=\w{16} in_s=\d+")


def test_feed_and_streams_end_with_the_expiry():
    with world_with(key_life=15) as world:
        goes, reader = world.join("office:goes"), world.client("viewer:reader", kind="watch", name="w")
        reader.subscribe(credit=1000)
        with contextlib.closing(mc.feed(goes)) as of_goes:
            def hears():
                world.must("musterctl", "clock", "step")
                return mc.feed_next(of_goes, 0.05)
            wait_for(hears, "the feed")
            wait_for(lambda: {key["status"] for key in world.ctl("keys")} == {"expired"}, "the keys to expire")
            world.must("musterctl", "clock", "step")  # the first alert after it closes the feed
            while mc.feed_next(of_goes, 0.2):
                pass
            for _ in range(5):
                world.must("musterctl", "clock", "step")
            check(not of_goes.poll(500), "the feed goes on for an expired key")
            refused_with("expired", reader.pump, lambda: False, 20)


# ---- from afar ----

def test_remote_keys_administer_and_judge_and_stand_in_the_ledger():
    with world_with() as world:
        world.client("jxj").submit("task-list", "once", harness.task_list("x"))
        admin, office = world.home("admin:root"), world.home("office:main")
        world.must("musterctl", "--home", admin, "enrol", "czj", "--out", world.dir / "czj.invite")
        world.must("musterctl", "--home", office, "review", "task-list/once/jxj", "--return", "--reason", "too short")
        world.must("musterctl", "--home", office, "rotate")
        world.must("musterctl", "--home", office, "urge", "task-list/once/jxj", "--reason", "with the new key")
        for home, words in ((admin, ("review", "task-list/once/jxj", "--approve")), (office, ("enrol", "rsj"))):
            equal(world.run("musterctl", "--home", home, *words).returncode, 4, f"exit of {words}")
        equal(world.run("musterctl", "rotate").returncode, 2, "rotate without a home")
        found = {row["subject"].split()[0]: row for row in world.ctl("ledger", "list", "--limit", "100000")
                 if row["kind"] in ("act", "key") and row["actor"] != "uid:0"}
        equal((found["return"]["actor"], found["return"]["reason"]), ("office:main", "too short"), "who and why")
        check(found["return"]["address"].startswith("127.0.0.1"), "from where")
        for act, home in (("enrol", admin), ("rotate", office)):
            check(found[act]["actor"].startswith(home.name.split("-")[1]), f"{act}: {found[act]}")
        keys = {key["fingerprint"]: key["principal"] for key in world.ctl("keys")}
        check(all(keys[row["key"]] == row["actor"] for row in found.values() if row["subject"].split()[0] != "join"),
              f"with which key: {found}")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
