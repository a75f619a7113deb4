"""The commands as a shell sees them: output, exit status, clear errors and no tracebacks."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from exporter import __version__
from exporter.cli import daemon_parser, main
from tests.conftest import LabFactory
from tests.daemon import running
from tests.test_daemon import names

ADDRESS = re.compile(r"server\.listening .*?(127\.0\.0\.1:\d+)")


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Both end with status 0 and say what they should."""
    for flag, word in (("--version", __version__), ("--help", "--config.file")):
        with pytest.raises(SystemExit) as ended:
            main([flag])
        assert ended.value.code == 0
        assert word in capsys.readouterr().out


def test_flags_are_those_of_the_official_exporters() -> None:
    """Defaults as documented; the address is repeatable."""
    options = daemon_parser().parse_args(["--web.listen-address=:1", "--web.listen-address=:2"])
    assert options.listen == [":1", ":2"]
    assert (options.config_file, options.telemetry_path) == ("config.yaml", "/metrics")
    assert (options.log_level, options.log_format) == ("info", "logfmt")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("targets: [{hots: 192.0.2.1}]", "hots"),
        ("targets: [", "not valid YAML"),
        ("targets: [{host: 192.0.2.1}]\ntarget_files: [x.txt]", "target_files"),
        (None, "no such file"),
    ],
)
def test_wrong_configuration_is_told_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, complaint: str
) -> None:
    """The daemon does not start, says where the fault is, and shows no traceback."""
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_text(content)
    assert main([f"--config.file={path}"]) == 1
    error = capsys.readouterr().err
    assert complaint in error
    assert str(path) in error
    assert "Traceback" not in error


def test_check_reports_and_sums_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0 and a summary for a good file, 1 and the faults for a bad one."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("targets: [{host: 192.0.2.1}]")
    bad.write_text("targets: [{host: 192.0.2.1, interval: -1s}]")
    assert main(["check", str(good)]) == 0
    assert "valid" in capsys.readouterr().out
    assert main(["check", str(good), str(bad)]) == 1
    assert f"{bad}:1: targets[0].interval" in capsys.readouterr().err


def test_address_in_use_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody else listens there: one line, status 1."""
    config = tmp_path / "config.yaml"
    config.write_text("targets: [{host: 127.0.0.1}]")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main([f"--config.file={config}", f"--web.listen-address={address}"]) == 1
    error = capsys.readouterr().err
    assert address in error
    assert "Traceback" not in error


def test_daemon_serves_until_it_is_told_to_stop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ready, scraped, then SIGTERM: it ends with status 0 within five seconds."""
    config = tmp_path / "config.yaml"
    config.write_text(
        "defaults: {interval: 1s, timeout: 200ms, protocol: udp}\n"
        "enrichment: {rdns: false, asn: {source: none}}\n"
        "targets: [{host: 127.0.0.1, labels: {site: here}}, {host: localhost, family: both}]\n"
    )
    bodies: dict[str, str] = {}
    stopped_at: list[float] = []

    def use() -> None:
        log = ""
        while not (found := ADDRESS.search(log)):
            time.sleep(0.02)
            log += capsys.readouterr().err
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for path in ("/metrics", "/-/ready", "/api/v1/targets", "/api/v1/targets/127.0.0.1"):
                with urllib.request.urlopen(f"http://{found[1]}{path}", timeout=5) as answer:
                    bodies[path] = answer.read().decode()
            if bodies["/metrics"].count("ftr_target_reached{") == 3:
                break
        stopped_at.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)

    user = threading.Thread(target=use)
    user.start()
    status = main([f"--config.file={config}", "--web.listen-address=127.0.0.1:0"])
    user.join()
    assert status == 0
    assert time.monotonic() - stopped_at[0] < 5
    assert (
        'ftr_target_reached{target="127.0.0.1",family="ipv4",protocol="udp",site="here"} 1'
        in (bodies["/metrics"])
    )
    assert json.loads(bodies["/api/v1/targets/127.0.0.1"])
    assert "daemon.stopped" in capsys.readouterr().err


