"""Windows as the backend sees it: two libraries, and memory that is written as Windows does."""

from __future__ import annotations

import atexit
import ctypes
import itertools
import threading
import weakref
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest

from exporter.model import Family
from exporter.sockets.windows_library import WindowsApi
from exporter.sockets.windows_reply import REPLY4, REPLY6

PENDING, TIMED_OUT = 997, 11010


class WindowsError(OSError):
    """What `ctypes.WinError` makes."""

    def __init__(self, code: int) -> None:
        super().__init__(code, f"error {code}")
        self.winerror = code


class Function:
    """A function of a library: ctypes notes its result and parameters on it."""

    restype: object = None
    argtypes: object = None

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        """Call it."""
        assert self.argtypes is not None
        assert len(arguments) == len(self.argtypes)  # type: ignore[arg-type]
        return self._call(*arguments)


class Request:
    """One request in flight. Its memory is known by address alone, as to Windows."""

    def __init__(self, family: Family, arguments: tuple[Any, ...]) -> None:
        self.family = family
        self.handle, self.event = arguments[:2]
        self.ends = arguments[4:6]
        self.data, size, options, reply, self.reply_size, self.timeout = arguments[6:]
        assert size == len(self.data)
        self.ttl = options._obj.ttl
        self.address = ctypes.addressof(reply)
        self.alive = weakref.ref(reply)
        self.replies = 0
        self.status = TIMED_OUT


class FakeWindows:
    """`iphlpapi.dll` and `kernel32.dll`. `fail` makes functions fail, by name, with an error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[Request] = []
        self.open: set[int] = set()
        self.waits: dict[int, tuple[int, Any, int]] = {}
        self.blocking_unregistered = 0
        self.fail: dict[str, int] = {}
        self.at_exit: list[Callable[[], None]] = []
        self._handles = itertools.count(4, 4)
        self._error = 0
        for name, value in (
            ("WinDLL", lambda name, use_last_error: self),
            ("WINFUNCTYPE", ctypes.CFUNCTYPE),
            ("get_last_error", lambda: self._error),
            ("WinError", WindowsError),
        ):
            monkeypatch.setattr(ctypes, name, value, raising=False)
        monkeypatch.setattr(atexit, "register", self.at_exit.append)
        for name, call in self._functions().items():
            setattr(self, name, Function(call))
        self.api = WindowsApi()

    def _functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "IcmpCreateFile": lambda: self._handle("IcmpCreateFile"),
            "Icmp6CreateFile": lambda: self._handle("Icmp6CreateFile"),
            "IcmpCloseHandle": self._close,
            "IcmpSendEcho2Ex": lambda *arguments: self._send(Family.IPV4, arguments),
            "Icmp6SendEcho2": lambda *arguments: self._send(Family.IPV6, arguments),
            "IcmpParseReplies": self._parse,
            "Icmp6ParseReplies": self._parse,
            "CreateEventW": lambda *arguments: self._handle("CreateEventW"),
            "CloseHandle": self._close,
            "RegisterWaitForSingleObject": self._register,
            "UnregisterWaitEx": self._unregister,
        }

    def _failing(self, name: str) -> bool:
        self._error = self.fail.get(name, 0)
        return name in self.fail

    def _handle(self, name: str) -> int | None:
        if self._failing(name):
            return None
        handle = next(self._handles)
        self.open.add(handle)
        return handle

    def _close(self, handle: int) -> int:
        self.open.remove(handle)
        return 1

    def _register(
        self, out: Any, event: int, callback: Any, key: int, milliseconds: int, flags: int
    ) -> int:
        assert (milliseconds, flags & 8) == (0xFFFFFFFF, 8), "for ever, once"
        if self._failing("RegisterWaitForSingleObject"):
            return 0
        out._obj.value = wait = next(self._handles)
        self.waits[wait] = (event, callback, key)
        return 1

    def _unregister(self, wait: int, event: Any) -> int:
        del self.waits[wait]
        self.blocking_unregistered += event is not None
        return 1

    def _send(self, family: Family, arguments: tuple[Any, ...]) -> int:
        assert arguments[0] in self.open
        assert any(event == arguments[1] for event, _, _ in self.waits.values())
        if self._failing("send"):
            return 0
        self.requests.append(Request(family, arguments))
        self._error = PENDING
        return 0

    def _parse(self, reply: Any, size: int) -> int:
        (request,) = (r for r in self.requests if r.address == ctypes.addressof(reply))
        assert size == request.reply_size
        self.requests.remove(request)
        self._error = request.status
        return request.replies

    def reply(
        self,
        request: Request,
        status: int,
        address: str,
        *,
        data: bytes | None = None,
        rtt: int = 0,
        ttl: int = 60,
        shift: int = 0,
    ) -> None:
        """Write a reply as Windows does, and signal. `shift` puts the pointer to the data wrong."""
        echoed = request.data if data is None and status == 0 else data or b""
        packed = ip_address(address).packed
        if request.family is Family.IPV4:
            place = request.address + REPLY4.size
            head = REPLY4.pack(packed, status, rtt, len(echoed), 0, place + shift, ttl, 0, 0, 0, 0)
        else:
            head = REPLY6.pack(0, 0, packed, 0, status, rtt)
        assert request.alive() is not None, "Windows writes into memory that was given back"
        assert len(head) + len(echoed) <= request.reply_size
        ctypes.memmove(request.address, head + echoed, len(head) + len(echoed))
        request.replies = 1
        self.signal(request)

    def time_out(self, request: Request, status: int = TIMED_OUT) -> None:
        """End a request without a reply."""
        request.status = status
        self.signal(request)

    def signal(self, request: Request) -> None:
        """Signal the event of a request: a thread that is not Python's calls back."""
        (found,) = (w for w in self.waits.values() if w[0] == request.event)
        thread = threading.Thread(target=found[1], args=(found[2], 0))
        thread.start()
        thread.join()
