#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who reads beside the office: a group its own progress, live, across a broker that is killed; another group by a
grant that the programme makes and takes back; a city leader the group, and whoever is on the cc list what is
issued. What each of them may not read is looked for as well."""
import json

import harness
import muster_client as mc
from harness import JINGNING, World, check, equal, wait_for

PATIENCE_S = 60
ASSESSMENT = "assessment-quarter/2023Q1/office"


def programme_with(world, text):
    """The first programme with more in it, in the world's directory, beside its calendar."""
    path = world.dir / "programme.yaml"
    calendar = JINGNING.parent / "workdays.csv"
    whole = JINGNING.read_text(encoding="utf-8").replace("calendar: workdays.csv", f"calendar: {calendar}")
    check(str(calendar) in whole, "the calendar is named")
    path.write_text(whole + text, encoding="utf-8")
    return path


class Following:
    """`muster-agent group --follow --json` as a process: what it has printed so far."""

    def __init__(self, agent):
        self.program = agent.world.add(harness.Program(
            agent.world, f"follow-{agent.unit}",
            [harness.BIN / "muster-agent", "--home", agent.home, "group", "--follow", "--json"])).start()

    def rows(self):
        return [json.loads(line) for line in self.program.out().splitlines(keepends=True) if line.endswith("\n")]

    def texts(self):
        return [row["text"] for row in self.rows()]

    def wait(self, count):
        wait_for(lambda: len(self.rows()) >= count, lambda: f"{count} rows, not {self.rows()}", PATIENCE_S)
        return self.texts()


def test_a_group_follows_its_progress_across_a_killed_broker():
    with World("readers", rehearse="2022-12-05") as world:
        world.broker.start()
        swj, rsj = world.agent("swj"), world.agent("rsj", follow_interval=100)
        # Names and telephone numbers are no progress.
        swj("fill", "unit-contacts", "once", "--post", "clerk", "--name", "王芳", "--phone", "12", "--wait", "60")
        world.client("unit:jxj").submit("task-list", "once", harness.task_list("of the group"))
        world.clock_run("2023-03-01")
        progress = ("progress", "member-exchange", "2023Q1", "--wait", "60", "--text")
        swj(*progress, "one")
        follow = Following(rsj)
        equal(follow.wait(2), ["of the group", "one"], "what was there")
        swj(*progress, "two")
        equal(follow.wait(3), ["of the group", "one", "two"], "what arrives")
        world.broker.kill()
        world.broker.start()
        swj(*progress, "three")
        swj(*progress, "four")
        equal(follow.wait(5), ["of the group", "one", "two", "three", "four"], "after the broker was killed: all of it, once")
        receipts = [row["receipt"] for row in follow.rows()]
        equal(receipts, sorted(set(receipts)), "receipt numbers")
        # The tables; another unit's contacts are for its lead alone.
        everything = rsj.json("group")
        equal([row["text"] for row in everything["reports"]], follow.texts(), "reports")
        equal({row["id"] for row in everything["units"]}, {"jxj", "rsj", "swj", "szsyb", "kfq", "chengtou", "lsxy"},
              "units")
        equal([(row["owner"], row["state"]) for row in everything["tasks"]], [("jxj", "proposed")] * 5, "tasks")
        kinds = {row["duty"] for row in everything["obligations"]}
        check("quarterly-progress" in kinds and "member-exchange" in kinds, f"obligations of the group: {kinds}")
        check(not any("unit-contacts" in row["id"] and row["bearer"] != "rsj" for row in everything["obligations"]),
              "another unit's posts")
        jxj = world.agent("jxj")
        check("unit-contacts" in {row["duty"] for row in jxj.json("group", "reports")}, "the lead reads it")
        table = rsj("group", "reports")
        check("three" in table and "Commerce Bureau" in table, table)
        check(rsj("group", "reports", "--csv").splitlines()[0].startswith("receipt,at,unit"), "CSV")
        check("单位" in rsj("group", language="zh_CN"), "Chinese")
        done = rsj.try_("group", "--csv")
        check(done.returncode == 2 and "list" in done.stderr, done.stderr)
        done = rsj.try_("group", "colours")
        check(done.returncode == 2 and "colours" in done.stderr, done.stderr)


def test_nobody_answers_while_the_broker_is_down():
    with World("readers", rehearse="2022-12-05") as world:
        world.broker.start()
        rsj = world.agent("rsj", reply_timeout=500)
        rsj("group", "units")
        world.broker.kill()
        done = rsj.try_("group", "units")
        equal(done.returncode, 3, f"exit code: {done.stderr}")


def reports_seen(world, home):
    return {row["unit"] for row in world.ctl("--home", home, "reports")}