def test_sockets_shows_what_is_usable_and_the_remedy(
    lab_factory: LabFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """Permitted and refused ping sockets; with CAP_NET_RAW all else works either way."""
    lab_factory("small")
    assert main(["sockets"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert {row[3] for row in rows} == {"yes"}
    lab_factory("small", ping_sockets=False)
    assert main(["sockets"]) == 0
    refused = capsys.readouterr().out
    rows = [line.split() for line in refused.partition("\n\n")[0].splitlines()[1:]]
    assert {row[0] for row in rows if row[3] == "no"} == {"linux-icmp"}
    assert "remedy: " in refused
    assert "net.ipv4.ping_group_range" in refused


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["www.example.net"], 0, ("core1.transit.example", "AS64501 EXAMPLE-TRANSIT", "reached")),
        (["-6", "-q", "2", "mail.example.net"], 0, ("2001:db8:300::2", "MPLS: 24017")),
        (["-n", "192.0.2.5"], 1, ("!X", "administratively prohibited")),
        (["-n", "-P", "udp", "192.0.2.6"], 1, ("not reached",)),
        (["-n", "--protocol", "tcp", "--port", "443", "192.0.2.1"], 0, ("reached in 7 hops",)),
        (["-n", "-P", "tcp", "192.0.2.5"], 1, ("!X", "administratively prohibited")),
        (["-n", "-P", "tcp", "192.0.2.6"], 1, ("not reached",)),
        (["-n", "-P", "tcp", "-s", "100", "192.0.2.1"], 2, ("cannot honour packet_size",)),
        (["nosuch.example.net"], 2, ("NXDOMAIN",)),
        (["-n", "--source", "192.0.2.77", "192.0.2.1"], 2, ("could not trace",)),
        (["-n", "-P", "quic", "192.0.2.1"], 0, ("192.0.2.254", "reached in 7 hops")),
        (["-n", "-P", "quic", "-p", "8443", "192.0.2.2"], 0, ("reached in 6 hops",)),
        (["-n", "-P", "quic", "-s", "100", "192.0.2.1"], 2, ("at least 1228 bytes",)),
        (["-n", "-P", "udp", "-p", "53", "192.0.2.1"], 0, ("192.0.2.254", "reached in 7 hops")),
        (["-n", "192.0.2.2", "192.0.2.6"], 1, ("reached in 6 hops", "not reached")),
    ],
)
def test_trace_prints_the_path(
    lab_factory: LabFactory,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    words: tuple[str, ...],
) -> None:
    """Names, origins, labels and the reason to stop; the exit status says how it went."""
    lab = lab_factory("troubled")
    with names(lab) as port:
        server = ["--nameserver", "127.0.0.1", "--nameserver-port", str(port)]
        assert main(["trace", *server, *arguments]) == status
    printed = capsys.readouterr().out
    for word in words:
        assert word in printed


