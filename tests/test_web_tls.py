"""TLS as the web configuration says, spoken by real clients."""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
from pathlib import Path

import aiohttp
import pytest

from tests.certificates import Pair, authority, signed
from tests.guarding import Site, client, guarded, peer_certificate


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """An authority that the tests trust."""
    return authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def server(ca: Pair) -> Pair:
    """The server's certificate."""
    return signed(ca.certificate.parent, "server", ca, "IP:127.0.0.1", "DNS:localhost")


def section(pair: Pair, *lines: str) -> str:
    """A web configuration with TLS."""
    files = [f"cert_file: {pair.certificate}", f"key_file: {pair.key}"]
    return "tls_server_config:\n" + "".join(f"  {line}\n" for line in [*files, *lines])


def mutual(pair: Pair, ca: Pair, *lines: str, kind: str = "RequireAndVerifyClientCert") -> str:
    """A web configuration with TLS that wants certificates of its clients."""
    wanted = f"client_auth_type: {kind}", f"client_ca_file: {ca.certificate}"
    return section(pair, *wanted, *lines)


def test_https_is_served(
    tmp_path: Path, ca: Pair, server: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """A client verified the server; one that trusts nobody turned away; plain HTTP got nothing.

    Nobody can fill the log by that.
    """

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", section(server)) as site:
            status, _, text = await site.get(tls=client(ca))
            assert (status, text) == (200, "Healthy\n")
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await site.get(tls=ssl.create_default_context())
            with pytest.raises(aiohttp.ClientError):
                await site.get()
            assert await site.status(tls=client(ca)) == 200

    asyncio.run(main())
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_large_answers_pass_through_tls_whole(tmp_path: Path, ca: Pair, server: Pair) -> None:
    """curl fetched some 5 MB of metrics: nothing is missing."""

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", section(server)) as site:
            site.world.chunks = [b"x" * 99_999 + b"\n"] * 50
            command = ["curl", "-sS", "--cacert", str(ca.certificate)]
            command.append(f"https://127.0.0.1:{site.port}/metrics")
            done = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, timeout=60, check=True
            )
            assert done.stdout == b"".join(site.world.chunks)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("lines", "version", "spoken"),
    [
        ([], "-tls1_2", True),
        ([], "-tls1_3", True),
        ([], "-tls1_1", False),
        (["min_version: TLS13"], "-tls1_2", False),
        (["max_version: TLS12"], "-tls1_3", False),
        (["cipher_suites: [TLS_AES_256_GCM_SHA384]"], "-tls1_2", False),
    ],
)
def test_versions(
    tmp_path: Path, server: Pair, lines: list[str], version: str, spoken: bool
) -> None:
    """openssl came with one version of TLS: those that are not allowed get no connection."""
    done = handshake(tmp_path, section(server, *lines), version, "-cipher", "ALL:@SECLEVEL=0")
    assert ("Cipher is ECDHE" in done or "Cipher is TLS_" in done) is spoken, done


def test_suites_and_curves(tmp_path: Path, server: Pair) -> None:
    """Both were set to the second best: a client that offers everything gets just these."""
    lines = (
        "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA]",
        "curve_preferences: [CurveP384]",
    )
    done = handshake(tmp_path, section(server, *lines), "-tls1_2")
    assert "Cipher is ECDHE-ECDSA-AES128-SHA" in done
    assert "ECDH, secp384r1, 384 bits" in done or "ECDH, P-384, 384 bits" in done


def handshake(directory: Path, text: str, *arguments: str) -> str:
    """What openssl says about a connection."""

    async def main() -> str:
        async with guarded(directory / "web.yml", text) as site:
            command = ["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", *arguments]
            done = await asyncio.to_thread(
                subprocess.run, command, input="", text=True, capture_output=True, timeout=60
            )
            return done.stdout + done.stderr

    return asyncio.run(main())


def test_client_certificates(tmp_path: Path, ca: Pair, server: Pair) -> None:
    """They came without a certificate, with one of another authority, and with a good one."""
    stranger = authority(tmp_path, "stranger")
    good, bad = signed(tmp_path, "good", ca), signed(tmp_path, "bad", stranger)

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", mutual(server, ca)) as site:
            assert await site.status(tls=client(ca, good)) == 200
            for wrong in (client(ca), client(ca, bad)):
                with pytest.raises(aiohttp.ClientError):
                    await site.get(tls=wrong)

    asyncio.run(main())


