"""What is told about a faulty value: place, key, finding and allowance, all at once."""

from __future__ import annotations

import pytest

from tests.config_texts import FILE, fault_of, faults_of, places


@pytest.mark.parametrize("key", ["port", "name", "source", "interval", "packet_size", "mtu"])
def test_a_single_value_may_not_be_left_empty(key: str) -> None:
    """A key had no value; the fault says that nothing was found, and what is allowed."""
    fault = fault_of(f"targets:\n  - host: a\n    {key}:\n")
    assert (fault.line, fault.key) == (3, f"targets[0].{key}")
    assert fault.message.startswith("found nothing; allowed is ")


def test_every_fault_is_told_at_once_with_its_place() -> None:
    """A file was wrong in many ways; each fault has file, line, key, finding and allowance."""
    faults = faults_of(
        """\
        defaults: {interval: 60:30, first_hop: 20}
        modules:
          web: {protocol: tcp, port: 443000}
          fast: {max_hops: 10, intervall: 3}
        targets:
          - host: 192.0.2.1
            labels: {site: NO, 9a: b, target: x}
            interval: -5s
            module: fats
            family: ipv6
          - nohost: 1
          - host: a.b
            name: x
            name: y
            protocol: icpm
          - {host: a.c, name: x}
          - nothing
        limits: {probes_per_second: .inf, concurrent_traces: 1.5}
        enrichment: {rdns: "yes", asn: {source: mmdb}}
        target_urls: [{refresh_interval: 5s}]
        resolver: [192.0.2.53]
        prob: {}
        """
    )
    assert {fault.file for fault in faults} == {FILE}
    assert places(faults) == [
        (1, "defaults.interval"),
        (3, "modules.web.port"),
        (4, "modules.fast.intervall"),
        (4, "modules.fast.max_hops"),
        (7, "targets[0].labels.site"),
        (7, "targets[0].labels.9a"),
        (7, "targets[0].labels.target"),
        (8, "targets[0].interval"),
        (9, "targets[0].module"),
        (10, "targets[0].family"),
        (11, "targets[1].host"),
        (11, "targets[1].nohost"),
        (14, "targets[2].name"),
        (15, "targets[2].protocol"),
        (16, "targets[3].name"),
        (17, "targets[4]"),
        (18, "limits.probes_per_second"),
        (18, "limits.concurrent_traces"),
        (19, "enrichment.rdns"),
        (19, "enrichment.asn.path"),
        (20, "target_urls[0].url"),
        (21, "resolver"),
        (22, "prob"),
    ]
    messages = {fault.key: fault.message for fault in faults}
    assert messages["modules.web.port"] == (
        "found 443000; allowed is a whole number from 1 to 65535"
    )
    assert messages["modules.fast.intervall"] == 'there is no such key; did you mean "interval"?'
    assert messages["targets[0].labels.site"].startswith("found NO, which YAML reads as false")
    assert messages["targets[0].module"].endswith('did you mean "fast"?')
    assert messages["targets[2].protocol"] == (
        'found "icpm"; allowed is one of auto, icmp, udp, tcp, quic'
    )
    assert messages["targets[4]"] == 'found "nothing"; allowed is a mapping'
    assert messages["enrichment.rdns"] == 'found "yes"; allowed is true or false'
    assert messages["resolver"] == "found a list; allowed is a mapping"
    assert str(faults[1]) == f"{FILE}:3: modules.web.port: {messages['modules.web.port']}"


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("port", ["0", "65536", "-1", "1.0", "yes", '"443"', "[1]", "{a: 1}", "0443", ".nan"]),
        ("max_hops", ["0", "256"]),
        ("first_hop", ["0", "256"]),
        ("probes", ["0", "101", "true"]),
        ("flows", ["0", "129"]),
        ("dscp", ["-1", "64"]),
        ("confirm", ["0", "101"]),
        ("packet_size", ["27", "9001"]),
        ("payload", ["00", "12", '""', "0", "abc", "xy", '"0d 0a"', '" 0d"', "a" * 2906]),
        ("interval", ["0", "99ms", "25h", ".nan", ".inf", "yes", "[1]", "60:30", '"30"']),
        ("timeout", ["0s", "9ms", "61s", "-1"]),
        ("protocol", ["ICMP", "sctp", "6", "[icmp]"]),
        ("family", ["inet", "4"]),
        ("source", ["eth0", "224.0.0.1", "fe80::1%eth0", "5"]),
        ("interface", ['""', "5", "[eth0]"]),
        ("mtu", ["1", '"true"', "maybe"]),
        ("rtt_buckets", ["[2, 1]", "[]", "1s", "[1, .nan]", "[a]"]),
        ("labels", ["[a]", "x"]),
        ("name", ["5", "NO", '""', '" a"', "..", '"."']),
    ],
)
def test_values_out_of_bounds_are_refused(key: str, values: list[str]) -> None:
    """A field had a value of another type or range; that one fault was told, at its line."""
    for value in values:
        fault = fault_of(f"targets:\n  - host: a\n    {key}: {value}\n")
        assert (fault.line, fault.key) == (3, f"targets[0].{key}"), value
        assert "; allowed is " in fault.message


def test_faults_speak_as_the_file_does() -> None:
    """A boolean contradicted the protocol, buckets fell: told in YAML's words, and as a demand."""
    assert "mtu is true in" in fault_of("targets: [{host: a, protocol: tcp, mtu: true}]").message
    message = fault_of("targets: [{host: a, rtt_buckets: [2, 1]}]").message
    assert "each bound must be higher than the one before" in message


def test_list_items_are_named() -> None:
    """Items of lists were wrong; each fault has its index, and the line of its item."""
    faults = faults_of(
        """\
        targets: []
        target_files:
          - a.yml
          - a.txt
        probe:
          allow:
            - 192.0.2.1/24
            - 5
        """
    )
    assert places(faults) == [
        (4, "target_files[1]"),
        (7, "probe.allow[0]"),
        (8, "probe.allow[1]"),
    ]
    assert "192.0.2.0/24 holds it" in faults[1].message
    assert "which YAML reads as a number (quote it)" in faults[2].message


def test_faults_of_the_text_and_of_its_meaning_come_together() -> None:
    """YAML tags were bad and values too; neither hid the other, and no fault came twice."""
    faults = faults_of(
        "targets:\n- host: !!python/name:os.system x\n  port: 0\n- *nobody\n"
        "- {host: a, rtt_buckets: [!x 1]}\n"
    )
    assert places(faults) == [
        (2, "targets[0].host"),
        (3, "targets[0].port"),
        (4, "targets[1]"),
        (5, "targets[2].rtt_buckets[0]"),
    ]


def test_unusual_keys_are_shown_readably() -> None:
    """Module names and keys held odd characters; they are quoted and cannot break a line."""
    faults = faults_of('targets: []\nmodules: {"a b": {port: 0}, "c\\n": {}, "": {}}\n"x\\e": 1\n')
    assert {fault.key for fault in faults} == {
        'modules["a b"].port',
        'modules["c\\n"]',
        'modules[""]',
        '["x\\x1b"]',
    }
    assert all(str(fault).isprintable() for fault in faults)
