#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The office's acts: an extension asked for is listed and refused or granted; what is overdue is acknowledged;
posts are filled and vacated; an assessment is published; obligations are cancelled and superseded. Each is in the
ledger, by the role that may, and the ledger replays."""
import harness
from harness import World, check, equal

Q1 = "quarterly-progress/2023Q1/jxj"


def refused(world, code, *args, **kwargs):
    done = world.run("musterctl", *args, **kwargs)
    check(done.returncode != 0 and code in done.stderr, f"{args}: {done.returncode} {done.stderr}")


def test_extension_is_asked_for_and_decided():
    with World("acts", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-04-03")
        client = world.client("unit:jxj")
        equal(world.ctl("obligations", "--asked"), [], "nothing is asked for")
        seq = client.queue("extension", duty="quarterly-progress", period="2023Q1", reason="flood",
                           body={"until": "2023-04-20"})
        client.push_waiting()
        equal(client.wait_receipt(seq)["code"], "ok", "the request")
        asked = world.ctl("obligations", "--asked")
        equal([(row["id"], row["asked_until"][:10]) for row in asked], [(Q1, "2023-04-21")], "what is asked for")
        refused(world, "--until | --refuse", "extend", Q1, "--reason", "?")
        world.must("musterctl", "extend", Q1, "--refuse", "--reason", "no flood was seen")
        equal(world.ctl("obligations", "--asked"), [], "it is decided")
        equal(world.obligation(Q1)["due"][:10], "2023-04-11", "due stays")
        world.must("musterctl", "extend", Q1, "--until", "2023-04-20", "--reason", "it was seen")
        equal(world.obligation(Q1)["due"][:10], "2023-04-21", "due moves")
        equal(world.ctl("replay")["differences"], "0", "replay")


def test_desk_acts():
    with World("acts", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-04-13")
        refused(world, "present state", "acknowledge", "quarterly-progress/2023Q2/jxj")
        world.must("musterctl", "acknowledge", Q1, "--reason", "called")
        world.must("musterctl", "cancel", "member-exchange/2023Q1/rsj", "--reason", "dissolved")
        equal(world.obligation("member-exchange/2023Q1/rsj")["work"], "cancelled", "cancelled")
        world.must("musterctl", "supersede", "member-exchange/2023Q1/swj", "--successor", "member-exchange/2023Q1/kfq",
                   "--reason", "merged")
        equal(world.obligation("member-exchange/2023Q1/swj")["work"], "superseded", "superseded")
        leader = "county-leader/once/jnx"
        world.must("musterctl", "fill", leader, "--name", "王芳", "--phone", "1")
        equal(world.obligation(leader)["work"], "closed", "filled")
        world.must("musterctl", "vacate", leader, "--reason", "retired")
        equal(world.obligation(leader)["work"], "awaiting", "vacated")
        shown = world.ctl("show", leader)
        held = shown["holder 1"]
        check(held["name"] == "王芳" and held["from"].startswith("2023-04-13") and held["until"], str(shown))
        check(world.ctl("show", Q1)["acknowledged"], "acknowledged")
        due = next(row for row in world.ctl("obligations", "--duty", "assessment-quarter") if row["work"] == "awaiting")
        refused(world, "is too long", "publish", due["id"], "--number", "2023-" + 60 * "1")
        world.must("musterctl", "publish", due["id"], "--number", "2023-1")
        equal(world.obligation(due["id"])["record_number"], "2023-1", "published under its number")
        equal(world.ctl("replay")["differences"], "0", "replay")


def test_silence_holds_back_what_is_sent_and_nothing_else():
    with World("acts", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-04-03")
        world.must("musterctl", "silence", "unit:jxj", "--until", "2023-04-30", "--reason", "moving house")
        world.must("musterctl", "silence", "duty:annual-plan", "--until", "2023-12-31", "--reason", "postponed")
        refused(world, "no obligation is called", "silence", "quarterly-progress/2023Q9/jxj", "--until", "2023-04-30", "--reason", "x")
        # Through the 13th, on which an escalation would be sent at nine.
        world.must("musterctl", "silence", "unit:nyj", "--until", "2023-04-13", "--reason", "ill")
        world.broker.stop()
        world.broker.start(rehearse="2023-04-04")
        world.clock_run("2023-04-20")
        fired = [row["fired"][:10] for row in world.ctl("alerts", "--unit", "nyj")
                 if row["obligation"].endswith("2023Q1/nyj") and row["kind"] == "escalation"]
        check("2023-04-13" not in fired, f"on the last day of a silence: {fired}")
        kinds = [row["kind"] for row in world.ctl("alerts", "--unit", "jxj") if row["fired"] > "2023-04-03T12"
                 and row["obligation"] == Q1]
        check("escalation" not in kinds, f"silenced: {kinds}")
        equal(world.obligation(Q1)["phase"], "escalated", "the phase goes on")
        world.must("musterctl", "unsilence", "unit:jxj", "--reason", "they are back")
        world.clock_run("2023-05-06")
        fired = [row["fired"][:10] for row in world.ctl("alerts", "--unit", "nyj")
                 if row["obligation"].endswith("2023Q1/nyj") and row["kind"] == "escalation"]
        check("2023-04-23" in fired, f"after it: {fired}")
        equal(world.ctl("replay")["differences"], "0", "replay")


def filled_in(path, **values):
    """A form of `muster-agent new`, with every empty place filled."""
    text = path.read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f'{key}: ""', f'{key}: "{value}"')
    path.write_text(text.replace('""', '"x"'), encoding="utf-8")


def test_units_fill_posts_and_file_minutes():
    with World("acts", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2022-12-06")
        agent = world.agent("jxj")
        for post, name in (("clerk", "叶青"), ("deputy", "胡献如"), ("head", "楼志坚")):
            agent("fill", "unit-contacts", "once", "--post", post, "--name", name, "--phone", "1", "--wait", "20")
        equal(world.obligation("unit-contacts/once/jxj")["work"], "closed", "three contacts")
        agent("vacate", "unit-contacts/once/jxj", "--post", "deputy", "--reason", "moved", "--wait", "20")
        equal(world.obligation("unit-contacts/once/jxj")["work"], "awaiting", "one has left")
        for words in (("fill", "unit-contacts", "--name", "x"), ("fill", "unit-contacts/once/jxj", "once", "--name", "x")):
            done = world.run("muster-agent", "--home", agent.home, *words)
            check(done.returncode == 2 and "either" in done.stderr, f"{words}: {done.returncode} {done.stderr}")
        done = world.run("muster-agent", "--home", agent.home, "new", "unit-contacts", "once")
        check(done.returncode and "muster-agent fill unit-contacts once" in done.stderr, done.stderr)
        world.clock_run("2023-03-16")
        file = world.dir / "minutes.yaml"
        agent("new", "group-meeting", "2023", "--out", file)
        filled_in(file, date="15 March")
        done = world.run("muster-agent", "--home", agent.home, "submit", file)
        check(done.returncode and "is no date" in done.stderr, done.stderr)
        file.unlink()
        agent("new", "group-meeting", "2023", "--out", file)
        filled_in(file, date="2023-03-15")
        agent("submit", file, "--wait", "20")
        equal(world.ctl("show", "group-meeting/2023/jxj")["work"], "awaiting", "one meeting of four")
        world.clock_run("2023-04-02")
        alerts = world.ctl("alerts", "--limit", 100000)
        equal(sorted(alert["obligation"] for alert in alerts if alert["kind"] == "behind-pace"),
              [f"group-meeting/2023/{lead}" for lead in ("jtj", "lyj", "nyj", "wjw")], "who held none")


def test_administrators_do_none_of_it():
    with World("acts", rehearse="2022-12-05", local_roles="admin") as world:
        world.broker.start()
        world.clock_run("2023-04-13")
        for act in (("acknowledge",), ("cancel", "--reason", "x"), ("publish",), ("fill", "--name", "x"), ("vacate",),
                    ("extend", "--refuse", "--reason", "x"), ("supersede", "--successor", Q1, "--reason", "x"),
                    ("silence", "--until", "2024-01-01", "--reason", "x"), ("unsilence",)):
            refused(world, "may not", act[0], Q1, *act[1:])


def test_long_words_are_refused_like_short_ones():
    """Cut between characters wherever a refusal has no more room: in the middle of one it could not be sent."""
    with World("acts", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-04-03")
        for letters in range(3):
            name = "x" * letters + "景宁畲族自治县" * 20
            refused(world, name[:60], "silence", f"unit:{name}", "--until", "2024-01-01", "--reason", "x")
            refused(world, name[:60], "grant", f"unit:{name}", "--group", "g1", "--until", "2024-01-01", "--reason", "x")
            refused(world, name[:60], "amend-task", name, "--owner", "jxj", "--reason", "x", "--preview")
            refused(world, name[:20], "extend", Q1, "--until", name, "--reason", "x")
        equal(world.ctl("replay")["differences"], "0", "replay")


if __name__ == "__main__":
    harness.main(test_long_words_are_refused_like_short_ones, test_extension_is_asked_for_and_decided, test_desk_acts,
                 test_silence_holds_back_what_is_sent_and_nothing_else,
                 test_units_fill_posts_and_file_minutes, test_administrators_do_none_of_it)
