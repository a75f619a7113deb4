"""What is shown of each hop of a path. Pure."""

from __future__ import annotations

from grafana.graph import WHOSE
from grafana.panels import LOSS, coloured, column, lines, merge, table, timeline
from grafana.queries import Json, ask, ask_rows
from grafana.selectors import one, ratio

INFO = one("ftr_hop_info")
SENT, LOST = one("ftr_hop_probes_sent_total"), one("ftr_hop_probes_lost_total")
REPLIES, SECONDS = one("ftr_hop_replies_total"), one("ftr_hop_reply_seconds_total")
CONFIRMED = f"max by (hop) ({one('ftr_hop_forward_loss_ratio')})"
ROWS = f"max by (hop, address) ({one('ftr_hop_loss_ratio')} >= bool 0)"
"""1 for each responder of the latest cycle, and for each silent hop, with no address."""


def hop_table() -> Json:
    """The table of mtr."""
    names = {
        "hop": "Hop",
        "address": "Address",
        "hostname": "Name",
        "asn": "AS",
        "as_name": "AS name",
        "Value #loss": "Loss",
        "Value #confirmed": "Confirmed loss",
        "Value #sent": "Sent",
        "Value #last": "Last",
        "Value #mean": "Mean",
        "Value #best": "Best",
        "Value #worst": "Worst",
        "Value #deviation": "Std. dev.",
        "Value #back": "Way back",
        "mpls": "MPLS",
        "prefix": "Prefix",
        "country": "Country",
    }
    times = ("Last", "Mean", "Best", "Worst", "Std. dev.")
    return table(
        "Hops",
        """Who answers at each hop in the latest cycle, as in mtr: loss, probes sent, mean, best and
        worst over the time in view; last and standard deviation of the latest cycle. Loss that
        later hops do not share is no loss of traffic: believe the confirmed loss. A hop without
        an address is silent. Way back: its length in hops, inferred from the TTL of the answer.""",
        _hop_rows(),
        size=(24, 11),
        sort="Hop",
        transformations=merge(names, "Value #info", numbers=["hop"]),
        overrides=[
            column("Hop", custom__width=60),
            column("Loss", **coloured("percentunit", LOSS, decimals=1)),
            column("Confirmed loss", **coloured("percentunit", LOSS, decimals=1)),
            column("Sent", decimals=0),
            *(column(each, unit="s", decimals=1) for each in times),
        ],
    )


def _hop_rows() -> list[Json]:
    here, whoever = "* on (hop, address)", "* on (hop) group_left ()"
    lost = f"({ratio(LOST, SENT, 'hop', '$__range')})"
    mean = f"({ratio(SECONDS, REPLIES, 'hop, address', '$__range')})"
    best = f"min by (hop, address) (min_over_time({one('ftr_hop_rtt_min_seconds')}[$__range]))"
    worst = f"max by (hop, address) (max_over_time({one('ftr_hop_rtt_max_seconds')}[$__range]))"
    deviation = one("ftr_hop_rtt_stddev_seconds")
    return [
        ask_rows(f"max by ({WHOSE}) ({INFO})", "info"),
        ask_rows(f"{ROWS} {whoever} {lost}", "loss"),
        ask_rows(f"{ROWS} {whoever} {CONFIRMED}", "confirmed"),
        ask_rows(f"{ROWS} {whoever} sum by (hop) (round(increase({SENT}[$__range])))", "sent"),
        ask_rows(f"max by (hop, address) ({one('ftr_hop_rtt_seconds')})", "last"),
        ask_rows(f"{ROWS} {here} {mean}", "mean"),
        ask_rows(f"{ROWS} {here} {best}", "best"),
        ask_rows(f"{ROWS} {here} {worst}", "worst"),
        ask_rows(f"max by (hop, address) ({deviation})", "deviation"),
        ask_rows(f"max by (hop, address) ({one('ftr_hop_return_hops')})", "back"),
    ]


def loss_starts() -> Json:
    """The nearest hop with loss that later hops confirm."""
    names = {
        "hop": "Hop",
        "address": "Address",
        "hostname": "Name",
        "asn": "AS",
        "as_name": "AS name",
        "Value": "Confirmed loss",
    }
    lossy = f"({CONFIRMED} > 0.01)"
    known = "group_left (address, hostname, asn, as_name)"
    return table(
        "Where loss starts",
        """The first hop with more than 1 % of loss that the hops behind it and the destination
        share. It happens at this hop or on the link to it. Empty where no loss is confirmed.""",
        [
            ask_rows(
                f"{lossy} * on (hop) {known} topk by (hop) (1, {INFO}) or on (hop) {lossy}",
            )
        ],
        size=(24, 4),
        sort="Hop",
        noValue="No loss that later hops confirm",
        transformations=[
            {
                "id": "convertFieldType",
                "options": {
                    "fields": {},
                    "conversions": [{"targetField": "hop", "destinationType": "number"}],
                },
            },
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": "hop", "desc": False}]}},
            {"id": "limit", "options": {"limitField": 1}},
            merge(names)[-1],
        ],
        overrides=[column("Confirmed loss", **coloured("percentunit", LOSS, decimals=1))],
    )


def hop_panels() -> list[Json]:
    """Each hop over time."""
    mean = ratio(SECONDS, REPLIES, "hop, address", "$__rate_interval", "rate")
    padded = f'label_replace({CONFIRMED}, "hop", "0$1", "hop", "([0-9])")'
    return [
        lines(
            "Round trip of each hop",
            "Mean round trip of each responder. A line ends where its router leaves the path.",
            [ask(mean, legend="{{hop}} {{address}}")],
            unit="s",
            height=10,
        ),
        lines(
            "Loss at each hop",
            """Share of probes to each hop left unanswered. Routers limit their answers: what later
            hops do not share is no loss of traffic.""",
            [ask(ratio(LOST, SENT, "hop", "$__rate_interval", "rate"), legend="hop {{hop}}")],
            unit="percentunit",
            max=1,
            height=10,
        ),
        timeline(
            "Confirmed loss, and where it starts",
            """Share of probes lost on the way to each hop that the hops behind it share, over the
            latest 20 cycles. Read from the top: it starts at the first row that is not green.""",
            ask(padded, legend="hop {{hop}}"),
            size=(24, 9),
            unit="percentunit",
            steps=LOSS,
            color={"mode": "thresholds"},
        ),
    ]
