"""The table of every metric of paths, whose lines `exporter.metrics.lines` makes.

A new metric is one entry here and one row there.
"""

from __future__ import annotations

from exporter.metrics.family import counter, gauge, histogram

_HOP_ADDRESS = ("hop", "address", "asn")

TARGET_INFO = gauge(
    "ftr_target_info",
    "Always 1. Names the host that is traced, the address it resolved to (empty where it did not) "
    "and the kind of socket in use (empty where none could be opened).",
    *("host", "address", "backend"),
)
TARGET_REACHED = gauge(
    "ftr_target_reached",
    "1 if the destination answered in the latest cycle, else 0; also 0 if its name did not resolve "
    "or no probe could be sent (see ftr_errors_total).",
)
TARGET_UNREACHED = gauge(
    "ftr_target_unreached_info",
    "Always 1. Why the destination did not answer in the latest cycle: `gap`, `loop`, `max_hops`, "
    "`unreachable` or `error`, and what that means. Absent if it answered.",
    *("reason", "meaning"),
)
TARGET_RTT = histogram(
    "ftr_target_rtt_seconds",
    "Round-trip time to the destination, of every probe that it answered. Measured on the "
    "exporter's own schedule, not at the scrape.",
)
TARGET_JITTER = gauge(
    "ftr_target_jitter_seconds",
    "How much one round trip to the destination differs from the next: the running estimate of "
    "RFC 3550 section 6.4.1 with round-trip in place of transit times, of one flow, in the order "
    "of arrival. Absent until the destination has answered twice.",
)
TARGET_SENT = counter(
    "ftr_target_probes_sent_total",
    "Probes sent that should have reached the destination; one a round.",
)
TARGET_LOST = counter(
    "ftr_target_probes_lost_total",
    "Of those, how many the destination left unanswered. Local errors are not among them.",
)
TARGET_LOSS = gauge(
    "ftr_target_loss_ratio",
    "Share of probes that the destination left unanswered in the latest cycle, 0 to 1; absent if "
    "none was sent.",
)
PATH_HOPS = gauge(
    "ftr_path_hops",
    "Hops to the destination in the latest cycle; if it was not reached, the hop number of the "
    "last router that answered, 0 if none did. Absent if no probe was sent.",
)
PATH_INFO = gauge(
    "ftr_path_info",
    "Always 1. Identity of the path and its AS numbers in order; a silent hop stands for the "
    "router it was before. Absent if no hop answered in the latest cycle.",
    *("path_id", "as_path"),
)
PATH_CHANGES = counter(
    "ftr_path_changes_total",
    "Confirmed changes of the path. A silent hop is none, nor is a known parallel branch, nor a "
    "change of the destination's own address.",
)
PATH_AS_CHANGES = counter(
    "ftr_path_as_changes_total",
    "Confirmed changes of the sequence of autonomous systems on the path.",
)
PATH_LAST_CHANGE = gauge(
    "ftr_path_last_change_timestamp_seconds",
    "When the latest change of path or AS path was confirmed. Absent if there was none.",
)
PATH_BRANCHES = gauge(
    "ftr_path_branches",
    "Distinct parallel paths now known, by the flows that the target is traced with. Follow more "
    "flows to see more of a load-balanced path.",
)
PATH_MTU = gauge(
    "ftr_path_mtu_bytes",
    "Largest packet that gets through to the destination whole, IP header included. Only for "
    "targets with mtu: true that answer.",
)
HOP_RTT = gauge(
    "ftr_hop_rtt_seconds",
    "Mean round-trip time to a hop's responder in the latest cycle.",
    *_HOP_ADDRESS,
)
HOP_RTT_MIN = gauge(
    "ftr_hop_rtt_min_seconds",
    "Shortest round-trip time to a hop's responder in the latest cycle.",
    *_HOP_ADDRESS,
)
HOP_RTT_MAX = gauge(
    "ftr_hop_rtt_max_seconds",
    "Longest round-trip time to a hop's responder in the latest cycle.",
    *_HOP_ADDRESS,
)
HOP_RTT_STDDEV = gauge(
    "ftr_hop_rtt_stddev_seconds",
    "Standard deviation (of the population) of the round-trip times to a hop's responder in the "
    "latest cycle; 0 after a single answer.",
    *_HOP_ADDRESS,
)
HOP_RTT_HISTOGRAM = histogram(
    "ftr_hop_rtt_distribution_seconds",
    "Round-trip time to a hop's responder, of every probe that it answered. Only where "
    "hop_histograms is true.",
    *_HOP_ADDRESS,
)
HOP_REPLIES = counter(
    "ftr_hop_replies_total",
    "Answers by a hop's responder. The rate of ftr_hop_reply_seconds_total over the rate of this "
    "is the mean round-trip time over any window.",
    *_HOP_ADDRESS,
)
HOP_REPLY_SECONDS = counter(
    "ftr_hop_reply_seconds_total",
    "Sum of the round-trip times of the answers by a hop's responder.",
    *_HOP_ADDRESS,
)
HOP_SENT = counter(
    "ftr_hop_probes_sent_total",
    "Probes sent to a hop, whichever router answers there.",
    "hop",
)
HOP_LOST = counter(
    "ftr_hop_probes_lost_total",
    "Probes to a hop that nothing answered. Routers limit their answers: loss at a hop that later "
    "hops do not share is no loss of traffic.",
    "hop",
)
HOP_LOSS = gauge(
    "ftr_hop_loss_ratio",
    "Share of probes to a hop left unanswered in the latest cycle, 0 to 1. A lost probe belongs to "
    "no address: where several routers answer at a hop, each shows the ratio of the whole hop. A "
    "silent hop shows 1 with empty address and asn.",
    *_HOP_ADDRESS,
)
HOP_FORWARD_LOSS = gauge(
    "ftr_hop_forward_loss_ratio",
    "Share of probes lost on the way to a hop, 0 to 1: loss that the hops behind it and the "
    "destination share, beyond chance with confidence 0.997, over the latest 20 cycles (more where "
    "these hold fewer than 60 probes a hop, at most 60 cycles). Never falls with distance; a "
    "router that limits its answers, or gives none, shows that of the hop before it. Where the "
    "destination never answered, the farthest hop that does bears witness to those before it, and "
    "hops behind it have no series. Cannot be told from it: loss on the way back that all answers "
    "share, and, without a destination, routers at the end that limit their answers alike.",
    "hop",
)
HOP_RETURN = gauge(
    "ftr_hop_return_hops",
    "Length of the way back from a hop's responder, to be held against the hop number. Inferred: "
    "the next of 32, 64, 128 and 255 as initial TTL, less the TTL left in the latest answer, "
    "plus 1.",
    *("hop", "address"),
)
HOP_INFO = gauge(
    "ftr_hop_info",
    "Always 1. What DNS and the routing registry say of a hop's responder (empty where unknown), "
    "and the MPLS labels in its latest answer that had any, outermost first, joined by /.",
    *(*_HOP_ADDRESS, "as_name", "prefix", "country", "hostname", "mpls"),
)
LINK_INFO = gauge(
    "ftr_link_info",
    "Always 1. One edge of the path in the latest cycle; hop is that of the far end. Silent hops "
    "are bridged.",
    *("hop", "source", "destination"),
)
ERRORS = counter(
    "ftr_errors_total",
    "Local failures by reason: what kept probes from being sent. Never counted as loss.",
    "reason",
)
TRACES = counter("ftr_traces_total", "Cycles that ended, those that failed among them.")
TRACES_SKIPPED = counter(
    "ftr_traces_skipped_total",
    "Cycles not started since the one before still ran: the interval is too short for this path.",
)
TRACE_DURATION = histogram(
    "ftr_trace_duration_seconds",
    "How long a cycle took to trace; cycles that could send no probe are left out.",
)

PATH_FAMILIES = (
    *(TARGET_INFO, TARGET_REACHED, TARGET_UNREACHED, TARGET_RTT, TARGET_JITTER),
    *(TARGET_SENT, TARGET_LOST, TARGET_LOSS),
    *(PATH_HOPS, PATH_INFO, PATH_CHANGES, PATH_AS_CHANGES, PATH_LAST_CHANGE),
    *(PATH_BRANCHES, PATH_MTU),
    *(HOP_RTT, HOP_RTT_MIN, HOP_RTT_MAX, HOP_RTT_STDDEV, HOP_RTT_HISTOGRAM),
    *(HOP_REPLIES, HOP_REPLY_SECONDS, HOP_SENT, HOP_LOST, HOP_LOSS),
    *(HOP_FORWARD_LOSS, HOP_RETURN, HOP_INFO, LINK_INFO),
    *(ERRORS, TRACES, TRACES_SKIPPED, TRACE_DURATION),
)
"""What is served of each target, in the order of the exposition."""
