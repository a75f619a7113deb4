"""The few functions of Windows that an echo request needs, by ctypes, behind one small interface.

Windows signals an event when a request is done. The system's own wait thread (one for 63 events)
then calls back: `RegisterWaitForSingleObject` is public and works with every event loop, unlike
the proactor's private `wait_for_handle`, which makes a future for each wait besides.
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from typing import Protocol as Interface

from exporter.model import Family
from exporter.sockets.windows_reply import REPLY_BYTES

_AF_INET6 = 23
_SOCKADDR_IN6 = struct.Struct("=HHI16sI")
_IO_STATUS_BLOCK_BYTES = 16
_ICMP_ERROR_BYTES = 1280
_ERROR_IO_PENDING = 997
_WT_EXECUTEINWAITTHREAD, _WT_EXECUTEONLYONCE = 0x4, 0x8
_FOR_EVER = 0xFFFFFFFF
_INVALID_HANDLE = ctypes.c_void_p(-1)


class IpOptions(ctypes.Structure):
    """`IP_OPTION_INFORMATION`, in the width of this process: 16 bytes on 64 bits, else 8."""

    _fields_ = (
        ("ttl", ctypes.c_ubyte),
        ("tos", ctypes.c_ubyte),
        ("flags", ctypes.c_ubyte),
        ("size", ctypes.c_ubyte),
        ("data", ctypes.c_void_p),
    )


class Echo:
    """One request and the memory that Windows reads and writes until it signals the event."""

    __slots__ = ("data", "destination", "family", "options", "reply", "source", "timeout_ms")

    def __init__(
        self, family: Family, ends: tuple[str, str], data: bytes, ttl: int, timeout_ms: int
    ) -> None:
        self.family = family
        self.source, self.destination = (_address(family, end) for end in ends)
        self.data = data
        self.options = IpOptions(ttl=ttl)
        self.reply = ctypes.create_string_buffer(
            REPLY_BYTES[family] + len(data) + _ICMP_ERROR_BYTES + _IO_STATUS_BLOCK_BYTES
        )
        self.timeout_ms = timeout_ms


def _address(family: Family, text: str) -> bytes:
    """An address as the calls want it: four bytes, or a `sockaddr_in6`."""
    if family is Family.IPV4:
        return socket.inet_pton(socket.AF_INET, text)
    return _SOCKADDR_IN6.pack(_AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, text), 0)


@dataclass(frozen=True, slots=True)
class Watch:
    """An event, and the wait for it."""

    key: int
    event: int
    wait: int


class Api(Interface):
    """What the backend asks of Windows. Handles are numbers; error numbers are those of Windows."""

    def open(self, family: Family) -> int:
        """A handle to send many requests with. Raises `OSError`."""
        ...

    def close(self, handle: int) -> None:
        """Give a handle back that no request uses any more."""
        ...

    def watch(self, done: Callable[[], None]) -> Watch:
        """An event that calls `done` once, from a foreign thread. Raises `OSError`.

        All that `done` refers to stays in memory until `unwatch`.
        """
        ...

    def unwatch(self, watch: Watch, *, running: bool = False) -> None:
        """Give the event back; waits for a call of `done` that may be `running`."""
        ...

    def send(self, handle: int, echo: Echo, watch: Watch) -> int:
        """Start a request; gives 0 where the event will be signalled, else the error."""
        ...

    def parse(self, echo: Echo) -> int:
        """Once, after the event: 0 where the buffer holds a reply, else the status without one."""
        ...


class WindowsApi:
    """The real one. There is one for the process, since waits outlive the sockets."""

    def __init__(self) -> None:
        library: Any = getattr(ctypes, "WinDLL", None)
        callback: Any = getattr(ctypes, "WINFUNCTYPE", None)
        self._last_error: Any = getattr(ctypes, "get_last_error", None)
        self._error: Any = getattr(ctypes, "WinError", None)
        if library is None:
            raise OSError("this is not Windows")
        self._icmp = library("iphlpapi", use_last_error=True)
        self._kernel = library("kernel32", use_last_error=True)
        _declare(self._kernel, _KERNEL)
        self._callback = callback(None, ctypes.c_void_p, ctypes.c_ubyte)(self._signalled)
        self._keys = itertools.count(1)
        self._waiting: dict[int, Callable[[], None]] = {}
        self._watches: dict[int, Watch] = {}
        atexit.register(self._abandon)

    def open(self, family: Family) -> int:
        """See `Api`."""
        icmp = self._icmp
        try:
            _declare(icmp, _ICMP[family])
        except AttributeError as error:
            raise OSError(str(error)) from error
        handle = icmp.IcmpCreateFile() if family is Family.IPV4 else icmp.Icmp6CreateFile()
        if handle is None or handle == _INVALID_HANDLE.value:
            raise self._error(self._last_error())
        return int(handle)

    def close(self, handle: int) -> None:
        """See `Api`."""
        self._icmp.IcmpCloseHandle(handle)

    def watch(self, done: Callable[[], None]) -> Watch:
        """See `Api`."""
        event = self._kernel.CreateEventW(None, True, False, None)
        if not event:
            raise self._error(self._last_error())
        key = next(self._keys)
        self._waiting[key] = done
        wait = ctypes.c_void_p()
        flags = _WT_EXECUTEINWAITTHREAD | _WT_EXECUTEONLYONCE
        if not self._kernel.RegisterWaitForSingleObject(
            ctypes.byref(wait), event, self._callback, key, _FOR_EVER, flags
        ):
            error = self._error(self._last_error())
            del self._waiting[key]
            self._kernel.CloseHandle(event)
            raise error
        watch = self._watches[key] = Watch(key, event, wait.value or 0)
        return watch

    def unwatch(self, watch: Watch, *, running: bool = False) -> None:
        """See `Api`."""
        self._kernel.UnregisterWaitEx(watch.wait, _INVALID_HANDLE if running else None)
        self._kernel.CloseHandle(watch.event)
        del self._watches[watch.key], self._waiting[watch.key]

    def send(self, handle: int, echo: Echo, watch: Watch) -> int:
        """See `Api`."""
        rest = (
            *(echo.data, len(echo.data), ctypes.byref(echo.options)),
            *(echo.reply, len(echo.reply), echo.timeout_ms),
        )
        if echo.family is Family.IPV4:
            ends = (int.from_bytes(end, "little") for end in (echo.source, echo.destination))
            sent = self._icmp.IcmpSendEcho2Ex(handle, watch.event, None, None, *ends, *rest)
        else:
            ends6 = (echo.source, echo.destination)
            sent = self._icmp.Icmp6SendEcho2(handle, watch.event, None, None, *ends6, *rest)
        error = 0 if sent else int(self._last_error())
        return 0 if error == _ERROR_IO_PENDING else error

    def parse(self, echo: Echo) -> int:
        """See `Api`."""
        icmp = self._icmp
        parse = icmp.IcmpParseReplies if echo.family is Family.IPV4 else icmp.Icmp6ParseReplies
        return 0 if parse(echo.reply, len(echo.reply)) else int(self._last_error())

    def _signalled(self, key: int, _timed_out: int) -> None:
        done = self._waiting.get(key)
        if done is not None:
            done()

    def _abandon(self) -> None:
        """The interpreter ends: no thread may call into it any more, and Windows may still write.

        So the memory of what is in flight is never given back, whatever the interpreter clears.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._waiting))
        for watch in list(self._watches.values()):
            self._kernel.UnregisterWaitEx(watch.wait, _INVALID_HANDLE)


