# SPDX-License-Identifier: Apache-2.0
"""The demo's own sentences, English and Chinese. `say(KEY, …)` fills the places of the reader's language."""
import os

LANGUAGES = ("en", "zh_CN")

WORDS = {
    # ---- the beginning ----
    "title": ("Muster rehearses the plan 丽政办发〔2022〕60号: five groups of municipal units help Jingning county",
              "Muster 演练丽政办发〔2022〕60号：支持景宁县走山区县高质量发展共同富裕特色之路团组帮扶"),
    "scale": ("{groups} groups, {units} units and the county, {areas} focus areas; from {begin} to {end}. What the "
              "units do here is invented.",
              "{groups}个组团、{units}个单位和景宁县，{areas}个重点领域；{begin}至{end}。各单位的表现均为虚构。"),
    "joined": ("{count} agents joined with invitations and run, each with keys of its own (CURVE, {endpoint})",
               "{count}个单位端凭邀请加入并运行，各有密钥（CURVE，{endpoint}）"),
    "watching": ("the office watches its alert stream", "办公室订阅警示流"),
    "progress": ("{day}  {reports} reports, {alerts} alerts", "{day}  报送{reports}件，警示{alerts}条"),
    "quarter": ("… {day}: {reports} reports, {alerts} alerts so far", "…… {day}：已报送{reports}件，警示{alerts}条"),
    "interrupted": ("interrupted; every process is ended", "已中断，全部进程已结束"),

    "ended": ("every process is ended", "全部进程已结束"),

    # ---- what happens ----
    "returned-task": ("{unit}'s task list is returned: figures are missing", "{unit}的任务清单被退回：缺少量化指标"),
    "last-moment": ("{unit} files its task list in the last millisecond of the last day: on time",
                    "{unit}在最后一天最后一毫秒报送任务清单：按时"),
    "late-task": ("{unit} files its task list two working days late", "{unit}的任务清单迟报2个工作日"),
    "late-correction": ("{unit}'s correction comes two working days late too; that is measured apart",
                        "{unit}的修改稿也迟报2个工作日，另行计算"),
    "approved": ("all five task lists are approved (审核)", "五个组团任务清单全部审核通过"),
    "issued": ("the office issues the five lists as one batch (统一印发), under one number; owners are to sign for their tasks",
               "办公室将五个组团任务清单统一编号印发，由责任单位签收"),
    "signed-late": ("{unit} signs for its task two working days late; all others have signed (签收)",
                    "{unit}迟2个工作日签收任务，其余单位均已签收"),
    "withdrawn": ("{unit} withdraws its exchange and sends another", "{unit}撤回交流材料，另行报送"),
    "returned-by-lead": ("{unit}, a lead, returns a member's exchange with its own agent",
                         "组长单位{unit}用自己的单位端退回成员单位的交流材料"),
    "late-1": ("{unit} is late by a working day, over a weekend", "{unit}迟报1个工作日，中间隔着周末"),
    "last-minute": ("{unit} reports in the last minute", "{unit}在最后一分钟报送"),
    "late-3": ("{unit} is late by three working days: two rungs of the ladder were climbed",
               "{unit}迟报3个工作日，警示已逐级上报"),
    "corrected": ("{unit}'s report was reviewed again and returned; it corrects it in time",
                  "{unit}的报告经复核退回，按时修改重报"),
    "agent-killed": ("while the broker is restarted, {unit} queues three reports and its agent is killed (SIGKILL); it comes "
                     "back and sends them", "中心重启期间，{unit}写入待发箱3件，其单位端被强行终止（SIGKILL），恢复后全部送达"),
    "sunday": ("{unit} reports in the last millisecond of a Sunday that is a working day: on time",
               "{unit}在调休上班的周日最后一毫秒报送：按时"),
    "urged-lead": ("{unit}, a lead, urges a member (催办)", "组长单位{unit}催办成员单位"),
    "saturday": ("{unit} reports on the Saturday after: late by the working day that has begun",
                 "{unit}在次日周六报送：迟报1个工作日"),
    "locked": ("{unit} never reported for the second quarter; after the lock its report is refused, and kept",
               "{unit}第二季度始终未报；锁定后再报被拒收，并留有记录"),
    "broker-killed": ("the broker is killed (SIGKILL) while reminders go out; three units go on queueing; it comes back "
                      "where it was", "正在发警示时中心被强行终止（SIGKILL），三个单位照常写入待发箱；中心恢复后接着运行"),
    "correction-holiday": ("{unit}'s correction is late by two working days, across a holiday with make-up days",
                           "{unit}的修改稿迟报2个工作日，跨越有调休的长假"),
    "asks": ("{unit} asks for an extension", "{unit}申请延期"),
    "granted": ("the office grants it", "办公室同意延期"),
    "on-time-ms": ("{unit} reports at 23:59:59.999: on time …", "{unit}在23:59:59.999报送：按时……"),
    "late-ms": ("… {unit} at 00:00:00.000: late", "……{unit}在00:00:00.000报送：迟报"),
    "urged-office": ("the office urges a lead that is ten working days late; its director was told",
                     "办公室催办已逾期10个工作日的组长单位，警示已达办公室主任"),
    "late-12": ("{unit} reports, late by twelve working days", "{unit}报送，迟报12个工作日"),
    "plan-last": ("{unit} files its plan for 2024 in the last millisecond of November",
                  "{unit}在11月最后一毫秒报送2024年计划"),
    "plan-late": ("{unit} files its plan for 2024 two working days late", "{unit}的2024年计划迟报2个工作日"),
    "on-record": ("all five plans are on record (备案), with their numbers", "五个组团的年度计划全部备案并编号"),
    "broker-killed-busy": ("the broker is killed (SIGKILL) with reports on their way; it comes back, each is stored once",
                           "报告在途时中心被强行终止（SIGKILL）；恢复后每件只存一次"),
    "late-5": ("{unit} is late by five working days", "{unit}迟报5个工作日"),
    "late-2": ("{unit} is late by two working days; the report still counts as 2023's",
               "{unit}迟报2个工作日，仍计入2023年"),

    "leader": ("the county names its leader in charge", "景宁县明确具体责任领导"),
    "late-department": ("{unit} names the last of fourteen departments, two working days late",
                        "{unit}最后一个对接部门迟报2个工作日（共14个）"),
    "vacated": ("a department's post at {unit} falls vacant: it is owed again", "{unit}一个对接部门岗位空缺，须重新明确"),
    "refilled": ("{unit} names a successor in time", "{unit}按时明确接任人员"),
    "leaders-meet": ("{unit} holds the meeting of the groups' heads; the director answers for its review",
                     "{unit}召开组长会议，由办公室主任复核"),
    "office-late": ("the office publishes its own assessment of the second quarter a working day late; its director was told",
                    "办公室第二季度考核迟发布1个工作日，警示已达办公室主任"),
    "late-minutes": ("{unit} files the minutes of its group's fourth meeting two working days after the year",
                     "{unit}年后第2个工作日才报送第4次团组会议纪要"),

    "raised": ("{unit}'s report raises a difficulty (难点问题): two other groups and the province are asked to help",
               "{unit}在季报中提出难点问题，请另外两个组团的单位和省级部门协助"),
    "replied-late": ("{unit} replies two working days late: its lead and the raiser's had been told",
                     "{unit}迟2个工作日答复，双方组长单位均已收到警示"),
    "raised-again": ("{unit} says that its difficulty is not solved after all, and raises it again",
                     "{unit}认为难点问题实际未解决，再次提出"),
    "solved": ("{unit} confirms that its difficulty is solved", "{unit}确认难点问题已解决"),

    # ---- the table ----
    "table": ("The year {begin} to {end}, as rehearsed; what the units do is invented",
              "{begin}至{end}全年情况（演练，各单位表现均为虚构）"),
    "group": ("group", "组团"),
    "task-list": ("task list", "任务清单"),
    "plan": ("plan 2024", "2024年计划"),
    "members": ("its {count} members, to it", "{count}个成员单位，向其交流"),
    "meetings": ("meetings of the group so far", "团组会议累计"),
    "overdue": ("overdue", "逾期"),
    "posts": ("Posts filled: county leader {leader}, departments {department}, liaisons {liaison}; units with all three "
              "contacts {contacts}",
              "岗位落实：县责任领导{leader}，对接部门{department}，团组联络员{liaison}，三级联系人齐全的单位{contacts}"),
    "the-office": ("the office", "办公室"),
    "late": ("late {days}", "迟{days}日"),
    "missing": ("missing", "缺报"),
    "in-grace": ("in grace", "宽限内"),
    "open": ("open", "未到期"),
    "legend": ("✓ on time   late n: by n working days   ↺ returned and corrected   + due date extended   2024-01 record "
               "number", "✓ 按时   迟n日：迟报n个工作日   ↺ 退回后改正   + 已延期   2024-01 备案号"),
    "late-by": ("late by {days} working days", "迟报{days}个工作日"),
    "late-by-1": ("late by 1 working day", "迟报1个工作日"),
    "never": ("missing: never reported, locked", "缺报：始终未报，已锁定"),
    "overdue-still": ("overdue, not locked yet", "逾期未办，尚未锁定"),
    "not-on-time": ("Not on time", "未按时的"),

    # ---- sent and received ----
    "checks": ("Sent and received", "收发核对"),
    "check-receipts": ("{queued} acts queued by {units} agents: {acknowledged} acknowledged with a receipt, {refused} of "
                       "them refused; the broker holds {stored}, each once: nothing lost, nothing twice",
                       "{units}个单位端写入待发箱{queued}件，全部得到回执{acknowledged}件（其中拒收{refused}件）；"
                       "中心存有{stored}件，每件一次：无丢失，无重复"),
    "check-alerts": ("{alerts} alerts, numbered 1 to {alerts} without a gap, received by the office as the log has them",
                     "警示{alerts}条，编号1至{alerts}无缺号，办公室所收与日志一致"),
    "check-ledger": ("the ledger's chain of {rows} rows verifies (head {head}…); replayed, it gives the same year",
                     "台账{rows}行哈希链核验无误（链首{head}……），重放后结果相同"),
    "check-tasks": ("{tasks} tasks, each from an issued list or a plan on record, signed for by its owner and reported on",
                    "任务{tasks}项，均来自已印发的清单或已备案的计划，由责任单位签收并报送进度"),
    "check-difficulties": ("{difficulties} difficulties with {replies} replies by units of other groups, told to those concerned and "
                           "nobody else, solved by their raisers' word",
                           "难点问题{difficulties}个，由其他组团的单位答复{replies}次，只告知有关各方，均由提出单位确认解决"),
    "check-projects": ("{projects} projects won by {project_units} units, each once, as last reported",
                       "{project_units}个单位争取项目{projects}个，每个只登记一次，内容以最近报送为准"),
    "check-verdicts": ("{verdicts} verdicts are those that the script expects; verdict digest {digest}",
                       "{verdicts}项认定与脚本预期一致；认定摘要 {digest}"),
    "check-kills": ("SIGKILL of {agents} agent and {brokers} times of the broker in between", "其间单位端被强行终止{agents}次，中心{brokers}次"),

    # ---- clauses ----
    "clauses": ("Clauses of the plan that the year exercised", "全年落实的方案条款"),
    "clause-counts": ("{duty}: {reported} of {owed} reported, {on_time} on time, {late} late, {missing} missing, {returns} "
                      "returned", "{duty}：应报{owed}，已报{reported}，按时{on_time}，迟报{late}，缺报{missing}，退回{returns}次"),
    "clause-counts-done": ("{duty}: {reported} of {owed} done, {on_time} on time, {late} late, {missing} missing",
                           "{duty}：应办{owed}，已办{reported}，按时{on_time}，迟办{late}，缺办{missing}"),
    "clause-dispatch": ("团组组长单位要加强本领域帮扶工作进展情况的调度", "团组组长单位要加强本领域帮扶工作进展情况的调度"),
    "clause-dispatch-counts": ("leads received {received}, returned {returned} and urged {urged} with their own agents",
                               "组长单位用自己的单位端收件{received}次、退回{returned}次、催办{urged}次"),
    "clause-office": ("办公室牵头做好团组事项统筹协调、考核督促", "办公室牵头做好团组事项统筹协调、考核督促"),
    "clause-office-counts": ("the office reviewed {reviewed} times, urged {urged} and extended {extended}",
                             "办公室审核、备案、退回{reviewed}次，催办{urged}次，同意延期{extended}次"),
    "clause-tasks": ("{standing} tasks in force in {areas} focus areas: {done} of 2023 done; changes between "
                     "a list's versions: {changed}", "{areas}个重点领域共有生效任务{standing}项，2023年任务已完成{done}项，清单版本间有{changed}处修改"),
    "clause-difficulties": ("{raised} difficulties raised in reports, crossing {groups} groups: {solved} confirmed as solved, "
                            "{again} of them raised again in between",
                            "季报中提出难点问题{raised}个，涉及{groups}个组团，已确认解决{solved}个，其中{again}个曾再次提出"),
    "clause-projects": ("各帮扶团组要充分掌握帮扶情况，积极争取项目", "各帮扶团组要充分掌握帮扶情况，积极争取项目"),
    "clause-projects-counts": ("{won} projects won by {units} units, listed in {reports} reports; shown, never scored",
                               "{units}个单位争取项目{won}个，列于{reports}份报告；只展示，不计分"),
    "declared": ("Standing exhortations, listed as attested duties; the software never ticks one on its own:",
                 "原则性要求，列为证明性事项；软件绝不自行勾选："),

    # ---- what next ----
    "further": ("Look further", "继续查看"),
    "further-kept": ("The rehearsal lies in {dir}, until the next one. Wake it up, with its clock held at {now}:",
                     "演练数据在 {dir}，下次演练时替换。唤醒后时钟停在{now}："),
    "further-gone": ("The rehearsal's data are removed. To keep them, or to go on from here:", "演练数据已删除。如需保留或继续："),
    "further-serve": ("Everything runs on, with the clock held at {now}. In another terminal:",
                      "全部进程继续运行，时钟停在{now}。请在另一个终端输入："),
    "try-wake": ("start its broker again", "再次启动中心"),
    "try-env": ("PATH, the broker's local endpoint, the time zone", "设置路径、本机端点和时区"),
    "try-status": ("the broker at a glance", "中心概况"),
    "try-obligations": ("who was late", "哪些迟报"),
    "try-show": ("one obligation: extended, then on time", "一项义务的经过：延期后按时"),
    "try-report": ("one report, whole", "一份报告全文"),
    "try-explain": ("why an alert fired", "某条警示的缘由"),
    "try-watch": ("the office's stream from its beginning", "从头查看办公室警示流"),
    "try-agent": ("a unit's agent", "启动一个单位的单位端"),
    "try-unit": ("what the unit owes", "该单位的义务"),
    "try-inbox": ("its reminders", "该单位收到的警示"),
    "try-clock": ("go on into the next year", "让时钟走到下一年"),
    "try-keep": ("keep data and logs there", "数据和日志留在该目录"),
    "try-serve": ("rehearse, and keep everything running", "演练后保持运行"),
    "serving": ("Ctrl-C ends it.", "按 Ctrl-C 结束。"),

    # ---- the end ----
    "passed": ("demo: the year came out as expected, {seconds:.0f} s, verdict digest {digest}",
               "演练：全年结果与预期一致，用时{seconds:.0f}秒，认定摘要 {digest}"),
    "failed": ("demo: {count} things are wrong; the processes' logs are in {dir}", "演练：有{count}处不符；各进程日志在 {dir}"),
}


def reader_language(asked=None):
    """As for the programs: what was asked for, else the environment's, else English."""
    words = [asked] if asked else [os.environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")]
    said = next((word for word in words if word), "en")
    return "zh_CN" if said.startswith("zh") else "en"


class Words:
    def __init__(self, language):
        self.language = language
        self.column = LANGUAGES.index(language)

    def say(self, key, **places):
        return WORDS[key][self.column].format(**places)

    def pick(self, zh, en):
        return zh if self.column else en
