"""What is shown of each hop: who answered, how fast, how much was lost, and the way back."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from exporter.model import ExtensionObject, HostInfo, StopReason
from exporter.settings import Module, Target
from tests.measured import a_hop, a_response, a_trace, a_view, along, names_in, shown, values

HOP = ("hop", "address", "asn")


def mpls(*labels: int) -> tuple[ExtensionObject, ...]:
    """An extension object with a label stack."""
    words = (label << 12 | (label == labels[-1]) << 8 | 1 for label in labels)
    return (ExtensionObject(1, 1, b"".join(struct.pack("!I", word) for word in words)),)


def test_round_trips_of_a_cycle() -> None:
    """Three answers: their mean, extremes and spread; the counters hold their number and sum."""
    hop = a_hop(1, *(a_response("a", rtt) for rtt in (0.25, 0.5, 0.75)), sent=4)
    text = shown(a_view(a_trace(hop), infos={"a": HostInfo(asn=64500)}))
    who = ("1", "a", "64500")
    assert values(text, "ftr_hop_rtt_seconds", *HOP) == {who: 0.5}
    assert values(text, "ftr_hop_rtt_min_seconds", *HOP) == {who: 0.25}
    assert values(text, "ftr_hop_rtt_max_seconds", *HOP) == {who: 0.75}
    spread = values(text, "ftr_hop_rtt_stddev_seconds", *HOP)
    assert spread == {who: pytest.approx((0.125 / 3) ** 0.5)}
    assert values(text, "ftr_hop_replies_total", *HOP) == {who: 3}
    assert values(text, "ftr_hop_reply_seconds_total", *HOP) == {who: 1.5}
    assert values(text, "ftr_hop_loss_ratio", *HOP) == {who: 0.25}
    assert values(text, "ftr_hop_probes_sent_total", "hop") == {("1",): 4}
    assert values(text, "ftr_hop_probes_lost_total", "hop") == {("1",): 1}


def test_a_single_answer_has_no_spread() -> None:
    """One answer is its own mean, minimum and maximum."""
    text = shown(a_view(a_trace(a_hop(1, a_response("a", 0.123456789)))))
    for which in ("", "min_", "max_"):
        found = values(text, f"ftr_hop_rtt_{which}seconds", *HOP)
        assert found == {("1", "a", ""): 0.123456789}
    assert values(text, "ftr_hop_rtt_stddev_seconds", *HOP) == {("1", "a", ""): 0}


def test_a_silent_hop() -> None:
    """Nothing answered at hop 2: it is there with loss 1 and no address, and has no round trip."""
    text = shown(a_view(along("a", "* *", "c")))
    assert values(text, "ftr_hop_loss_ratio", *HOP)["2", "", ""] == 1
    assert values(text, "ftr_hop_probes_lost_total", "hop")["2",] == 2
    assert set(values(text, "ftr_hop_rtt_seconds", "hop")) == {("1",), ("3",)}
    assert set(values(text, "ftr_hop_info", "hop")) == {("1",), ("3",)}
    assert set(values(text, "ftr_link_info", "hop", "source", "destination")) == {("3", "a", "c")}


def test_a_hop_to_which_nothing_left() -> None:
    """All its probes failed locally: neither loss nor its absence can be told."""
    text = shown(a_view(a_trace(a_hop(1, sent=0), a_hop(2, a_response("b"), sent=0))))
    assert "ftr_hop_loss_ratio" not in names_in(text)


def test_several_responders() -> None:
    """A balancer: each branch has its own round trips; the hop's loss stands beside each."""
    answers = (a_response("b1", 0.25), a_response("b2", 0.5), a_response("b1", 0.75))
    text = shown(a_view(a_trace(a_hop(3, *answers, sent=4))))
    b1, b2 = ("3", "b1", ""), ("3", "b2", "")
    assert values(text, "ftr_hop_rtt_seconds", *HOP) == {b1: 0.5, b2: 0.5}
    assert values(text, "ftr_hop_replies_total", *HOP) == {b1: 2, b2: 1}
    assert values(text, "ftr_hop_loss_ratio", *HOP) == {b1: 0.25, b2: 0.25}


def test_length_of_the_way_back() -> None:
    """That of the latest answer whose TTL is known; without one there is no series."""
    answers = (a_response("a", reply_ttl=64), a_response("a", reply_ttl=61))
    text = shown(a_view(a_trace(a_hop(1, *answers), a_hop(2, a_response("b", reply_ttl=None)))))
    assert values(text, "ftr_hop_return_hops", "hop", "address") == {("1", "a"): 4}


