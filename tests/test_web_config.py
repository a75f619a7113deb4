"""Web configuration files: what is right in them, and every fault with its place."""

from __future__ import annotations

import io
import os
import ssl
import tempfile
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.commands.check import check
from exporter.config.web import RateLimit, WebConfig, load_web_config
from exporter.errors import ConfigError
from tests.certificates import Pair, authority, signed
from tests.guarding import hashed

HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """An authority."""
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pair(ca: Pair) -> Pair:
    """A server's certificate `server.pem` with `server.key`, in the authority's directory."""
    return signed(ca.certificate.parent, "server", ca, "IP:127.0.0.1")


def loaded(directory: Path, text: str) -> WebConfig:
    """What becomes of a file with this text."""
    file = directory / "web.yml"
    file.write_text(text)
    return load_web_config(file)


def faults(directory: Path, text: str) -> list[str]:
    """The faults of a file with this text, without its name."""
    with pytest.raises(ConfigError) as caught:
        loaded(directory, text)
    return [str(fault).removeprefix(f"{directory}/web.yml") for fault in caught.value.faults]


def test_everything_at_once(pair: Pair) -> None:
    """Each key that can be honoured was set; the context and the settings say the same."""
    config = loaded(
        pair.key.parent,
        f"""
tls_server_config:
  cert_file: server.pem
  key_file: {pair.key}
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example.net, "2001:DB8:0:0::1"]
  min_version: TLS12
  max_version: TLS12
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP384]
http_server_config:
  http2: true
  headers: {{X-Frame-Options: sameorigin, X-XSS-Protection: ""}}
basic_auth_users: {{prometheus: {HASH}}}
rate_limit: {{interval: 100ms, burst: 20}}
""",
    )
    tls = config.tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.maximum_version is ssl.TLSVersion.TLSv1_2
    assert not tls.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    old = [each["name"] for each in tls.get_ciphers() if each["protocol"] != "TLSv1.3"]
    assert old == ["ECDHE-ECDSA-AES256-GCM-SHA384"]
    assert config.allowed_sans == {"prometheus.example.net", "2001:db8::1"}
    assert config.users == {"prometheus": HASH.encode()}
    assert dict(config.headers)["X-Frame-Options"] == "sameorigin"
    assert config.rate == RateLimit(0.1, 20)
    assert config.http2_asked
    names = ["server.pem", "server.key", "ca.pem"]
    assert list(config.files) == [str(pair.key.parent / name) for name in names]


def test_certificates_may_stand_in_the_file_itself(pair: Pair, ca: Pair) -> None:
    """Certificate, key and authority were inline; no other file is needed or watched."""

    def indented(path: Path) -> str:
        return path.read_text().replace("\n", "\n    ")

    config = loaded(
        pair.key.parent,
        f"""tls_server_config:
  cert: |
    {indented(pair.certificate)}
  key: |
    {indented(pair.key)}
  client_ca: |
    {indented(ca.certificate)}
  client_auth_type: VerifyClientCertIfGiven
""",
    )
    assert config.tls is not None
    assert config.tls.verify_mode is ssl.CERT_OPTIONAL
    assert config.files == ()


def test_suites_of_tls_1_3_alone_leave_no_older_version(pair: Pair) -> None:
    """The only suite was one of TLS 1.3, so nothing could be spoken in TLS 1.2."""
    text = (
        "tls_server_config: {cert_file: server.pem, key_file: server.key, "
        "cipher_suites: [TLS_AES_128_GCM_SHA256]}"
    )
    config = loaded(pair.key.parent, text)
    assert config.tls is not None
    assert config.tls.minimum_version is ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize("text", ["{}", "tls_server_config:\nbasic_auth_users: {}\n"])
def test_nothing_set_is_plain_http_for_everyone(tmp_path: Path, text: str) -> None:
    """As with exporter-toolkit."""
    assert loaded(tmp_path, text) == WebConfig()


TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
CA = "  client_ca_file: ca.pem\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [": the file is empty; write {} where nothing shall be set"]),
        ("- a", [":1: found a list; allowed is a mapping"]),
        ("tls_config: {}", [':1: tls_config: there is no such key; did you mean "tls_server_']),
        (TLS + "  certfile: x\n", [":4: tls_server_config.certfile: there is no such key"]),
        ("tls_server_config: {}", [":1: tls_server_config.cert: cert or cert_file", "key or"]),
        (TLS + "  cert: |\n    -----BEGIN CERTIFICATE-----\n", ["cert stands here too"]),
        (TLS + "  client_auth_type: RequireAnyClientCert\n", ['found "RequireAnyClientCert" (']),
        (TLS + "  client_auth_type: Sometimes\n", ["allowed is one of NoClientCert, Verify"]),
        (TLS + "  client_auth_type: VerifyClientCertIfGiven\n", ["client_ca or client_ca_"]),
        (TLS + CA, [":1: tls_server_config.client_auth_type: NoClientCert asks"]),
        (TLS + "  client_allowed_sans: [a]\n", [":4: tls_server_config.client_allowed_sans: it"]),
        (TLS + "  min_version: TLS11\n", ["(it is broken and was withdrawn, RFC 8996); allowed"]),
        (TLS + "  min_version: TLS13\n  max_version: TLS12\n", [":4: tls_server_config.min_ver"]),
        (TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n", ["cipher_suites[0]: found"]),
        (
            TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n  max_version: TLS12\n",
            ["all of them are of TLS 1.3"],
        ),
        (TLS + "  curve_preferences: [Curve25519]\n", ["allowed is one of CurveP256, CurveP384"]),
        ("http_server_config: {http2: 2}", ["http2: found 2; allowed is true or false"]),
        (
            "http_server_config:\n  headers: {Server: x}",
            [':2: http_server_config.headers.Server: found "Server" as a name; allowed is one of'],
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: ALLOW}}",
            ['found "ALLOW"; allowed is deny or sameorigin, or nothing'],
        ),
        ('http_server_config: {headers: {X-XSS-Protection: "a\\nb"}}', ["text of printable ASCII"]),
        ("basic_auth_users: {a: secret}", ["found text that is not shown here, for it is secret"]),
        (f"basic_auth_users: {{a: {HASH.replace('$10$', '$16$')}}}", ["its cost 16 makes"]),
        (f"basic_auth_users: {{a: {HASH.replace('$10$', '$03$')}}}", ["its cost 3 is none"]),
        (f"basic_auth_users: {{'a:b': {HASH}}}", ["a colon ends the name"]),
        ("rate_limit: {interval: 5, burst: 1}", ["the unit is missing, as in 5s"]),
        ("rate_limit: {interval: 2h, burst: 1}", ["a duration up to 1h"]),
        ("rate_limit: {interval: 5s}", ["without a burst of at least 1"]),
        ("rate_limit: {interval: 5s, burst: -1}", ["burst: found -1; allowed is a whole number"]),
    ],
)
def test_faults(pair: Pair, text: str, expected: list[str]) -> None:
    """A file had a fault; it is told with its line and key, and nothing else is."""
    found = faults(pair.key.parent, text)
    assert len(found) == len(expected), found
    for fault, part in zip(found, expected, strict=True):
        assert part in fault


def test_all_faults_are_told_at_once(pair: Pair) -> None:
    """Each section had one; right values beside a wrong one are looked at too."""
    found = faults(
        pair.key.parent,
        "tls_server_config:\n  cert_file: none.pem\n  key_file: server.key\n  min_version: TLS9\n"
        "basic_auth_users: {a: b}\nrate_limit: {interval: soon}\nlimits: {}\n",
    )
    assert [fault.split(":")[1] for fault in found] == ["2", "4", "5", "6", "7"]
    assert "none.pem cannot be read: No such file or directory" in found[0]


