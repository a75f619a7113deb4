"""The two queries of the node graph: one row for each hop, one for each link. Pure.

The node graph goes by the names of fields, not by what they are renamed to, so labels are made
with `label_replace`, and `mainstat` of the value by a calculation (`named_values`). It fails where
an end of a link is not among the nodes: hence a node for the exporter itself, from which links go
to whatever no link leads to, and nodes for ends that `limits.series_per_target` left no info of.
A field `source` makes links of nodes, so labels of the targets' own are left out.
Its figures are shown with their unit as it is written, so milliseconds and percent.
"""

from __future__ import annotations

from grafana.panels import BAD, WARN
from grafana.queries import Json
from grafana.selectors import one

WHOSE = "hop, address, hostname, asn, as_name, country, prefix, mpls"
INFO = f"max by ({WHOSE}) ({one('ftr_hop_info')})"
LINKS = f"max by (hop, source, destination) ({one('ftr_link_info')})"
LOSS = one("ftr_hop_forward_loss_ratio")
ENDS = "source, destination"


def nodes() -> str:
    """Hops, and the exporter; the value is the round trip in milliseconds."""
    hops = f"""topk by (address) (1, {INFO}) * on (address) group_left ()
        (1000 * max by (address) ({one("ftr_hop_rtt_seconds")}))"""
    here = _set(
        _copy(f"NaN * max by (instance) ({one('ftr_target_info')})", "instance", "address"),
        "icon",
        "home-alt",
    )
    ends = [
        f"NaN * max by (address) ({_copy(LINKS, end, 'address')})"
        for end in ("source", "destination")
    ]
    rows = " or on (address) ".join([hops, here, *ends])
    rows = _copy(_copy(_copy(rows, "address", "id"), "address", "title"), "hostname", "title")
    rows = f'label_join({rows}, "subtitle", " ", "asn", "as_name")'
    rows = f'label_replace({rows}, "subtitle", "AS$1", "subtitle", "([0-9].*)")'
    rows = f'label_replace({rows}, "secondarystat", "MPLS $1", "mpls", "(.+)")'
    for label in ("address", "hop", "mpls", "prefix", "country"):
        rows = _copy(rows, label, f"detail__{label}")
    return rows


def edges() -> str:
    """Links; the value is the loss in percent up to the far end, that later hops confirm."""
    arrows = _copy(LINKS, "destination", "address")
    first = f"({one('ftr_hop_info')} unless on (address) {arrows})"
    links = f"({LINKS} or {_copy(_copy(first, 'address', 'destination'), 'instance', 'source')})"
    lost = f"""(max by ({ENDS}) (100 * {links} * on (hop) group_left () {LOSS})
        or on ({ENDS}) NaN * max by ({ENDS}) ({links}))"""
    rows = f" or on ({ENDS}) ".join(
        [_set(f"{lost} > 5", "color", BAD), _set(f"{lost} > 1", "color", WARN), lost]
    )
    return (
        f'label_join({_copy(rows, "destination", "target")}, "id", " to ", "source", "destination")'
    )


def named_values() -> list[Json]:
    """Transformations that make a field `mainstat` of each query's value."""
    return [
        {
            "id": "calculateField",
            "filter": {"id": "byRefId", "options": ref},
            "options": {
                "mode": "reduceRow",
                "alias": "mainstat",
                "reduce": {"reducer": "last", "include": [f"Value #{ref}"]},
                "replaceFields": False,
            },
        }
        for ref in ("nodes", "edges")
    ]


def _copy(rows: str, old: str, new: str) -> str:
    return f'label_replace({rows}, "{new}", "$1", "{old}", "(.+)")'


def _set(rows: str, label: str, value: str) -> str:
    return f'label_replace({rows}, "{label}", "{value}", "", "")'
