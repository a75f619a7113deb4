"""Layers of a target: who wins, what follows from the rest, and what does not fit together."""

from __future__ import annotations

import pytest

from exporter.config.layers import family_of, host_family
from exporter.model import Family, FamilyChoice, Protocol
from exporter.settings import Config, Module
from tests.config_texts import config_of, fault_of, faults_of, places


def module_of(config: Config, name: str) -> Module:
    """The module of the target `name`."""
    return next(target.module for target in config.targets if target.name == name)


def test_target_wins_over_module_over_defaults() -> None:
    """A field stood in three layers; the nearest to the target won, each for itself."""
    config = config_of(
        """\
        defaults: {probes: 2, max_hops: 20, flows: 4}
        modules:
          web: {probes: 5, max_hops: 25}
        targets:
          - {host: a}
          - {host: b, module: web}
          - {host: c, module: web, probes: 1}
          - {host: d, probes: 3}
          - {host: e, module: default}
        """
    )
    figures = {
        target.name: (target.module.probes, target.module.max_hops, target.module.flows)
        for target in config.targets
    }
    assert figures == {
        "a": (2, 20, 4),
        "b": (5, 25, 4),
        "c": (1, 25, 4),
        "d": (3, 20, 4),
        "e": (2, 20, 4),
    }
    assert dict(config.modules)["web"].probes == 5
    assert dict(config.modules)["default"].probes == 2


def test_a_module_may_be_called_default() -> None:
    """The file defined `default` itself; it stays what it is, and is used where named."""
    config = config_of("modules: {default: {probes: 9}}\ntargets: [{host: a}]")
    assert dict(config.modules)["default"].probes == 9
    assert module_of(config, "a").probes == 3


def test_ports_follow_from_the_protocol() -> None:
    """No port was named; TCP and QUIC go to 443, the others leave the choice open."""
    config = config_of(
        """\
        targets:
          - {host: t, protocol: tcp}
          - {host: q, protocol: quic}
          - {host: p, protocol: tcp, port: 22}
          - {host: u, protocol: udp}
        """
    )
    assert [target.module.port for target in config.targets] == [443, 443, 22, None]


def test_a_port_beside_icmp_is_refused() -> None:
    """ICMP has no ports: one beside it is a slip, one from further below has no effect."""
    faults = faults_of(
        """        defaults: {protocol: icmp, port: 53}
        modules:
          ping: {protocol: icmp, port: 80}
          dns: {port: 53}
        targets:
          - {host: a, port: 443,
             protocol: icmp}
          - {host: b, module: ping}
          - {host: c, module: dns, protocol: icmp}
          - {host: d, port: 53}
        """
    )
    assert places(faults) == [(3, "modules.ping.port"), (6, "targets[0].port")]
    words = "allowed is none beside protocol icmp, which has no ports"
    assert [fault.message for fault in faults] == [f"found {port}; {words}" for port in (80, 443)]


def test_addresses_decide_the_family() -> None:
    """Hosts were addresses, or had a source address; the family follows from them."""
    config = config_of(
        """\
        defaults: {family: both}
        targets:
          - {host: 192.0.2.1}
          - {host: "2001:DB8::1"}
          - {host: name}
          - {host: other, family: auto, source: "2001:db8::2"}
        """
    )
    assert [(target.name, target.module.family) for target in config.targets] == [
        ("192.0.2.1", FamilyChoice.IPV4),
        ("2001:db8::1", FamilyChoice.IPV6),
        ("name", FamilyChoice.BOTH),
        ("other", FamilyChoice.IPV6),
    ]


def test_families_of_hosts() -> None:
    """Hosts were asked for their family; names have none of their own."""
    assert host_family("192.0.2.1") is Family.IPV4
    assert host_family("2001:db8::1") is Family.IPV6
    assert host_family("www.example.net") is None
    assert family_of("::1") is Family.IPV6


def test_targets_with_the_same_fields_share_a_module() -> None:
    """A thousand targets were alike; they share one record."""
    targets = ", ".join(f"{{host: h{n}, interval: 30s}}" for n in range(1000))
    config = config_of(f"targets: [{targets}]")
    assert len({id(target.module) for target in config.targets}) == 1


@pytest.mark.parametrize(
    ("fields", "key", "words"),
    [
        ("first_hop: 20, max_hops: 10", "first_hop", "first_hop lies beyond max_hops"),
        ("max_hops: 1, first_hop: 2", "first_hop", "first_hop lies beyond max_hops"),
        ("interval: 1s", "interval", "timeout is 2s by default, interval is 1s in targets[0]"),
        ("timeout: 3s, interval: 2s", "timeout", "timeout is longer than interval"),
        ("packet_size: 40, family: ipv6", "packet_size", "at least 48 bytes"),
        ("packet_size: 40, family: both", "packet_size", "at least 48 bytes"),
        ("packet_size: 1000, protocol: quic", "packet_size", "at least 1228 bytes"),
        ("packet_size: 1000, protocol: udp, port: 443", "packet_size", "at least 1228 bytes"),
        ("packet_size: 76, protocol: udp, port: 123", "packet_size", "a size of its own"),
        ('payload: "0d", packet_size: 29, protocol: udp, port: 7', "packet_size", "of its own"),
        ("payload: 0d0a, protocol: udp", "payload", "payload is 0d0a in targets[0]"),
        ("payload: ff, port: 53", "payload", "for protocol udp and a port"),
        ("payload: ff, port: 53, protocol: quic", "payload", "protocol is quic in targets[0]"),
        ("source: 192.0.2.1, family: both", "source", "one family, not both"),
        ("source: 192.0.2.1, family: ipv6", "source", "the other family"),
    ],
)
def test_fields_that_do_not_fit_together(fields: str, key: str, words: str) -> None:
    """Two fields of a target were each right and together wrong; one fault names both."""
    fault = fault_of(f"targets: [{{host: a, {fields}}}]")
    assert fault.key == f"targets[0].{key}"
    assert words in fault.message


