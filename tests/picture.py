"""Makes PNG files small: of a picture of a page, 256 colours tell all."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB, _RGBA, _PALETTE = 2, 6, 3
_COLOURS = 256


def small(png: bytes) -> bytes:
    """The same picture with a palette; of rare colours the nearest frequent one is taken."""
    chunks = list(_chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    assert (depth, kind in (_RGB, _RGBA)) == (8, True), "not as Chromium makes them"
    size = 3 if kind == _RGB else 4
    raw = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    rows = [
        [bytes(row[at : at + 3]) for at in range(0, width * size, size)]
        for row in _unfiltered(raw, width * size, size)
    ]
    counts = Counter(pixel for row in rows for pixel in row)
    palette = _palette(counts)
    index = {colour: number for number, colour in enumerate(palette)}
    for colour in counts:
        if colour not in index:
            index[colour] = min(range(len(palette)), key=lambda n: _distance(palette[n], colour))
    data = b"".join(b"\0" + bytes(map(index.__getitem__, row)) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(data, 9)))
    return _SIGNATURE + b"".join(_chunk(*part) for part in (*parts, (b"IEND", b"")))


def _palette(counts: Counter[bytes]) -> list[bytes]:
    """Mostly what is frequent; then, one by one, what is least like any that is there already."""
    palette = [colour for colour, _ in counts.most_common(_COLOURS * 3 // 4)]
    rest = {
        colour: min(_distance(colour, each) for each in palette)
        for colour, count in counts.items()
        if count > 3 and colour not in palette
    }
    while rest and len(palette) < _COLOURS:
        palette.append(max(rest, key=rest.__getitem__))
        del rest[palette[-1]]
        rest = {each: min(far, _distance(each, palette[-1])) for each, far in rest.items()}
    return palette


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    assert png.startswith(_SIGNATURE)
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _unfiltered(raw: bytes, stride: int, size: int) -> Iterator[bytearray]:
    """The rows as they were before filtering (PNG, third edition, section 9)."""
    above = bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        row = bytearray(raw[start + 1 : start + 1 + stride])
        kind = raw[start]
        for at in range(stride if kind else 0):
            left = row[at - size] if at >= size else 0
            corner = above[at - size] if at >= size else 0
            row[at] = (row[at] + _predicted(kind, left, above[at], corner)) & 0xFF
        yield row
        above = row


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 1:
        return left
    if kind == 2:
        return up
    if kind == 3:
        return (left + up) // 2
    estimate = left + up - corner
    distances = (abs(estimate - left), abs(estimate - up), abs(estimate - corner))
    return (left, up, corner)[distances.index(min(distances))]
