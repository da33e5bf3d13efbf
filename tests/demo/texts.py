# SPDX-License-Identifier: Apache-2.0
"""What the units of the demo write: sentences in official style for every focus area of the plan and every
member unit. They are invented for the rehearsal, like everything that units do in it, and each report says so.
No sentence depends on chance, so that two runs send the same bytes of text."""
import json
import re

# Focus area: its task, its progress in each quarter of 2023, and what is planned for 2024.
AREAS = {
    "g1-1": ("培育特色生态产业平台1个，年内培训技能人才600人次以上。",
             ("完成生态产业平台规划评审，举办竹木加工、幼教木玩技能培训班2期，培训118人次。",
              "产业平台一期标准厂房主体结顶，入驻企业3家；累计培训技能人才302人次。",
              "推动2家竹木企业完成数字化改造，新认定技能大师工作室1个，累计培训476人次。",
              "平台入驻企业增至7家，累计培训技能人才638人次，超额完成年度目标。"),
             "建成平台二期，规上工业企业净增3家，培训技能人才700人次。"),
    "g1-2": ("丽景园导入税源企业5家，平台工业产值增长15%。",
             ("赴开发区对接意向企业9家，签订入园意向书2份，完成园区闲置厂房摸底1.6万平方米。",
              "2家企业完成注册，盘活闲置厂房0.8万平方米，园区一季度以来产值同比增长9.2%。",
              "新增入园税源企业2家，园区污水管网改造完工，前三季度产值同比增长13.1%。",
              "全年导入税源企业5家，园区产值同比增长16.4%，兑现要素保障政策4项。"),
             "实施小微园提升工程，导入税源企业6家，亩均税收提高10%。"),
    "g1-3": ("形成“丽水山泉”景宁水源点开发方案，引入合作企业1家。",
             ("完成3处优质水源点水质检测和水资源论证，编制开发方案初稿。",
              "组织省内水行业企业2家实地踏勘，与县国企达成合作框架意见。",
              "水源地保护规划通过专家评审，生产线用地完成预审。",
              "合作公司完成注册，首条生产线设备完成招标。"),
             "首条生产线投产，开展“丽水山泉”品牌推介2次。"),
    "g1-4": ("建立丽景园招商合作及利益分享机制，签约共建项目3个。",
             ("起草招商合作及利益分享办法，征求市县6家单位意见。",
              "利益分享办法经双方会商一致，联合招商专班进驻园区办公。",
              "签约共建项目2个，计划总投资3.4亿元，其中1个已供地。",
              "累计签约共建项目4个，落地2个，完成首次利益分享核算。"),
             "完善园区共管机制，力争共建项目开工3个。"),
    "g1-5": ("市县联合外出招商8次以上，引进区域贸易总部1家。",
             ("建立市县联合招商项目库，入库项目21个，赴杭州、宁波招商2次。",
              "对接头部企业4家，举办绿色能源关联产业推介会1场，累计外出招商4次。",
              "1家贸易企业完成区域总部注册，机器人零部件项目进入合同谈判。",
              "全年外出招商9次，签约项目3个，区域贸易总部实现销售额0.9亿元。"),
             "引进高端机床配套项目1个，贸易总部销售额突破2亿元。"),
    "g2-1": ("协助编制交通项目建设规划，推进重点道路项目前期4项。",
             ("完成县域交通项目梳理，列入规划储备项目17个，联络线工可报告通过内审。",
              "2条农村公路提升工程开工，累计完成路基12公里；铁路站点配套方案完成比选。",
              "农村公路累计建成23公里，联络线用地预审获批，危桥改造完工4座。",
              "全年建成农村公路31公里，3个项目列入省级计划，外联通道前期取得阶段成果。"),
             "联络线力争开工，新改建农村公路28公里，实现乡镇公交化改造全覆盖。"),
    "g3-1": ("“景宁600”基地面积新增3000亩，农产品销售额增长12%。",
             ("新认定“景宁600”基地9个、面积820亩，签订“丽水山耕”品牌使用协议6份。",
              "基地面积累计新增1560亩，现代农业园区冷链仓库投入使用。",
              "组织产销对接会3场，销售高山蔬菜等农产品4200余万元，基地累计新增2430亩。",
              "全年基地新增3110亩，销售额同比增长13.5%，特色农业强镇通过中期评估。"),
             "建设三产融合示范点3个，“景宁600”销售额再增长12%。"),
    "g3-2": ("选派科技特派员20名，实施茶叶、畲药科技项目6个。",
             ("选派科技特派员22名，立项惠明茶、畲药科技项目4个，落实经费186万元。",
              "惠明茶机采示范园建成600亩，畲药种苗繁育基地出圃种苗35万株。",
              "引进畲药新品种3个，举办茶叶加工技术培训5期、260人次。",
              "科技项目累计实施7个，茶叶全产业链产值同比增长11.2%。"),
             "建成畲药标准化种植基地1000亩，茶叶深加工项目投产1个。"),
    "g3-3": ("“大搬快聚”搬迁安置1200人，完成中心镇建设项目5个。",
             ("完成搬迁意愿调查3860户，2个安置小区开工建设。",
              "安置小区完成投资1.1亿元，签约搬迁群众412户、1305人。",
              "1个安置小区主体结顶，中心镇道路、供水项目完工3个。",
              "累计安置1268人，就业帮扶岗位落实346个，中心镇5个项目全部完工。"),
             "安置1000人，完善安置小区配套，新建中心村服务综合体2个。"),
    "g3-4": ("治理河道15公里，山塘水库除险加固6座。",
             ("完成安全美丽水网规划编制，2座水库除险加固开工。",
              "治理河道6.2公里，汛前隐患整改率100%，完成投资0.5亿元。",
              "治理河道累计11.4公里，除险加固完工4座，数字水网感知点新增36个。",
              "全年治理河道15.8公里，除险加固6座全部完工，创建美丽河湖1条。"),
             "实施水系连通项目1个，治理河道12公里，建设水美乡村试点2个。"),
    "g4-1": ("发展林下经济1万亩，实施“国家公园+”项目4个。",
             ("安排林下经济补助资金，落实林下中药材种植2100亩，“国家公园+”项目库入库8个。",
              "林下经济新增4600亩，国家公园入口社区提升工程完成方案设计。",
              "林下经济累计新增8150亩，开展自然教育活动12场，公益林补偿资金兑付到户。",
              "全年新增林下经济1.03万亩，4个“国家公园+”项目开工3个、完工1个。"),
             "建成入口社区1个，林下经济新增8000亩，培育国家公园品牌产品5个。"),
    "g5-1": ("选派专家下沉30名，县域综合医院新增适宜技术10项。",
             ("选派下沉专家16名，开展手术带教42台次，县医院建立专病门诊2个。",
              "下沉专家增至28名，新增适宜技术4项，远程会诊186例。",
              "县医院胸痛中心通过初审，新增适宜技术累计8项，巡回义诊服务1240人次。",
              "全年下沉专家33名，新增适宜技术11项，县域就诊率提高2.1个百分点。"),
             "支持县医院创建重点专科2个，医共体检验结果互认全覆盖。"),
    "g5-2": ("组建教育帮共体4个，推进职高校企合作专业2个。",
             ("教育资源布局调整方案完成摸底，市县学校结对8对，开展送教24节次。",
              "帮共体协议签订4份，职业高中与高职院校商定联合培养方案。",
              "汽车检测专业联合招生46人，骨干教师跟岗学习31名。",
              "全年送教112节次，新增合作专业2个，乡镇小规模学校优化调整2所。"),
             "帮共体覆盖全部中心校，联合培养招生100人。"),
    "g5-3": ("办好“三月三”文化活动，形成畲族文化品牌项目3个。",
             ("筹备中国畲乡“三月三”系列活动，完成场馆提升和节目编排。",
              "“三月三”活动期间接待游客21.6万人次，举办畲族民歌展演6场。",
              "非遗工坊新增3家，研学线路2条上线，文艺骨干培训150人次。",
              "全年开展畲族文化活动58场，“三月三”品牌形象标识完成注册。"),
             "筹办2024年“三月三”主会场活动，新增非遗工坊2家。"),
}

