"""What networks do while it is recorded; what must fire then is in `tests/firing.py`."""

from __future__ import annotations

import signal

from tests.stage import Scenario, Stage, hop, permit, send, target

WEB = {"labels": {"site": "home"}}
LONG_WAY = ["gw", "core1", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "edge"]
ROUTE = {True: ["gw", "core2", "edge"], False: ["gw", "core1", "edge"]}

SCENARIOS: dict[str, Scenario] = {
    "steady": Scenario(
        "Nothing goes wrong on four paths, one of them balanced, one over IPv6",
        {"web": WEB, "mail": {}, "files": {"host": "2001:db8:300::4"}},
        scrapes=60,
    ),
    "trouble": Scenario(
        "A router limits its answers, one is silent, one loses 5 % of its own; two in a hundred "
        "packets are lost behind a balanced pair; a router goes silent and comes back; nothing "
        "is heard for a cycle; the name server fails for a while",
        {"web": WEB, "mail": {}, "shop": {}},
        scrapes=120,
        events={
            5: (hop("a", forward_loss=0.02), hop("b", forward_loss=0.02)),
            20: (hop("core1", silent=True),),
            40: (hop("core1", silent=False),),
            50: (hop("gw", blackhole=True),),
            51: (hop("gw", blackhole=False),),
            60: (Stage.stop_names,),
            75: (Stage.start_names,),
            90: (hop("modest", rate_limit="0.2/s"),),
        },
        origins=True,
    ),
    "route": Scenario(
        "A router of the same network takes over from another, and stays",
        {"web": WEB, "mail": {}},
        scrapes=60,
        events={20: (target("web", path=["gw", "core2", "edge"]),)},
        origins=True,
    ),
    "as-path": Scenario(
        "Another network carries the traffic, and gives it back after 70 minutes",
        {"web": WEB, "mail": {}},
        scrapes=150,
        events={
            20: (target("web", path=["gw", "alt", "edge"]),),
            90: (target("web", path=["gw", "core1", "edge"]),),
        },
        origins=True,
    ),
    "flapping": Scenario(
        "The route moves to and fro each five minutes for an hour, then it stays",
        {"web": WEB, "mail": {}},
        scrapes=190,
        events={
            minute: (target("web", path=ROUTE[bool(minute % 10)]),) for minute in range(15, 76, 5)
        },
        origins=True,
    ),
    "unreachable": Scenario(
        "A destination is silent for a quarter of an hour; another one is, behind a black hole",
        {"web": WEB, "files": {}, "mail": {}},
        scrapes=90,
        events={
            10: (target("web", icmp="silent"), hop("core2", blackhole=True)),
            25: (target("web", icmp="reply"),),
            40: (hop("core2", blackhole=False),),
        },
        origins=True,
    ),
    "loss": Scenario(
        "One in seven packets is lost behind the second router for 50 minutes",
        {"web": WEB, "shop": {}},
        scrapes=120,
        events={10: (hop("core1", forward_loss=0.15),), 60: (hop("core1", forward_loss=0),)},
        origins=True,
    ),
    "heavy-loss": Scenario(
        "Three in four packets are lost behind the second router; another destination answers one "
        "probe in four",
        {"web": WEB, "shop": {}},
        scrapes=100,
        events={
            10: (hop("core1", forward_loss=0.75), target("shop", loss=0.75)),
            60: (hop("core1", forward_loss=0), target("shop", loss=0)),
        },
        origins=True,
    ),
    "five-percent": Scenario(
        "Every twentieth packet is lost, as many as are allowed, for four hours",
        {"web": WEB, "mail": {}},
        scrapes=240,
        events={5: (hop("core1", forward_loss=0.05),)},
    ),
    "rtt": Scenario(
        "After two days and some hours the way is 20 ms longer; for an hour of the first day, too",
        {"web": WEB},
        scrapes=640,
        events={
            100: (hop("core1", delay="8ms"),),
            112: (hop("core1", delay="4ms"),),
            590: (hop("core1", delay="24ms"),),
        },
        seconds=0.5,
        minutes=5,
        evaluated=15,
        keeps="target_(rtt|reached)|path_changes",
    ),
    "mtu": Scenario(
        "After a day a tunnel comes up that takes only 1,400 bytes; a cycle is lost meanwhile",
        {"files": {"mtu": True}, "web": {**WEB, "mtu": True}},
        scrapes=480,
        events={
            290: (hop("tunnel", mtu=1400),),
            310: (hop("gw", blackhole=True),),
            311: (hop("gw", blackhole=False),),
        },
        minutes=5,
        evaluated=5,
        keeps="mtu|target_reached|path_changes",
    ),
    "longer": Scenario(
        "A path of four hops becomes one of twelve: too long for the pace and for the series that "
        "are allowed; after 70 minutes it is short again",
        {"web": WEB},
        scrapes=150,
        events={
            10: (target("web", path=LONG_WAY),),
            80: (target("web", path=["gw", "core1", "edge"]),),
        },
        limits={"probes_per_second": 20, "series_per_target": 100},
    ),
    "permission": Scenario(
        "ICMP sockets are forbidden to the exporter, which may use no other; then permitted",
        {"web": {**WEB, "protocol": "icmp"}, "mail": {"protocol": "icmp"}},
        scrapes=70,
        events={35: (permit(True),)},
        ping_sockets=False,
    ),
    "names": Scenario(
        "The name server is gone for half an hour; one target has a name, one an address",
        {"web": {**WEB, "host": "www.example.net"}, "mail": {}},
        scrapes=100,
        events={10: (Stage.stop_names,), 40: (Stage.start_names,)},
    ),
    "down": Scenario(
        "The exporter is stopped, and started again after 20 minutes",
        {"web": WEB},
        scrapes=50,
        events={10: (Stage.stop,), 30: (Stage.start,)},
    ),
    "reload": Scenario(
        "A configuration with a fault is reloaded, and mended after 20 minutes",
        {"web": WEB},
        scrapes=50,
        events={10: (Stage.spoil,), 30: (Stage.mend,)},
    ),
    "stale": Scenario(
        "A list of targets cannot be had for a moment, and then for half an hour; the web "
        "configuration is broken for 20 minutes",
        {"web": WEB},
        scrapes=60,
        events={
            0: (Stage.start_lists,),
            8: (Stage.stop_lists,),
            10: (Stage.start_lists, Stage.spoil_web),
            15: (Stage.stop_lists,),
            30: (Stage.mend_web,),
            45: (Stage.start_lists,),
        },
        lists=True,
    ),
    "restart": Scenario(
        "The exporter is restarted twice; its host sleeps for four minutes",
        {"web": WEB, "mail": {}, "shop": {}, "files": {"mtu": True}},
        scrapes=100,
        events={
            20: (Stage.stop, Stage.start),
            45: (Stage.stop, Stage.start),
            70: (send(signal.SIGSTOP),),
            74: (send(signal.SIGCONT),),
        },
        origins=True,
    ),
    "forgetful": Scenario(
        "The exporter keeps no history; it is restarted, and again with another route, of which it "
        "cannot know",
        {"web": WEB, "mail": {}, "files": {"mtu": True}},
        scrapes=70,
        events={
            20: (Stage.stop, Stage.start),
            40: (Stage.stop, target("web", path=["gw", "alt", "edge"]), Stage.start),
        },
        origins=True,
        keeps_history=False,
    ),
    "changed-while-down": Scenario(
        "A route changes; later it changes to another network's while the exporter is restarted",
        {"web": WEB, "mail": {}},
        scrapes=130,
        events={
            10: (target("web", path=["gw", "core2", "edge"]),),
            60: (Stage.stop, target("web", path=["gw", "alt", "edge"]), Stage.start),
        },
        origins=True,
    ),
}
