"""What a new list of targets means for those that are traced already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.model import FamilyChoice, Protocol
from exporter.monitoring.differences import Differences, compare
from exporter.settings import Module, Target

BEFORE = Target("web", "www.example.net", Module(interval=30.0), (("site", "home"),))
OLD = {"web": BEFORE, "other": Target("other", "192.0.2.9")}


def only(**kind: object) -> Differences:
    """Differences of this kind alone, the target `other` kept."""
    return replace(Differences(kept=1), **kind)  # type: ignore[arg-type]  # tuples of targets


def after(now: Target) -> Differences:
    """What becomes of `web`."""
    return compare(OLD, [now, OLD["other"]])


def test_the_same_again_keeps_everything() -> None:
    """The file was read again and says the same: equal records, not the same objects."""
    again = [replace(each, module=replace(each.module)) for each in OLD.values()]
    assert compare(OLD, again) == Differences(kept=2)


def test_order_is_no_difference() -> None:
    """Lines were moved about in the file."""
    assert compare(OLD, reversed(OLD.values())) == Differences(kept=2)


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": Protocol.TCP, "port": 443},
        {"family": FamilyChoice.IPV6},
        {"probes": 5},
        {"rtt_buckets": (1.0,)},
        {"interval": 60.0, "timeout": 1.0},
    ],
)
def test_another_way_to_probe_begins_anew(changes: dict[str, object]) -> None:
    """A field that decides what is sent changed, with others or alone."""
    now = replace(BEFORE, module=replace(BEFORE.module, **changes))  # type: ignore[arg-type]
    assert after(now) == only(changed=(now,))


def test_another_interval_concerns_the_schedule_alone() -> None:
    """The interval changed, and in one case the labels with it."""
    now = replace(BEFORE, module=replace(BEFORE.module, interval=10.0))
    assert after(now) == only(retimed=(now,))
    also = replace(now, labels=())
    assert after(also) == only(retimed=(also,))


def test_other_labels_keep_what_is_known() -> None:
    """A label was added."""
    now = replace(BEFORE, labels=(("rack", "7"), ("site", "home")))
    assert after(now) == only(relabelled=(now,))


def test_another_host_is_another_target() -> None:
    """The name was given to another host: nothing of the old one may go on."""
    now = replace(BEFORE, host="192.0.2.1")
    assert after(now) == only(removed=("web",), added=(now,))


def test_new_and_gone() -> None:
    """One target replaced another."""
    new = Target("new", "192.0.2.7")
    differences = compare(OLD, [OLD["other"], new])
    assert differences == only(removed=("web",), added=(new,))
    assert str(differences) == "1 added, 1 removed, 0 changed"
    assert compare({}, []) == Differences()