def test_several_curves_are_refused_where_python_sets_one(pair: Pair) -> None:
    """OpenSSL would take them in order, Python before 3.15 has no way to say so."""
    text = TLS + "  curve_preferences: [CurveP256, CurveP384]\n"
    if hasattr(ssl.SSLContext, "set_groups"):
        assert loaded(pair.key.parent, text).tls is not None
    else:
        assert "one curve only" in faults(pair.key.parent, text)[0]


def test_a_curve_that_python_cannot_set_is_refused(pair: Pair) -> None:
    """X25519 alone is possible with some builds of Python; the others say so."""
    text = TLS + "  curve_preferences: [X25519]\n"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ecdh_curve("X25519")
    except (ssl.SSLError, ValueError):
        assert "this Python cannot set X25519" in faults(pair.key.parent, text)[0]
    else:
        assert loaded(pair.key.parent, text).tls is not None


def test_a_system_without_files_in_memory(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS and Windows: certificates take a way over the disk, and none stays there."""
    monkeypatch.delattr(os, "memfd_create")
    spool = pair.key.parent / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    assert loaded(pair.key.parent, TLS).tls is not None
    assert list(spool.iterdir()) == []


def test_an_authority_that_openssl_cannot_read(pair: Pair) -> None:
    """The file was cut off in the middle of its certificate."""
    torn = pair.key.parent / "torn-ca.pem"
    torn.write_text(pair.certificate.read_text()[:200] + "\n-----END CERTIFICATE-----\n")
    text = TLS + f"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {torn}\n"
    (found,) = faults(pair.key.parent, text)
    assert ":5: tls_server_config.client_ca_file: OpenSSL takes no certificate from it" in found


@pytest.mark.parametrize(
    ("certificate", "key", "expected"),
    [
        ("server.key", "server.key", ":2: tls_server_config.cert_file: there is no certificate"),
        ("server.pem", "server.pem", ":3: tls_server_config.key_file: there is no private key"),
        ("server.pem", "ca.key", ":3: tls_server_config.key_file: the key is not that of the"),
        ("server.pem", "locked.key", ":3: tls_server_config.key_file: a passphrase protects"),
        ("torn.pem", "server.key", ":2: tls_server_config.cert_file: OpenSSL cannot use it"),
        ("server.pem", "/proc", ":3: tls_server_config.key_file: /proc cannot be read: Is a dir"),
        ("huge.pem", "server.key", "is larger than 1 MiB"),
    ],
)
def test_files_that_cannot_be_used(pair: Pair, certificate: str, key: str, expected: str) -> None:
    """The certificate or the key was another file's, torn or locked; nobody is asked to type."""
    directory = pair.key.parent
    (directory / "locked.key").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIG=\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    (directory / "torn.pem").write_text(pair.certificate.read_text()[:200])
    (directory / "huge.pem").write_bytes(b"x" * (1 << 20 | 1))
    text = f"tls_server_config:\n  cert_file: {certificate}\n  key_file: {key}\n"
    (found,) = faults(directory, text)
    assert expected in found


def test_check_tells_of_web_configurations(tmp_path: Path, pair: Pair) -> None:
    """`check --web.config.file` was run on a good file and a bad one."""
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text(
        f"tls_server_config: {{cert_file: {pair.certificate}, key_file: {pair.key}}}\n"
        f"basic_auth_users: {{a: {hashed('x')}}}\nrate_limit: {{interval: 1s, burst: 5}}\n"
    )
    bad.write_text("basic_auth: {}\n")
    out, err = io.StringIO(), io.StringIO()
    assert check([], out, err, web_files=[str(good), str(bad)]) == 1
    assert out.getvalue().splitlines() == [
        f"{good}: valid",
        "  speaks    HTTPS",
        "  users     1",
        "  requests  one each 1s, at most 5 at once",
    ]
    assert err.getvalue().splitlines()[-1] == f"{bad}: 1 fault"


def test_check_wants_something_to_check(capsys: pytest.CaptureFixture[str]) -> None:
    """It was called without any file."""
    with pytest.raises(SystemExit):
        main(["check"])
    assert "there is no FILE to check" in capsys.readouterr().err
