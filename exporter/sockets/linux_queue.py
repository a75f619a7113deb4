"""The error queue of a Linux raw socket: send stamps, and by what MTU this host refused a packet.

ICMP errors are not queued there (`IP_RECVERR` stays off): the kernel would queue those of every
program, and a raw socket gets them on its ordinary queue.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from exporter.model import Family
from exporter.sockets.errqueue import OPTIONS, Origin, parse_ancillary, send_stamp
from exporter.sockets.pending import Pending

_CONTROL_BYTES = 512
_MOST_ITEMS = 256


def take_stamps(sock: socket.socket, pending: Pending) -> int | None:
    """Take in send stamps; gives the MTU by which this host itself refused a packet, if any."""
    mtu = None
    for _ in range(_MOST_ITEMS):
        try:
            _, messages, _, _ = sock.recvmsg(0, _CONTROL_BYTES, socket.MSG_ERRQUEUE)
        except OSError:
            break
        stamp = send_stamp(messages)
        if stamp is not None:
            pending.stamped(*stamp)
            continue
        error = parse_ancillary(messages).error
        if error is not None and error.origin == Origin.LOCAL and error.errno == errno.EMSGSIZE:
            mtu = error.info
    return mtu


def refusing_mtu(
    sock: socket.socket, family: Family, pending: Pending, send: Callable[[], object]
) -> int | None:
    """What the first link takes, where it has just refused a packet: `send` tries it once more.

    Only while errors are queued is the second refusal told with its reason.
    """
    options = OPTIONS[family]
    sock.setsockopt(options.level, options.receive_errors, 1)
    try:
        send()
    except OSError:
        return take_stamps(sock, pending)
    finally:
        sock.setsockopt(options.level, options.receive_errors, 0)
        # An error of another program, queued meanwhile, would make the next send fail.
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return None