@cache
def windows_api() -> Api:
    """The functions of Windows. Raises `OSError` where they are not there."""
    return WindowsApi()


_POINTER, _DWORD, _WORD = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint16
_REQUEST = (_POINTER, _WORD, _POINTER, _POINTER, _DWORD, _DWORD)
_Functions = dict[str, tuple[Any, tuple[Any, ...]]]
_ICMP: dict[Family, _Functions] = {
    Family.IPV4: {
        "IcmpCreateFile": (_POINTER, ()),
        "IcmpCloseHandle": (ctypes.c_int, (_POINTER,)),
        "IcmpSendEcho2Ex": (_DWORD, (*[_POINTER] * 4, _DWORD, _DWORD, *_REQUEST)),
        "IcmpParseReplies": (_DWORD, (_POINTER, _DWORD)),
    },
    Family.IPV6: {
        "Icmp6CreateFile": (_POINTER, ()),
        "IcmpCloseHandle": (ctypes.c_int, (_POINTER,)),
        "Icmp6SendEcho2": (_DWORD, (*[_POINTER] * 6, *_REQUEST)),
        "Icmp6ParseReplies": (_DWORD, (_POINTER, _DWORD)),
    },
}
_KERNEL: _Functions = {
    "CreateEventW": (_POINTER, (_POINTER, ctypes.c_int, ctypes.c_int, _POINTER)),
    "CloseHandle": (ctypes.c_int, (_POINTER,)),
    "RegisterWaitForSingleObject": (ctypes.c_int, (*[_POINTER] * 4, _DWORD, _DWORD)),
    "UnregisterWaitEx": (ctypes.c_int, (_POINTER, _POINTER)),
}


def _declare(library: Any, functions: _Functions) -> None:
    """Tell ctypes results and parameters: its default, a C int, would cut handles in half."""
    for name, (result, parameters) in functions.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, parameters