def test_another_group_reads_by_grant_only():
    with World("readers", rehearse="2022-12-05") as world:
        path = programme_with(world, "grants:\n  - {group: g2, reads: g1, reason: the road and the park}\n")
        world.broker.argv[world.broker.argv.index(str(JINGNING))] = str(path)
        world.broker.start()
        world.clock_run("2023-03-01")
        for unit in ("swj", "kjj"):
            world.client(unit).submit("member-exchange", "2023Q1", harness.exchange(f"of {unit}"))
        fgw, kjj = world.home("fgw"), world.home("unit:zrj")
        equal(reports_seen(world, fgw), {"swj"}, "what the grant opens")
        equal(reports_seen(world, kjj), set(), "a group without a grant")
        equal(len(world.ctl("--home", fgw, "units", "--group", "g1")), 7, "units of the granted group")
        receipt = world.ctl("--home", fgw, "reports")[0]["receipt"]
        equal(world.ctl("--home", fgw, "report", receipt)["body"], harness.exchange("of swj"), "the report")
        done = world.run("musterctl", "--home", kjj, "report", receipt)
        check(done.returncode != 0 and "of swj" not in done.stdout, f"{done.stdout}{done.stderr}")
        # A grant is to read progress: no alerts of the group, no acts upon it.
        check(not any(row["audience"].startswith("unit:swj") for row in world.ctl("--home", fgw, "alerts")), "alerts")
        programme_with(world, "")
        world.must("musterctl", "reload")
        equal(reports_seen(world, fgw), set(), "after the grant is taken back")


def test_a_groups_list_is_the_same_however_it_is_found():
    """Row by row near its end, and by what the group's units sent farther away: each way gives what filtering all gives."""
    for near in (1, 7, 40, 16384):
        with World("readers", rehearse="2022-12-05", settings={"list_near_rows": near}) as world:
            world.broker.start()
            world.clock_run("2023-03-01")
            clients = {}
            units = ("swj", "kjj", "rsj", "kjj", "fgw", "kjj", "kjj", "jnx", "swj", "kjj")
            for number, unit in enumerate(units * 3):
                if unit not in clients:
                    clients[unit] = world.client(f"unit:{unit}")
                duty = ("county-leader", "once") if unit == "jnx" else ("member-exchange", "2023Q1")
                seq = clients[unit].queue("progress", *duty, body={"text": f"{number}"})
                clients[unit].push_waiting()
                clients[unit].wait_receipt(seq)
            whole = world.ctl("reports")
            equal(len(whole), 3 * len(units), f"all reports, near {near}")
            first, last = whole[0]["receipt"], whole[-1]["receipt"]
            for group in ("g1", "g2", "g3", "g4"):
                own = [row["receipt"] for row in whole if row["group"] == group]
                for words, wanted in (((), own), (("--limit", 2), own[-2:]), (("--from", 1), own),
                                      (("--from", 1, "--limit", 2), own[:2]),
                                      (("--from", (first + last) // 2), [row for row in own if row >= (first + last) // 2]),
                                      (("--from", last + 1), [])):
                    found = [row["receipt"] for row in world.ctl("reports", "--group", group, *words)]
                    equal(found, wanted, f"{group} {words}, near {near}")


def test_the_office_opens_a_group_until_a_date():
    with World("readers", rehearse="2022-12-05") as world:
        world.broker.start()
        world.clock_run("2023-03-01")
        world.client("swj").submit("member-exchange", "2023Q1", harness.exchange("of swj"))
        kjj, zrj, swj = (world.home(f"unit:{unit}") for unit in ("kjj", "zrj", "swj"))
        asked = ("unit:kjj", "--group", "g1", "--until", "2023-03-20", "--reason", "共建道路")
        for home in (kjj, swj):
            done = world.run("musterctl", "--home", home, "grant", *asked)
            check(done.returncode == 4, f"a unit grants: {done.stdout}{done.stderr}")
        for words, named in ((("unit:kjk", *asked[1:]), "unit:kjk"), (("unit:kjj", "--group", "g9", *asked[3:]), "group"),
                             ((*asked[:4], "2023-02-01", *asked[5:]), "until"), ((*asked[:4], "soon", *asked[5:]), "--until soon")):
            done = world.run("musterctl", "grant", *words)
            check(done.returncode in (1, 2) and named in done.stderr, f"{words}: {done.stdout}{done.stderr}")
        equal(reports_seen(world, kjj), set(), "before it")
        world.must("musterctl", "grant", *asked)
        equal(reports_seen(world, kjj), {"swj"}, "what the grant opens")
        equal(len(world.ctl("--home", kjj, "units", "--group", "g1")), 7, "units of the granted group")
        check(not any(row["audience"].startswith("unit:swj") for row in world.ctl("--home", kjj, "alerts")), "alerts of the group")
        equal(reports_seen(world, zrj), set(), "a unit without a grant")
        # Who sees that there is one: the office, who reads, and the group that is read; nobody else.
        shown = [(row["reader"], row["reads"], row["until"], row["state"], row["source"], row["reason"])
                 for row in world.ctl("grants")]
        equal(shown, [("unit:kjj", "g1", "2023-03-20", "given", "office", "共建道路")], "to the office")
        for home, sees in ((kjj, 1), (swj, 1), (zrj, 0)):
            equal(len(world.ctl("--home", home, "grants")), sees, f"grants for {home}")
        check("读取方" in world.must("musterctl", "grants", language="zh_CN"), "in Chinese")
        world.broker.kill()
        world.broker.start()
        equal(reports_seen(world, kjj), {"swj"}, "after a kill")
        # Its last day is the 20th; then by hand, before its time.
        world.clock_run("2023-03-20T23:59:00+08:00")
        equal(reports_seen(world, kjj), {"swj"}, "on the last day")
        world.clock_run("2023-03-21")
        equal(reports_seen(world, kjj), set(), "after it")
        equal(world.ctl("grants"), [], "that stand")
        equal([row["state"] for row in world.ctl("grants", "--all")], ["ended"], "of all")
        world.must("musterctl", "grant", "group:g3", "--group", "g1", "--until", "2023-12-31", "--reason", "x")
        equal(reports_seen(world, kjj), {"swj"}, "as one of a group")
        done = world.run("musterctl", "--home", swj, "ungrant", "group:g3", "--group", "g1", "--reason", "x")
        check(done.returncode == 4, f"the group that is read takes it back: {done.stdout}{done.stderr}")
        world.must("musterctl", "ungrant", "group:g3", "--group", "g1", "--reason", "the road is built")
        equal(reports_seen(world, kjj), set(), "taken back")
        equal(world.ctl("replay")["differences"], "0", "replay")


VIEWERS = """viewers:
  - {id: leader-g1, reads: group, group: g1}
  - {id: mayor, reads: all}
"""


def kinds_of(client, count):
    client.subscribe(from_=0)
    return [(alert["audience"], alert["kind"]) for alert in client.alerts(count, PATIENCE_S)]


def test_cc_reads_what_is_issued_and_a_city_leader_the_group():
    with World("readers", rehearse="2022-12-05") as world:
        path = programme_with(world, VIEWERS)
        world.broker.argv[world.broker.argv.index(str(JINGNING))] = str(path)
        world.broker.start()
        world.clock_run("2023-03-01")
        for unit in ("swj", "kjj"):
            world.client(unit).submit("member-exchange", "2023Q1", harness.exchange(f"of {unit}"))
        world.clock_run("2023-06-01")
        homes = {name: world.home(f"viewer:{name}") for name in ("press", "leader-g1", "mayor")}
        cc = homes["press"]
        for verb in ("obligations", "reports", "alerts", "units", "issued"):
            equal(world.ctl("--home", cc, verb), [], f"{verb} for the cc list before anything is issued")
        for args in (("ledger", "list"), ("keys",), ("assess", "--period", "2023Q1"), ("show", ASSESSMENT)):
            done = world.run("musterctl", "--home", cc, *args)
            check(done.returncode != 0, f"{args}: {done.stdout}")
        equal(reports_seen(world, homes["leader-g1"]), {"swj"}, "the leader's group")
        equal(reports_seen(world, homes["mayor"]), {"swj", "kjj"}, "all")
        groups = {row["group"] for row in world.ctl("--home", homes["leader-g1"], "obligations")}
        equal(groups, {"g1"}, "the leader's obligations")
        published = next(row["id"] for row in world.ctl("obligations", "--duty", "assessment-quarter"))
        equal(published, ASSESSMENT, "the office's own")
        before = world.ctl("assess", "--period", "2023Q1")
        world.must("musterctl", "publish", ASSESSMENT, "--number", "2023-7")
        issued = world.ctl("--home", cc, "issued")
        equal([(row["id"], row["record_number"]) for row in issued], [(ASSESSMENT, "2023-7")], "issued")
        equal([row["kind"] for row in world.ctl("--home", cc, "alerts")], ["issued"], "alerts of the cc list")
        with mc.Client(mc.join(world.invite("viewer:press").read_text(encoding="utf-8")), kind="watch", name="w") as client:
            equal(kinds_of(client, 1), [("cc", "issued")], "the stream of the cc list")
        # As it was published, whatever is done afterwards.
        world.must("musterctl", "waive", "quarterly-progress/2023Q1/jxj", "--reason", "flood")
        read = world.ctl("--home", cc, "assess", "--period", "2023Q1")
        strip = lambda rows: [(row["duty"], row["group"], row["owed"], row["points"]) for row in rows if "note" not in row]
        equal(strip(read), strip(before), "the assessment as it was published")
        check(strip(world.ctl("assess", "--period", "2023Q1")) != strip(before), "the office sees it as it is now")
        # Who is not listed any more is back to what is issued, at the next question.
        programme_with(world, VIEWERS.replace("  - {id: mayor, reads: all}\n", ""))
        world.must("musterctl", "reload")
        equal(reports_seen(world, homes["mayor"]), set(), "a viewer who is listed no more")
        equal(world.ctl("replay")["differences"], "0", "replay")


if __name__ == "__main__":
    harness.main(*[test for name, test in list(globals().items()) if name.startswith("test_")])