def test_client_certificates_if_given(tmp_path: Path, ca: Pair, server: Pair) -> None:
    """None is fine and a good one is fine, but a bad one is not."""
    stranger = authority(tmp_path, "stranger")
    good, bad = signed(tmp_path, "good", ca), signed(tmp_path, "bad", stranger)

    async def main() -> None:
        text = mutual(server, ca, kind="VerifyClientCertIfGiven")
        async with guarded(tmp_path / "web.yml", text) as site:
            assert await site.status(tls=client(ca, good)) == 200
            assert await site.status(tls=client(ca)) == 200
            with pytest.raises(aiohttp.ClientError):
                await site.get(tls=client(ca, bad))

    asyncio.run(main())


def test_names_of_client_certificates(tmp_path: Path, ca: Pair, server: Pair) -> None:
    """Four kinds of name are allowed, compared exactly; all others are told that they are not."""
    allowed = ["scraper.example.net", "2001:db8::7", "me@example.net", "spiffe://x/scraper"]
    names = {
        "DNS:scraper.example.net": 200,
        "IP:2001:db8:0::7": 200,
        "email:me@example.net": 200,
        "URI:spiffe://x/scraper": 200,
        "DNS:other.example.net,DNS:scraper.example.net": 200,
        "DNS:scraper.example.org": 403,
        "DNS:*.example.net": 403,
        "": 403,
    }
    pairs = [
        (signed(tmp_path, f"c{number}", ca, *filter(None, each.split(","))), status)
        for number, (each, status) in enumerate(names.items())
    ]

    async def main() -> None:
        text = mutual(server, ca, f"client_allowed_sans: {allowed!r}")
        async with guarded(tmp_path / "web.yml", text) as site:
            for pair, status in pairs:
                assert await site.status(tls=client(ca, pair)) == status, pair

    asyncio.run(main())


def test_a_renewed_certificate_is_shown_at_once(tmp_path: Path, ca: Pair) -> None:
    """The files were replaced one after the other while the server ran, and broken in between."""
    old, new = (signed(tmp_path, name, ca, "IP:127.0.0.1") for name in ("old", "new"))
    used = Pair(tmp_path / "cert.pem", tmp_path / "key.pem")
    copy(old, used)

    async def shown(site: Site) -> bytes:
        assert await site.status(tls=client(ca)) == 200
        return await peer_certificate(site.port, client(ca))

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", section(used)) as site:
            assert await shown(site) == der(old)
            used.certificate.write_text(new.certificate.read_text())
            assert await shown(site) == der(old), "its key is not there yet"
            used.key.write_text(new.key.read_text())
            assert await shown(site) == der(new)
            used.certificate.unlink()
            assert await shown(site) == der(new), "the last good one stays"
            copy(old, used)
            assert await shown(site) == der(old)

    asyncio.run(main())


def test_connections_outlive_a_renewal(tmp_path: Path, ca: Pair) -> None:
    """A client kept its connection while the certificate changed: it goes on using it."""
    old, new = (signed(tmp_path, name, ca, "IP:127.0.0.1") for name in ("old", "new"))
    used = Pair(tmp_path / "cert.pem", tmp_path / "key.pem")
    copy(old, used)

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", section(used)) as site:
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port, ssl=client(ca))
            for _ in range(2):
                writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b"200 OK" in await reader.readuntil(b"Healthy\n")
                copy(new, used)
            assert await peer_certificate(site.port, client(ca)) == der(new)
            writer.close()

    asyncio.run(main())


def test_an_authority_is_replaced_while_running(tmp_path: Path, ca: Pair, server: Pair) -> None:
    """A client was trusted, and is no longer once another authority took the place of its own."""
    other = authority(tmp_path, "other")
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(ca.certificate.read_text())
    before, after = signed(tmp_path, "before", ca), signed(tmp_path, "after", other)

    async def main() -> None:
        text = mutual(server, Pair(trusted, trusted))
        async with guarded(tmp_path / "web.yml", text) as site:
            assert await site.status(tls=client(ca, before)) == 200
            trusted.write_text(other.certificate.read_text())
            assert await site.status(tls=client(ca, after)) == 200
            with pytest.raises(aiohttp.ClientError):
                await site.get(tls=client(ca, before))

    asyncio.run(main())


def test_silent_clients_do_not_hold_the_server(tmp_path: Path, ca: Pair, server: Pair) -> None:
    """A hundred connect and never begin the handshake: others are served, and the end is quick."""

    async def main() -> None:
        async with guarded(tmp_path / "web.yml", section(server)) as site:
            silent = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(100)]
            assert await site.status(tls=client(ca)) == 200
        for _, writer in silent:
            writer.close()

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await main()

    asyncio.run(bounded())


def copy(source: Pair, to: Pair) -> None:
    """Put a certificate and its key in place."""
    to.certificate.write_text(source.certificate.read_text())
    to.key.write_text(source.key.read_text())


def der(pair: Pair) -> bytes:
    """The certificate as it goes over the wire."""
    return ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())
