"""Files that list targets (Prometheus file_sd): found by globs, read when they have changed.

Works on the disk, so it is called in a thread. Files are looked at again and again: a notification
by the kernel would say nothing of network file systems, of links that are swapped (as Kubernetes
does with a ConfigMap) and of directories that come later; a look at the time stamps says it all.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from exporter.config.shown import shown
from exporter.config.source import Unreadable, read_text
from exporter.discovery.sources import Signature, Source
from exporter.errors import Fault
from exporter.settings import Config


def scan(config: Config, known: Mapping[str, Source], *, anew: bool) -> dict[str, Source]:
    """Every file that the configuration's globs match, in their order and then by name.

    A file that is as it was when `known` was made is taken over from there, unless all are to be
    read `anew`. Raises nothing: what cannot be read is a fault of its source.
    """
    found: dict[str, Source] = {}
    for path, signature in _matches(config.target_files):
        former = known.get(path)
        if former is None or anew or former.signature != signature:
            found[path] = _read(former or Source(path), signature, config)
        else:
            found[path] = former
    return found


def unmatched(config: Config) -> tuple[str, ...]:
    """The globs that match no file now; that is no fault, for files may come later."""
    return tuple(each for each in config.target_files if next(_matches((each,)), None) is None)


def _matches(patterns: tuple[str, ...]) -> Iterator[tuple[str, Signature]]:
    for pattern in patterns:
        for path in sorted(glob.glob(pattern)):
            try:
                status = os.stat(path)
            except OSError:
                continue
            identity = (status.st_dev, status.st_ino)
            yield path, (*identity, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _read(former: Source, signature: Signature, config: Config) -> Source:
    source = Source(
        former.name, former.targets, former.faults, former.failures, signature=signature
    )
    try:
        text = read_text(Path(source.name), regular=True)
    except Unreadable as error:
        line, _, message = error.problem
        return source.failed((Fault(shown(source.name, 4096), line, "", message),))
    return source.read(text, config, json=source.name.endswith(".json"))