@pytest.mark.parametrize("probes", ["-q1", "-q3"])
def test_a_loop_is_printed_up_to_its_third_turn(
    lab_factory: LabFactory, capsys: pytest.CaptureFixture[str], probes: str
) -> None:
    """Two routers sent the probes to and fro: lines and summary agree on what is a hop."""
    lab_factory("small").set_target("web", loop=2)
    assert main(["trace", "-n", probes, "192.0.2.1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[:3].strip() for line in lines[1:-1]] == list("123456")
    assert "not reached after 6 hops" in lines[-1]


def test_trace_in_json(lab_factory: LabFactory, capsys: pytest.CaptureFixture[str]) -> None:
    """One object for each trace, or one event a line."""
    lab_factory("small")
    assert main(["trace", "-n", "--json", "192.0.2.1", "192.0.2.2"]) == 0
    traces = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [trace["address"] for trace in traces] == ["192.0.2.1", "192.0.2.2"]
    assert [hop["ttl"] for hop in traces[0]["hops"]] == [1, 2, 3, 4]
    assert main(["trace", "-n", "--jsonl", "192.0.2.1"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events][:2] == ["start", "hop"]
    assert events[-1]["event"] == "trace"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--max-hops", "0"], "0 is not between 1 and 255"),
        (["--port", "70000"], "70000 is not between 1 and 65535"),
        (
            ["-P", "icmp", "-p", "80"],
            "found port 80; allowed is none with icmp, which has no ports",
        ),
        (["--timeout", "0"], "0 is not above 0 and at most 60 seconds"),
        (["--timeout", "500ms"], "'500ms' is not a number of seconds"),
        (["--dscp", "x"], "'x' is not a whole number"),
        (["--first-hop", "6", "--max-hops", "5"], "first hop 6 lies beyond max hops 5"),
        (["--source", "www.example.net"], "'www.example.net' is not an IP address"),
        (["--nameserver", "dns.example.net"], "'dns.example.net' is not an IP address"),
        (["-6", "--source", "127.0.0.1"], "source 127.0.0.1 is an address of the other family"),
        ([], "the following arguments are required: HOST"),
    ],
)
def test_trace_refuses_senseless_arguments(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Usage errors are status 2 and one line that says what is allowed."""
    hosts = ["192.0.2.1"] if arguments else []
    with pytest.raises(SystemExit) as ended:
        main(["trace", *arguments, *hosts])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "usage: ftr-exporter trace" in error
    assert complaint in error


def test_source_decides_the_family(capsys: pytest.CaptureFixture[str]) -> None:
    """From an IPv6 address only IPv6 is traced: the loopback of a name that has both, and no
    IPv4 address."""
    assert main(["trace", "-n", "-P", "udp", "--source", "::1", "localhost"]) == 0
    assert "trace to localhost (::1) by udp over IPv6" in capsys.readouterr().out
    assert main(["trace", "-n", "--source", "::1", "127.0.0.1"]) == 2
    assert "127.0.0.1 is not an IPv6 address" in capsys.readouterr().out


def test_unknown_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that is mistyped: which there are, and status 2."""
    with pytest.raises(SystemExit) as ended:
        main(["trase", "192.0.2.1"])
    assert ended.value.code == 2
    assert "there is no command 'trase'; there are trace, check and" in capsys.readouterr().err


def test_reader_that_goes_away_is_no_error(lab_factory: LabFactory) -> None:
    """`ftr-exporter trace … | head -1` ends quietly."""
    lab = lab_factory("small")
    done = lab.run(
        ["sh", "-c", f"{sys.executable} -m exporter trace -n 192.0.2.1 192.0.2.3 | head -1"]
    )
    assert done.stdout.startswith("trace to 192.0.2.1")
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize("command", ["trace -n -P udp 127.0.0.1", "sockets"])
def test_full_disk_is_told_in_one_line(lab_factory: LabFactory, command: str) -> None:
    """The output went to a disk that is full: not status 1, which says something of the path."""
    lab = lab_factory("small")
    done = lab.run(["sh", "-c", f"{sys.executable} -m exporter {command} >/dev/full"])
    assert done.returncode == 2
    assert done.stderr == "cannot write the output: No space left on device\n"


@pytest.mark.parametrize("command", ["trace -n -P udp 127.0.0.1", "check nowhere", "sockets"])
def test_closed_output_is_told_in_one_line(lab_factory: LabFactory, command: str) -> None:
    """There was no output to write to: the same as a full disk, and nothing is sent."""
    lab = lab_factory("small")
    done = lab.run(["sh", "-c", f"{sys.executable} -m exporter {command} >&-"])
    assert done.returncode == 2
    assert done.stderr == "cannot write the output: the standard output is closed\n"


def test_interrupt_ends_the_daemon_too(lab_factory: LabFactory) -> None:
    """Ctrl-C is a clean stop."""
    lab = lab_factory("small")
    with running(lab, "targets: [{host: 192.0.2.1}]") as daemon:
        assert daemon.stop(signal.SIGINT) < 5


def test_module_runs_as_a_command() -> None:
    """`python -m exporter` is the command."""
    done = subprocess.run(
        [sys.executable, "-m", "exporter", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"ftr-exporter {__version__}"