def test_forward_loss() -> None:
    """Hop 2 limits its answers, hop 3 is silent; a third is lost on the way to hop 4."""
    cycle = along("a a a", "b * *", "* * *", "c c *", "d d *")
    cycle = replace(cycle, destination_sent=3, destination_rtts=(0.1, 0.1))
    text = shown(a_view(*[cycle] * 20))
    found = values(text, "ftr_hop_forward_loss_ratio", "hop")
    assert [ttl for (ttl,) in found] == ["1", "2", "3", "4", "5"]
    assert list(found.values()) == pytest.approx([0, 0, 0, 1 / 3, 1 / 3])


def test_forward_loss_that_cannot_be_known() -> None:
    """A firewall hides the destination: the silent hops at the end have no series."""
    cycle = along("a a a", "b b b", "* * *", "* * *", stop=StopReason.MAX_HOPS)
    text = shown(a_view(cycle))
    assert values(text, "ftr_hop_forward_loss_ratio", "hop") == {("1",): 0, ("2",): 0}


def test_what_is_known_of_a_responder() -> None:
    """DNS and the registry know one router, and know nothing of the other."""
    info = HostInfo("gw.example.net", 64500, 'EX"AMPLE', "198.51.100.0/24", "DE")
    trace = a_trace(
        a_hop(1, a_response("a", extensions=mpls(24017, 16))), a_hop(2, a_response("b"))
    )
    text = shown(a_view(trace, infos={"a": info}))
    labels = (*HOP, "as_name", "prefix", "country", "hostname", "mpls")
    assert set(values(text, "ftr_hop_info", *labels)) == {
        ("1", "a", "64500", 'EX"AMPLE', "198.51.100.0/24", "DE", "gw.example.net", "24017/16"),
        ("2", "b", "", "", "", "", "", ""),
    }


def test_mpls_labels() -> None:
    """The latest answer with a stack counts; other objects are none; a forged stack is cut."""
    other = (ExtensionObject(2, 1, b"\0\0\0\1"),)
    cases = (
        ("17", [mpls(16), mpls(17), (), other]),
        ("", [other]),
        ("/".join(map(str, range(16))), [mpls(*range(300))]),
    )
    for expected, stacks in cases:
        answers = [a_response("a", extensions=stack) for stack in stacks]
        text = shown(a_view(a_trace(a_hop(1, *answers))))
        assert set(values(text, "ftr_hop_info", "mpls")) == {(expected,)}


def test_histograms_of_hops() -> None:
    """Only on demand, for each responder, with the buckets of the module."""
    module = Module(rtt_buckets=(0.1, 1.0), hop_histograms=True)
    answers = (a_response("a", 0.05), a_response("b", 0.5))
    view = a_view(a_trace(a_hop(1, *answers)), target=Target("example", "x", module))
    text = shown(view)
    buckets = values(text, "ftr_hop_rtt_distribution_seconds_bucket", *HOP, "le")
    found = [(key[1], key[3], value) for key, value in buckets.items()]
    assert found == [
        *[("a", "0.1", 1), ("a", "1.0", 1), ("a", "+Inf", 1)],
        *[("b", "0.1", 0), ("b", "1.0", 1), ("b", "+Inf", 1)],
    ]
    assert "ftr_hop_rtt_distribution_seconds_count" not in names_in(shown(a_view(along("a"))))


def test_a_hop_that_is_gone_is_gone() -> None:
    """The path lost its third hop and another router took the second: no series of theirs stays."""
    before, after = along("a", "b", "c"), along("a", "x")
    text = shown(a_view(before, after))
    assert 'hop="3"' not in text
    assert 'address="b"' not in text
    assert values(text, "ftr_hop_replies_total", "hop", "address") == {("1", "a"): 2, ("2", "x"): 1}
    again = shown(a_view(before, after, before))
    assert values(again, "ftr_hop_replies_total", "hop", "address")["2", "b"] == 2


def test_a_failed_cycle_shows_no_hop() -> None:
    """The latest cycle could not send: what an earlier one saw is not shown as if it were now."""
    failed = a_trace(stop=StopReason.ERROR, errors=(("send", 3),))
    text = shown(a_view(along("a", "b"), failed))
    assert not [name for name in names_in(text) if name.startswith(("ftr_hop", "ftr_link"))]
