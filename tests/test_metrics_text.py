"""Label values, numbers and histograms as Prometheus reads them."""

from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from exporter.metrics.text import escape, histogram_lines, number, path_labels
from exporter.model import Family, Protocol
from exporter.settings import Target
from exporter.statistics.histogram import Histogram


@given(st.text())
@example('\\"\n\\n\r\t\x00\\\\')
def test_any_label_value_comes_back(value: str) -> None:
    """Whatever a label holds, an independent parser reads exactly that, and one sample."""
    text = f'm{{a="{escape(value)}"}} 1\n'
    (family,) = text_string_to_metric_families(text)
    (sample,) = family.samples
    assert sample.labels == {"a": value}


@given(st.floats())
@example(math.nan)
@example(-math.inf)
@example(1e300)
def test_any_number_comes_back(value: float) -> None:
    """No digit is lost, and the special values have the names of Prometheus."""
    back = float(number(value))
    assert back == value or (math.isnan(value) and math.isnan(back))


@given(st.floats(min_value=0.0, max_value=999_999.0) | st.just(math.inf))
def test_numbers_look_as_the_library_writes_them(value: float) -> None:
    """Bounds of buckets are label values: they read the same here and in other exporters."""
    assert number(value) == floatToGoString(value)  # type: ignore[no-untyped-call]


def test_special_numbers() -> None:
    """Go's names, which are not Python's."""
    special = map(number, (math.nan, math.inf, -math.inf, 3, 0.0005))
    assert list(special) == ["NaN", "+Inf", "-Inf", "3", "0.0005"]


def test_path_labels() -> None:
    """The fixed labels come first, then the target's own, sorted by name in the settings."""
    labels = (("rack", 'A"1"'), ("site", "home\\office"))
    target = Target("one\ntwo", "192.0.2.1", labels=labels)
    assert path_labels(target, Family.IPV6, Protocol.UDP) == (
        r'target="one\ntwo",family="ipv6",protocol="udp",rack="A\"1\"",site="home\\office"'
    )


def test_histogram_lines() -> None:
    """Buckets are cumulative, `le` is a float, the last one is `+Inf` and equals the count."""
    histogram = Histogram((0.5, 1.0))
    for seconds in (0.25, 0.75, 0.75, 4.0):
        histogram.observe(seconds)
    assert histogram_lines("m_seconds", 'a="b"', histogram) == (
        'm_seconds_bucket{a="b",le="0.5"} 1\n'
        'm_seconds_bucket{a="b",le="1.0"} 3\n'
        'm_seconds_bucket{a="b",le="+Inf"} 4\n'
        'm_seconds_sum{a="b"} 5.75\n'
        'm_seconds_count{a="b"} 4\n'
    )
