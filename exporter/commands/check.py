"""`ftr-exporter check`: every fault of every file, or what each of them will do.

The files that a configuration names as `target_files` are checked with it; URLs are not asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TextIO

from exporter.config import load_config
from exporter.config.durations import format_duration
from exporter.config.shown import shown
from exporter.config.web import WebConfig, load_web_config
from exporter.discovery.files import scan, unmatched
from exporter.discovery.sources import merge
from exporter.errors import ConfigError
from exporter.model import FamilyChoice, Protocol
from exporter.settings import Config, Module, Target

ASSUMED_HOPS: Final = 12
_SERIES_PER_HOP: Final = 13
_SERIES_PER_TRACE: Final = 32
_HISTOGRAM_EXTRA: Final = 3


def check(files: Sequence[str], out: TextIO, err: TextIO, *, web_files: Sequence[str] = ()) -> int:
    """Write faults to `err` and summaries to `out`. Returns the exit status: 1 for any fault."""
    status = 0
    for look, names in ((_look, files), (_look_at_web, web_files)):
        for file in names:
            try:
                faults, lines = look(file)
            except ConfigError as error:
                faults, lines = [str(fault) for fault in error.faults], iter(())
            if faults:
                status, count = 1, len(faults)
                told = f"{shown(file, 4096)}: {count} fault{'s' if count != 1 else ''}"
                _print([*faults, told], err)
            else:
                _print(lines, out)
    return status


def _look(file: str) -> tuple[list[str], Iterator[str]]:
    """What is wrong with a configuration's lists of targets, and what it will do."""
    config = load_config(file)
    sources = scan(config, {}, anew=True).values()
    merged = merge(config.targets, sources)
    faults = [str(fault) for source in sources for fault in source.faults]
    config = replace(config, targets=merged.targets)
    return [*faults, *merged.collisions], summary(file, config, len(sources))


def _look_at_web(file: str) -> tuple[list[str], Iterator[str]]:
    return [], web_summary(file, load_web_config(file))


def _print(lines: Iterable[str], stream: TextIO) -> None:
    """Write lines, escaping what the stream's encoding does not know."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    for line in lines:
        stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def summary(file: str, config: Config, files: int = 0) -> Iterator[str]:
    """Say in lines what a configuration will do; targets of `files` other files are in it."""
    targets = config.targets
    yield f"{shown(file, 4096)}: valid"
    yield f"  targets   {len(targets)}" + _breakdown(targets)
    yield "  modules   " + ", ".join(shown(name) for name, _ in config.modules)
    if config.target_files:
        yield f"  files     {files} list targets, which are counted here"
        for pattern in unmatched(config):
            yield f"  warning   no file matches {shown(pattern, 4096)}"
    if config.target_urls:
        yield f"  URLs      {len(config.target_urls)} list targets that are not counted here"
    rate = sum(probes_per_second(target.module) for target in targets)
    limit = config.limits.probes_per_second
    yield f"  probes    about {rate:.1f} per second{_verdict(rate, limit)}"
    most = config.limits.series_per_target
    series = sum(min(series_of(target.module), most) for target in targets)
    yield f"  series    about {series}"
    yield f"  (estimated for paths of {ASSUMED_HOPS} hops)"


def web_summary(file: str, config: WebConfig) -> Iterator[str]:
    """Say in lines what a web configuration will do."""
    yield f"{shown(file, 4096)}: valid"
    clients = ", with client certificates" if config.tls and config.tls.verify_mode else ""
    yield f"  speaks    {'HTTPS' + clients if config.tls else 'plain HTTP'}"
    yield f"  users     {len(config.users) or 'everyone'}"
    if config.rate:
        pause = format_duration(config.rate.interval)
        yield f"  requests  one each {pause}, at most {config.rate.burst} at once"


def _verdict(rate: float, limit: float) -> str:
    if rate <= limit:
        return f", of {limit:g} allowed"
    return f": more than limits.probes_per_second allows ({limit:g}); cycles will be skipped"


def _breakdown(targets: Sequence[Target]) -> str:
    parts = []
    for what in (Protocol, FamilyChoice):
        attribute = "protocol" if what is Protocol else "family"
        counts = Counter(str(getattr(target.module, attribute)) for target in targets)
        parts += [
            f"{attribute} " + ", ".join(f"{name} {count}" for name, count in counts.most_common())
        ]
    return f" ({'; '.join(parts)})" if targets else ""


def _hops(module: Module) -> int:
    return max(1, min(ASSUMED_HOPS, module.max_hops) - module.first_hop + 1)


def _traces(module: Module) -> int:
    return 2 if module.family is FamilyChoice.BOTH else 1


def probes_per_second(module: Module) -> float:
    """Estimate the probes per second of one target."""
    return _traces(module) * _hops(module) * module.probes * module.flows / module.interval


def series_of(module: Module) -> int:
    """Estimate the time series of one target."""
    histogram = len(module.rtt_buckets) + _HISTOGRAM_EXTRA
    per_hop = _SERIES_PER_HOP + (histogram if module.hop_histograms else 0)
    return _traces(module) * (_hops(module) * per_hop + _SERIES_PER_TRACE + histogram)
