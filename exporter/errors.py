"""Every error of ftr-exporter descends from `FtrError`; a local failure is never loss."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ErrorReason(StrEnum):
    """Why something local failed: the values of the label `reason` of `ftr_errors_total`."""

    RESOLVE = "resolve"
    PERMISSION = "permission"
    SEND = "send"
    UNREACHABLE_NETWORK = "unreachable_network"
    SOCKET = "socket"
    INTERNAL = "internal"


class FtrError(Exception):
    """Base of all errors raised on purpose."""


class MalformedPacket(FtrError):
    """Bytes from the network that do not follow their own format."""


class ResolveError(FtrError):
    """A name has no address of the wanted family, or no name server answered."""


class ProbeError(FtrError):
    """A probe could not be sent; `reason` says which kind of local failure it was."""

    def __init__(self, reason: ErrorReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SendBlocked(ProbeError):
    """The kernel's buffers are full now; the same probe can be sent a little later."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorReason.SEND, message)


class AskAgain(ProbeError):
    """A probe's answer may have come, but nothing tells which probe it answers.

    The same probe, sent again, will be told apart.
    """

    def __init__(self) -> None:
        super().__init__(ErrorReason.SEND, "an answer could not be told from others")


class TooBig(ProbeError):
    """The probe is larger than the first link takes whole; `mtu` is that link's, if known."""

    def __init__(self, message: str, mtu: int | None = None) -> None:
        super().__init__(ErrorReason.SEND, message)
        self.mtu = mtu


class SocketUnavailable(ProbeError):
    """A backend cannot open here; `remedy` tells the operator what would allow it."""

    def __init__(self, reason: ErrorReason, message: str, remedy: str = "") -> None:
        super().__init__(reason, message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in a configuration file. `line` counts from 1; 0 where the file has no line."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ConfigError(FtrError):
    """A configuration that cannot be used, with every fault found in it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults
