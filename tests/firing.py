"""What fires while a recording is replayed, written by hand: which alerts, and in which minutes.

Their words are in `tests/telling.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.replay import Firing
from tests.stage import INSTANCE, JOB, LIST

EXPORTER = {"job": JOB, "instance": INSTANCE}
FILES = {**EXPORTER, "target": "files", "family": "ipv4", "protocol": "icmp"}
MAIL = {**FILES, "target": "mail"}
SHOP = {**FILES, "target": "shop"}
WEB = {**FILES, "target": "web", "site": "home"}

# The scrape after the event shows it. Windows of 15 minutes, and 15 more.
ROUTE = Firing("FtrRouteChanged", "info", 21, 50, WEB)
# Two cycles of the four that were needed could not confirm within their own second.
AS_ROUTE = Firing("FtrRouteChanged", "info", 22, 121, WEB, times=2)
AS_PATH = Firing("FtrAsPathChanged", "warning", 22, 136, WEB, times=2)
# Told of as single changes until the sixth, and 15 minutes more.
FLAPPING_ROUTE = Firing("FtrRouteChanged", "info", 16, 55, WEB)
# The sixth is at 40; of the last at 75, six are within an hour until 110, and 30 minutes more.
FLAPPING = Firing("FtrRouteFlapping", "warning", 41, 140, WEB)
# Silent from 12 on, five minutes and one.
DARK_WEB = Firing("FtrTargetUnreachable", "critical", 18, 30, WEB)
DARK_FILES = Firing("FtrTargetUnreachable", "critical", 18, 45, FILES)
# Half an hour's mean is above the threshold at 15, ten minutes and a quarter of an hour before.
TARGET_LOSS = Firing("FtrTargetLoss", "warning", 25, 93, WEB)
PATH_LOSS = Firing("FtrPathLoss", "warning", 30, 86, WEB)
HEAVY_LOSS = (
    Firing("FtrTargetLoss", "warning", 24, 95, WEB),
    Firing("FtrPathLoss", "warning", 28, 88, WEB),
    # The destination itself is where loss starts.
    Firing("FtrTargetLoss", "warning", 28, 99, SHOP),
    Firing("FtrPathLoss", "warning", 33, 88, SHOP),
    # A second is too short for a cycle that waits for hops beyond the one that lost its answers.
    Firing("FtrCyclesSkipped", "warning", 34, 72, WEB),
)
# As much is lost as is allowed; chance is above it for a while, and below.
FIVE_PERCENT = (
    Firing("FtrTargetLoss", "warning", 47, 239, WEB, times=2),
    Firing("FtrTargetLoss", "warning", 41, 239, MAIL, times=3),
    Firing("FtrPathLoss", "warning", 52, 143, WEB),
    Firing("FtrPathLoss", "warning", 46, 234, MAIL, times=2),
)
# The second evaluation after the step; it goes on.
RTT = Firing("FtrRttFarFromWeek", "warning", 2970, 3195, WEB)
# From a day and five minutes on, with ten minutes of patience, until half a day is over.
MTU = Firing("FtrPathMtuDropped", "warning", 1465, 2170, FILES)
SKIPPED = Firing("FtrCyclesSkipped", "warning", 31, 95, WEB)
DROPPED = Firing("FtrSeriesDropped", "warning", 27, 95, EXPORTER)
# Slow cycles take longer to agree on the way there.
LONGER_ROUTE = Firing("FtrRouteChanged", "info", 20, 112, WEB, times=2)
PERMISSION = Firing("FtrPermissionMissing", "warning", 16, 49, EXPORTER)
PERMISSION_HOME = Firing("FtrPermissionMissing", "warning", 17, 49, {**EXPORTER, "site": "home"})
NAMES = Firing("FtrLocalErrors", "warning", 25, 54, {**WEB, "reason": "resolve"})
DOWN = Firing("FtrExporterDown", "critical", 16, 30, EXPORTER)
RELOAD = Firing("FtrReloadFailed", "warning", 16, 30, EXPORTER)
# The server is asked each minute: that it went at 15 is seen at 16 or at 17. Ten more.
STALE = Firing("FtrTargetListStale", "warning", 26, 45, {**EXPORTER, "source": LIST})
WEB_CONFIG = Firing("FtrWebConfigFailed", "warning", 16, 30, EXPORTER)
# The second is found when the exporter starts, with a counter as high as the one before.
HIDDEN_ROUTE = Firing("FtrRouteChanged", "info", 11, 90, WEB, times=2)
HIDDEN_AS = Firing("FtrAsPathChanged", "warning", 61, 105, WEB)

FIRING: Mapping[str, Sequence[Firing]] = {
    "steady": (),
    "trouble": (),
    "route": (ROUTE,),
    "as-path": (AS_ROUTE, AS_PATH),
    "flapping": (FLAPPING_ROUTE, FLAPPING),
    "unreachable": (DARK_WEB, DARK_FILES),
    "loss": (PATH_LOSS, TARGET_LOSS),
    "heavy-loss": HEAVY_LOSS,
    "five-percent": FIVE_PERCENT,
    "rtt": (RTT,),
    "mtu": (MTU,),
    "longer": (LONGER_ROUTE, SKIPPED, DROPPED),
    "permission": (PERMISSION, PERMISSION_HOME),
    "names": (NAMES,),
    "down": (DOWN,),
    "reload": (RELOAD,),
    "stale": (STALE, WEB_CONFIG),
    "restart": (),
    "forgetful": (),
    "changed-while-down": (HIDDEN_ROUTE, HIDDEN_AS),
}
