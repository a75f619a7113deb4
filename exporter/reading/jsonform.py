"""The one JSON form of a trace: what `trace --json`, the API and the events all show.

Times are RFC 3339 in UTC with milliseconds, durations seconds; what is unknown is None (`null`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from exporter.model import (
    NOTHING_KNOWN,
    ExtensionObject,
    Hop,
    HostInfo,
    Kind,
    Response,
    StopReason,
    Trace,
)
from exporter.reading.interfaces import InterfaceInfo, interface_info, other_objects
from exporter.reading.path import as_path, path_id
from exporter.reading.returnpath import asymmetry, return_hops
from exporter.sockets.extensions import mpls_stack
from exporter.statistics.loss import PathLoss

_DIGITS = 9
_MOST_OBJECTS = 16
_MOST_BYTES = 128


def rfc3339(seconds: float) -> str:
    """A wall-clock time, given as seconds since the epoch, as `2026-01-31T12:00:00.000Z`."""
    moment = datetime.fromtimestamp(round(seconds, 3), UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def host_json(info: HostInfo) -> dict[str, object]:
    """What is known of an address, with the keys that a responder has."""
    return {
        "hostname": info.hostname,
        "asn": info.asn,
        "as_name": info.as_name,
        "prefix": info.prefix,
        "country": info.country,
    }


def trace_json(
    trace: Trace,
    infos: Mapping[str, HostInfo],
    *,
    target: str,
    path: tuple[str | None, ...],
) -> dict[str, object]:
    """A finished trace; `path` is what `exporter.reading.path.follow` made of it.

    `code` is there where the reason to stop is `unreachable`; `errors` (reason: count) and
    `message` where something failed locally. `path_id` is None while no hop is known.
    """
    form: dict[str, object] = {
        "target": target,
        "host": trace.host,
        "address": trace.address,
        "family": trace.family.value,
        "protocol": trace.protocol.value,
        "backend": trace.backend or None,
        "started_at": rfc3339(trace.started_at),
        "duration_seconds": round(trace.duration, _DIGITS),
        "reached": trace.reached,
        "stop_reason": trace.stop_reason.value,
        "path_id": path_id(path) if any(path) else None,
        "as_path": list(as_path(path, infos)),
        "hops": [_hop(hop, infos) for hop in trace.hops],
    }
    if trace.stop_reason is StopReason.UNREACHABLE:
        form["code"] = trace.code
    if trace.errors:
        form["errors"] = dict(trace.errors)
        form["message"] = trace.message
    return form


def hop_json(response: Response, info: HostInfo | None, *, target: str) -> dict[str, object]:
    """The event that a response makes the moment it is there."""
    return {
        "event": "hop",
        "target": target,
        "ttl": response.probe.ttl,
        "round": response.probe.round,
        "responder": _responder([response], info or NOTHING_KNOWN),
    }


def info_json(address: str, info: HostInfo, *, target: str) -> dict[str, object]:
    """The event that a name or an origin makes when it arrives after the response."""
    return {"event": "info", "target": target, "address": address, **host_json(info)}


def trace_event_json(
    trace: Trace,
    infos: Mapping[str, HostInfo],
    *,
    target: str,
    path: tuple[str | None, ...],
) -> dict[str, object]:
    """The event at the end of a trace."""
    return {"event": "trace", **trace_json(trace, infos, target=target, path=path)}


def loss_json(loss: PathLoss) -> dict[str, object]:
    """Where packets are lost over the latest cycles; TTLs of which nothing is known are missing.

    `starts_at` is the TTL of the first hop that loss reaches, None without loss. A hop's condition
    is `clear`, `lossy`, `rate_limited` or `silent`.
    """
    return {
        "starts_at": loss.starts_at,
        "hops": [
            {"ttl": ttl, "forward_loss_ratio": ratio, "condition": loss.conditions[ttl].value}
            for ttl, ratio in loss.forward.items()
        ],
    }


def _hop(hop: Hop, infos: Mapping[str, HostInfo]) -> dict[str, object]:
    by_address: dict[str, list[Response]] = {}
    for response in hop.responses:
        by_address.setdefault(response.address, []).append(response)
    responders = [
        _responder(responses, infos.get(address, NOTHING_KNOWN))
        for address, responses in by_address.items()
    ]
    return {"ttl": hop.ttl, "sent": hop.sent, "lost": hop.lost, "responders": responders}


def _responder(responses: list[Response], info: HostInfo) -> dict[str, object]:
    """All answers of one address at one TTL; where they differ, the latest is shown.

    `translated` is there where the answer quotes another destination than was probed.
    """
    latest = responses[-1]
    form: dict[str, object] = {
        "address": latest.address,
        **host_json(info),
        "rtt_seconds": [round(response.rtt, _DIGITS) for response in responses],
        "kind": latest.kind.value,
        "reply_ttl": latest.reply_ttl,
        "return_hops": return_hops(latest.reply_ttl),
        "asymmetry": asymmetry(latest.probe.ttl, latest.reply_ttl),
        "mpls": [entry._asdict() for entry in mpls_stack(latest.extensions)],
    }
    if latest.kind is Kind.UNREACHABLE:
        form["code"] = latest.code
    if latest.translated:
        form["translated"] = True
    if latest.extensions:
        form.update(_extensions(latest.extensions))
    return form


def _extensions(found: tuple[ExtensionObject, ...]) -> dict[str, object]:
    """What routers add beside labels (RFC 5837, RFC 4884), where there is any; forgeries are cut.

    `bytes` is the length of the whole payload, in hexadecimal as far as it is shown.
    """
    form: dict[str, object] = {}
    interfaces = interface_info(found)
    if interfaces:
        form["interfaces"] = [_interface(each) for each in interfaces[:_MOST_OBJECTS]]
    others = other_objects(found)
    if others:
        form["extensions"] = [
            {
                "class": each.class_number,
                "c_type": each.c_type,
                "bytes": len(each.payload),
                "payload": each.payload[:_MOST_BYTES].hex(),
            }
            for each in others[:_MOST_OBJECTS]
        ]
    return form


def _interface(info: InterfaceInfo) -> dict[str, object]:
    return {
        "role": info.role.value,
        "index": info.index,
        "address": info.address,
        "name": info.name,
        "mtu": info.mtu,
    }