def test_a_conflict_names_the_layers_it_comes_from() -> None:
    """Fields of different layers clashed; the fault stands in the nearer one, and once."""
    fault = fault_of(
        """\
        defaults:
          first_hop: 20
        modules:
          near:
            max_hops: 10
        targets:
          - {host: a, module: near}
          - {host: b, module: near}
        """
    )
    assert (fault.line, fault.key) == (5, "modules.near.max_hops")
    assert fault.message == (
        "first_hop lies beyond max_hops: first_hop is 20 in defaults, "
        "max_hops is 10 in modules.near"
    )


def test_a_conflict_in_the_defaults_is_told_once() -> None:
    """The defaults clashed in themselves; neither modules nor targets repeat it."""
    fault = fault_of(
        "defaults: {timeout: 5s, interval: 3s}\nmodules: {m: {probes: 1}}\n"
        "targets: [{host: a}, {host: b, module: m}, {host: c, probes: 2}]"
    )
    assert (fault.line, fault.key) == (1, "defaults.timeout")


def test_an_address_of_the_other_family_is_a_fault_of_each_target() -> None:
    """Hosts were addresses of a family that the configuration excludes; each is told."""
    faults = faults_of(
        """\
        defaults: {family: ipv6}
        targets:
          - {host: 192.0.2.1}
          - {host: 192.0.2.2, probes: 2}
          - host: "2001:db8::1"
            family: ipv4
        """
    )
    assert places(faults) == [
        (3, "targets[0].host"),
        (4, "targets[1].host"),
        (6, "targets[2].family"),
    ]
    assert faults[0].message == ("the host is an address of ipv4, but its family is set to ipv6")


def test_a_source_of_the_other_family_than_the_host() -> None:
    """The defaults had a source address that cannot reach an address; that target is told."""
    faults = faults_of(
        "defaults: {source: 192.0.2.9}\n"
        'targets:\n  - {host: 192.0.2.1}\n  - host: "2001:db8::1"\n  - host: "2001:db8::2"\n'
    )
    assert places(faults) == [(4, "targets[1].host"), (5, "targets[2].host")]
    assert faults[0].message == (
        "source is an address of the other family: "
        "source is 192.0.2.9 in defaults, family is ipv6 in targets[1]"
    )


def test_names_are_unique() -> None:
    """Two targets had one name, written or following from the host; the later ones are told."""
    faults = faults_of(
        """\
        targets:
          - host: a
          - host: b
            name: a
          - host: a
            protocol: udp
          - {host: "2001:db8:0::1"}
          - {host: "2001:DB8::1"}
        """
    )
    assert places(faults) == [
        (4, "targets[1].name"),
        (5, "targets[2].host"),
        (8, "targets[4].host"),
    ]
    assert faults[0].message == 'targets[0] is named "a" too; give each its own `name`'


def test_faulty_names_and_hosts_take_no_name() -> None:
    """Two targets had faulty hosts or names; nobody is told that their names clash."""
    faults = faults_of(
        "targets: [{host: a b}, {host: a b}, {host: c, name: 5}, {host: d, name: 6}]"
    )
    assert [fault.key for fault in faults] == [
        "targets[0].host",
        "targets[1].host",
        "targets[2].name",
        "targets[3].name",
    ]


def test_a_faulty_target_is_still_checked_for_the_rest() -> None:
    """A target lacked its host; its unknown module, clash of fields and name were told too."""
    faults = faults_of(
        """\
        targets:
          - {host: x, name: taken}
          - name: taken
            module: nope
            timeout: 5s
            interval: 2s
            probes: many
        """
    )
    assert [fault.key for fault in faults] == [
        "targets[1].host",
        "targets[1].name",
        "targets[1].module",
        "targets[1].timeout",
        "targets[1].probes",
    ]


def test_unknown_modules_get_no_guess_from_a_long_list() -> None:
    """A module was unknown among hundreds; guessing would take long, so nothing is guessed."""
    modules = ", ".join(f"m{n}: {{}}" for n in range(300))
    fault = fault_of(f"modules: {{{modules}}}\ntargets: [{{host: a, module: m300}}]")
    assert fault.message == 'there is no module named "m300"'


def test_aliases_and_merges_make_targets() -> None:
    """Targets shared fields by an anchor; each has them, and a fault shows where they stand."""
    text = """\
        defaults: &shared
          probes: 5
        targets:
          - {<<: *shared, host: a, protocol: udp}
          - {<<: *shared, host: b}
        """
    config = config_of(text)
    assert [target.module.probes for target in config.targets] == [5, 5]
    assert module_of(config, "a").protocol is Protocol.UDP
    faults = faults_of(text.replace("probes: 5", "probes: 0"))
    assert places(faults) == [
        (2, "defaults.probes"),
        (2, "targets[0].probes"),
        (2, "targets[1].probes"),
    ]
