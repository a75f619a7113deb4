"""The few functions of Windows that an echo request needs, by ctypes.

Windows signals an event when a request is done. The system's own wait thread (one for 63 events)
then calls back: `RegisterWaitForSingleObject` is public and works with every event loop, unlike
the proactor's private `wait_for_handle`, which makes a future for each wait besides.
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

from exporter.model import Family
from exporter.sockets.windows_api import Api, Echo, Watch

_ERROR_IO_PENDING = 997
_WT_EXECUTEINWAITTHREAD, _WT_EXECUTEONLYONCE = 0x4, 0x8
_FOR_EVER = 0xFFFFFFFF
_INVALID_HANDLE = ctypes.c_void_p(-1)


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
