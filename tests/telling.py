"""What alerts say while a recording is replayed, written by hand: is it what one needs at night?

`python -m tests.telling` writes what stands here and in `tests/firing.py` into the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests import firing
from tests.replay import Told, path_of, read, render
from tests.scenarios import SCENARIOS

DARK = (
    "Probes to {} leave this host, and for three cycles or more none has been answered. "
    "The last that answers is hop {}."
)
REFUSED = (
    "The kernel refuses probes or sockets for 1 target of ftr.example:10334. `ftr-exporter "
    "sockets`, run there as the exporter's user, says which and what would permit them."
)
MAY_NOT = "ftr.example:10334 may not send the probes of 1 target"

TOLD: Mapping[str, Sequence[Told]] = {
    "route": (
        Told(
            30,
            firing.ROUTE,
            "The route to web has changed (ipv4, icmp)",
            "The route to web has changed, as confirmed at 1970-01-01 00:20:44 +0000 UTC. Now it "
            "is path 5bd55738f295c22d over AS 64500 64501 64502. It was path d985e6791da3550a over "
            "AS 64500 64501 64502. The exporter's /api/v1/targets/web says which hops differ.",
        ),
    ),
    "as-path": (
        Told(
            30,
            firing.AS_PATH,
            "Other networks carry the traffic to web now (ipv4, icmp)",
            "The AS path to web has changed, as confirmed at 1970-01-01 00:21:01 +0000 UTC. Now it "
            "is AS 64500 64503 64502. It was AS 64500 64501 64502.",
        ),
    ),
    "flapping": (
        Told(
            80,
            firing.FLAPPING,
            "The route to web does not settle (ipv4, icmp)",
            "The route to web has changed 12 times within an hour, each change confirmed. "
            "Balancing over known parallel branches is not among them.",
        ),
    ),
    "unreachable": (
        Told(
            20,
            firing.DARK_WEB,
            "web does not answer (ipv4, icmp)",
            DARK.format("web", "3: 192.0.2.254 edge.hosting.example EXAMPLE-HOSTING"),
        ),
        Told(
            20,
            firing.DARK_FILES,
            "files does not answer (ipv4, icmp)",
            DARK.format("files", "2: 203.0.113.2 core2.transit.example EXAMPLE-TRANSIT"),
        ),
    ),
    "loss": (
        Told(
            45,
            firing.PATH_LOSS,
            "Packets to web are lost on the way (ipv4, icmp)",
            "8.333% of the packets to web are lost on the way there. Loss starts at hop 3 with "
            "8.333%: 192.0.2.254 edge.hosting.example EXAMPLE-HOSTING.",
        ),
        Told(
            45,
            firing.TARGET_LOSS,
            "web loses 16.5% of its probes (ipv4, icmp)",
            "Over 30 minutes 16.5% of the probes to web were lost end to end; times in which "
            "nothing came back are not counted in.",
        ),
    ),
    "rtt": (
        Told(
            3000,
            firing.RTT,
            "web is far slower than in its week (ipv4, icmp)",
            "The mean round trip to web is 27.5ms, half of its week it was below 5.976ms.",
        ),
    ),
    "mtu": (
        Told(
            1500,
            firing.MTU,
            "Smaller packets than usual fit on the way to files (ipv4, icmp)",
            "The path MTU to files has dropped to 1400 bytes from the usual 1500. Where somebody "
            "drops the ICMP messages that say so, large packets vanish and small ones pass.",
        ),
    ),
    "longer": (
        Told(
            60,
            firing.SKIPPED,
            "web is traced less often than configured (ipv4, icmp)",
            "50% of the cycles of web did not start since the one before still ran. Its interval "
            "is too short for its path, or the exporter too slow.",
        ),
        Told(
            60,
            firing.DROPPED,
            "ftr.example:10334 leaves out series of hops",
            "A target of ftr.example:10334 has more series than limits.series_per_target allows; "
            "those of its farthest hops are missing.",
        ),
    ),
    "permission": (
        Told(30, firing.PERMISSION, MAY_NOT, REFUSED),
        Told(30, firing.PERMISSION_HOME, MAY_NOT, REFUSED),
    ),
    "reload": (
        Told(
            20,
            firing.RELOAD,
            "ftr.example:10334 could not load its configuration",
            "The latest reload of ftr.example:10334 failed, and it goes on with the configuration "
            "it had. After a restart it would not come up. `ftr-exporter check` names every fault "
            "with file and line.",
        ),
    ),
    "stale": (
        Told(
            40,
            firing.STALE,
            "ftr.example:10334 cannot read a list of targets: http://127.0.0.1:10080/targets.json",
            "For ten minutes ftr.example:10334 could not read http://127.0.0.1:10080/targets.json, "
            "and goes on with what that listed last: 1 target. The log says what is wrong with it.",
        ),
        Told(
            20,
            firing.WEB_CONFIG,
            "ftr.example:10334 could not load its web configuration",
            "The web configuration of ftr.example:10334, or a certificate or key that it names, "
            "has a fault, and what was there before is still in use: a renewed certificate is not. "
            "After a restart the exporter would not come up. `ftr-exporter check "
            "--web.config.file=FILE` names every fault.",
        ),
    ),
    "names": (
        Told(
            40,
            firing.NAMES,
            "web cannot be probed from ftr.example:10334: resolve",
            "100% of the cycles of web (ipv4, icmp) failed on the exporter's own host within 30 "
            "minutes, with the reason resolve. This is not loss, and says nothing of the target.",
        ),
    ),
    "down": (
        Told(
            20,
            firing.DOWN,
            "ftr.example:10334 is not answering Prometheus",
            "Scrapes of ftr.example:10334 have failed for five minutes: no path is watched, and "
            "none of the other alerts of ftr-exporter can fire.",
        ),
    ),
    "changed-while-down": (
        Told(
            70,
            firing.HIDDEN_ROUTE,
            "The route to web has changed (ipv4, icmp)",
            "The route to web has changed, as confirmed at 1970-01-01 01:00:54 +0000 UTC. Now it "
            "is path 36c4607a44e8822c over AS 64500 64503 64502. It was path 5bd55738f295c22d over "
            "AS 64500 64501 64502. The exporter's /api/v1/targets/web says which hops differ.",
        ),
    ),
}


def main() -> None:
    """Write all files anew, with the series that are in them."""
    for name, scenario in SCENARIOS.items():
        path = path_of(name)
        recording = read(path, scenario)
        expected = firing.FIRING[name], TOLD.get(name, ())
        path.write_text(render(name, scenario, recording, *expected))


if __name__ == "__main__":
    main()