# Focus area: what its task of 2023 and of 2024 is counted by.
TARGETS = {
    "g1-1": (("600", "人次"), ("700", "人次")), "g1-2": (("5", "家"), ("6", "家")), "g1-3": (("1", "家"), ("2", "次")),
    "g1-4": (("3", "个"), ("3", "个")), "g1-5": (("8", "次"), ("1", "个")), "g2-1": (("4", "项"), ("28", "公里")),
    "g3-1": (("3000", "亩"), ("3", "个")), "g3-2": (("6", "个"), ("1000", "亩")), "g3-3": (("1200", "人"), ("1000", "人")),
    "g3-4": (("15", "公里"), ("12", "公里")), "g4-1": (("10000", "亩"), ("8000", "亩")), "g5-1": (("30", "名"), ("2", "个")),
    "g5-2": (("4", "个"), ("100", "人")), "g5-3": (("3", "个"), ("2", "家")),
}

# Member unit: what it does, with a figure for each quarter.
MEMBERS = {
    "rsj": ("举办技能人才培训班，本季培训{}人次，推荐就业岗位", (118, 184, 174, 162)),
    "swj": ("帮助商贸企业对接省市采购平台，签订购销意向{}份，支持新增限上单位", (6, 9, 8, 11)),
    "szsyb": ("梳理推送招商线索{}条，联合县里外出洽谈重点企业", (14, 19, 17, 21)),
    "kfq": ("向丽景园推介外溢项目{}个，选派园区管理骨干驻点帮扶", (5, 7, 6, 9)),
    "chengtou": ("参与园区基础设施代建，完成管网改造{}百米，协助盘活闲置资产", (8, 12, 15, 10)),
    "lsxy": ("组织专家教授{}名赴景宁开展产业规划和技术咨询，结对企业", (12, 15, 9, 18)),
    "fgw": ("指导交通项目纳入专项规划，协调解决前期审批事项{}项", (4, 6, 5, 7)),
    "twb": ("会商铁路站点及配套工程方案{}次，对接省级主管部门", (3, 4, 5, 4)),
    "jiaotou": ("承建农村公路提升工程，完成路面{}公里，吸纳当地务工群众", (5, 8, 9, 6)),
    "zxw": ("完成交通与产业融合专题调研{}次，提交咨询建议", (2, 3, 2, 4)),
    "kjj": ("选派科技特派员{}名，指导茶叶、畲药科技项目实施", (22, 22, 24, 26)),
    "mzj": ("推进乡镇养老服务设施建设{}处，走访慰问困难群众", (3, 5, 4, 6)),
    "slj": ("指导山塘水库除险加固和河道治理，现场服务{}次", (7, 11, 9, 8)),
    "nongtou": ("收购销售“景宁600”农产品{}吨，建设产地冷链点", (36, 58, 92, 64)),
    "wenlv": ("策划畲乡旅游线路{}条，组织研学和疗休养团队", (2, 4, 5, 3)),
    "lszy": ("开展农村实用人才培训{}人次，共建实训基地", (86, 132, 120, 141)),
    "czj": ("审核拨付林下经济和生态补偿资金，涉及项目{}个", (8, 11, 9, 14)),
    "zrj": ("保障“国家公园+”项目用地，办理用地预审{}宗", (3, 5, 4, 6)),
    "hbj": ("开展生态环境监测{}点次，指导入口社区污水治理", (24, 31, 28, 26)),
    "bsz": ("开发国家公园自然教育课程，接待访客{}批次", (6, 14, 21, 12)),
    "dangxiao": ("举办生态文明专题培训{}期，形成调研报告", (1, 2, 2, 3)),
    "wgltj": ("指导“三月三”文化活动，组织文艺演出{}场", (9, 16, 8, 7)),
    "jyj": ("组织市县学校结对送教{}节次，选派骨干教师支教", (24, 32, 26, 30)),
    "zxyy": ("下沉专家坐诊带教，开展手术{}台次、疑难病例讨论", (42, 55, 61, 58)),
    "rmyy": ("开展远程会诊{}例，帮助县医院建立专病门诊", (46, 62, 39, 54)),
    "zyy": ("推广中医适宜技术，服务群众{}人次，帮扶畲医门诊", (210, 340, 305, 288)),
}

# Persons on record, as many as are wanted: none of them exists.
FAMILIES = "蓝雷钟叶周吴陈林潘柳梅项"
GIVEN = ("晓东", "建华", "海燕", "志明", "丽君", "伟强", "永平", "秀芳", "立新", "文斌", "雪梅")


def person(number):
    return FAMILIES[number % len(FAMILIES)] + GIVEN[number // len(FAMILIES) % len(GIVEN)]


DIFFICULTIES = ("园区用地指标偏紧，建议市级统筹支持。", "", "部分项目资金到位较慢，建议加快拨付进度。", "")
PROJECTS = ("", "争取省级山区县专项资金项目1个。", "", "争取中央预算内投资项目1个，省级产业项目1个。")
INVENTED = "（演练数据，并非实际情况。）"


def _quarter(period):
    return int(period[-1]) - 1


def area_progress(duty, period, area, version):
    task, quarters, plan = AREAS[area]
    text = {"task-list": f"重点任务：{task}完成时限为2023年12月底。",
            "annual-plan": f"2024年重点任务：{plan}"}.get(duty)
    if text is None:
        text = quarters[_quarter(period)]
    return text if version == 1 else f"{text}（已按退回意见补充完善有关数据，第{version}版。）"


def summary(duty, period, unit, version):
    if duty == "task-list":
        return f"组团任务清单共列入重点任务，已征求各成员单位意见。{INVENTED}"
    if duty == "annual-plan":
        return f"{period}年度帮扶计划和重点任务，已经组团会议研究。{INVENTED}"
    number = "一二三四"[_quarter(period)]
    if duty == "quarterly-progress":
        return f"2023年第{number}季度，本组团各项重点任务按计划推进。{INVENTED}"
    what, figures = MEMBERS[unit]
    again = "已按退回意见核实补充。" if version > 1 else ""
    sentence = what.format(figures[_quarter(period)])
    return f"2023年第{number}季度，我单位{sentence}等工作有序推进。{again}下一步将加强与组长单位的联络。{INVENTED}"


def figures(unit, period, version):
    """What the fields of figures hold: invented, and the same for a unit and period whenever it is asked."""
    number = sum(unit.encode()) + 7 * _quarter(period)
    return {"funds": f"{number % 90 + 10}.{number % 10}{version % 10}", "people": number * 3 % 900 + 60,
            "projects_won": number % 4, "rate": f"{min(100, 20 + 25 * _quarter(period) + number % 9)}"}


def _put(text, key, value):
    """Fill in the first empty value of a key: with text, or a list as JSON writes it."""
    quoted = json.dumps(value, ensure_ascii=False)
    return re.sub(rf'(?m)^(\s*{key}:) ""', lambda found: f"{found[1]} {quoted}", text, count=1)


def owner_of(area, lead, members):
    """The lead has the first focus area of its group, the members have the others."""
    return (lead, *members)[(int(area[-1]) - 1) % (1 + len(members))]


def title_of(area, of_plan):
    return re.split("[，；。]", AREAS[area][2 if of_plan else 0])[0]


def fill_in_list(form, duty, version, owners):
    """A task in each focus area; the first version of the water network's has no figure to speak of."""
    of_plan = duty == "annual-plan"
    for area in [area for area in re.findall(r'(?m)^    area: "(.*)"', form)]:
        value, unit = TARGETS[area][of_plan]
        if (area, duty, version) == ("g3-4", "task-list", 1):
            value, unit = "1", "项"
        form = _put(form, "- title", title_of(area, of_plan))
        form = _put(form, "owner", owners[area])
        form = form.replace('target: {value: "", unit: ""}', f'target: {{value: "{value}", unit: "{unit}"}}', 1)
        form = _put(form, "due", f"{2024 if of_plan else 2023}-12-31")
    return form


# How far the tasks of 2023 had come at the end of each quarter; this one lagged behind.
PERCENT, LAGGING, LAGGING_PERCENT = (25, 50, 75, 100), "g3-03", (5, 10, 60, 100)


def fill_in_tasks(form, period, first_list):
    """Brought up to date: those of the first list, which is 2023's; those of 2024 have only begun."""
    number = _quarter(period)

    def told(found):
        percent = LAGGING_PERCENT[number] if found[1] == LAGGING else PERCENT[number]
        return f'{found[0][:found.start(2) - found.start()]}{percent if found[1] in first_list else 0}"'

    return re.sub(r'(?m)^  - id: "([a-z0-9]+-\d\d)"\n    percent: "(\d+)"', told, form)


def fill_in(form, unit, version=1, date=None, owners=None, first_list=(), listed=None):
    """A form as `muster-agent new` wrote it, filled in."""
    duty, period = (re.search(rf'(?m)^{key}: "(.*)"', form)[1] for key in ("duty", "period"))
    for key, value in (("filled_in_by", "张小明"), ("checked_by", "李建国"), ("signed_off_by", "王志强"),
                       ("phone", "0578-5000000")):
        form = _put(form, key, value)
    if date:
        for key, value in (("date", date), ("convener", "组长"), ("attendees", "各成员单位分管负责人"),
                           ("decisions", f"通报近期进展，研究下一步帮扶事项，明确责任单位和完成时限。{INVENTED}")):
            form = _put(form, key, value)
        return form
    form = fill_in_tasks(form, period, first_list) if duty == "quarterly-progress" else form
    form = fill_in_list(form, duty, version, owners) if duty in ("task-list", "annual-plan") else form
    for area in re.findall(r'(?m)^  - id: "(g\d-\d)"', form):
        form = _put(form, "progress", area_progress(duty, period, area, version))
    form = _put(form, "summary", summary(duty, period, unit, version))
    if duty in ("quarterly-progress", "member-exchange"):
        for key, value in figures(unit, period, version).items():
            while re.search(rf'(?m)^\s*{key}: ""', form):
                form = _put(form, key, str(value))
    if duty == "quarterly-progress":
        for key, words in (("difficulties", DIFFICULTIES), ("projects", PROJECTS)):
            form = _put(form, key, (listed or {}).get(key, words[_quarter(period)]))
    return form
