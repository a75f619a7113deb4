"""Every query of every dashboard, asked of a real Prometheus after a real run in the lab."""

from __future__ import annotations

import json
import math
import re

import pytest

from tests import boards
from tests.answers import PATHS, Answers, moments, places, shown_names, unit_of, values_of
from tests.board_expectations import EVENTS, EXPECTED, Expected
from tests.boards import UIDS
from tests.conftest import WHY_NO_LAB
from tests.frames import Frame, needs_library, transform
from tests.lab.lab import Lab
from tests.test_rules import needs_prometheus
from tests.vantage import WORLD, vantage_points

pytestmark = [
    needs_prometheus,
    pytest.mark.skipif(bool(WHY_NO_LAB), reason=WHY_NO_LAB or "there is a lab"),
]
CASES = [(uid, name) for uid in UIDS for name in EXPECTED[uid]]

Tables = dict[tuple[str, str, str], list[Frame]]


@pytest.fixture(scope="module")
def answers() -> Answers:
    """Let the lab run, ask everything, and end it."""
    with Lab(WORLD) as lab, vantage_points(lab) as run:
        asked = Answers(run)
        for uid, path in places():
            asked.gather(uid, path)
    return asked


def fits(labels: set[str], expected: str) -> bool:
    """Whether a series has all labels that it must have, and no other than it may have."""
    must = {each for each in expected.split() if not each.endswith("?")}
    may = {each.rstrip("?") for each in expected.split()}
    return must <= labels <= may


@pytest.mark.parametrize(("uid", "name"), CASES)
def test_query_answers(answers: Answers, uid: str, name: str) -> None:
    """As many series as the panel needs, with the labels that it names, and plausible values."""
    expected: Expected = EXPECTED[uid][name]
    series = answers.series[uid, expected.on if uid == "ftr-path" else "", name]
    assert expected.least <= len(series) <= expected.most, series
    for each in series:
        assert fits(set(each["metric"]), expected.labels), each["metric"]
    values = values_of(series)
    assert expected.gaps or not any(map(math.isnan, values))
    known = [each for each in values if not math.isnan(each)]
    assert known
    assert min(known) >= expected.low
    assert max(known) <= expected.high


@pytest.mark.parametrize("path", PATHS)
def test_query_answers_on_every_path(answers: Answers, path: str) -> None:
    """On a path with loss, without an answer, without an address: nothing else, or no series."""
    for name, expected in EXPECTED["ftr-path"].items():
        for each in answers.series["ftr-path", path, name]:
            assert set(each["metric"]) <= {each.rstrip("?") for each in expected.labels.split()}


@pytest.mark.parametrize(("uid", "name"), CASES)
def test_units(uid: str, name: str) -> None:
    """Each query's values are shown in their unit."""
    title, _, ref = name.partition("/")
    panel = next(each for each in boards.panels(uid) if each["title"] == title)
    assert unit_of(panel, ref or "A") == EXPECTED[uid][name].unit


@pytest.mark.parametrize("uid", UIDS)
def test_legends_name_labels_that_are_there(uid: str) -> None:
    """A label in a legend is on every series, so no line is without a name."""
    for panel in boards.panels(uid):
        for target in panel["targets"]:
            name = (
                panel["title"] if target["refId"] == "A" else f"{panel['title']}/{target['refId']}"
            )
            labels = EXPECTED[uid][name].labels.split()
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= set(labels), name


@pytest.mark.parametrize(("uid", "name"), EVENTS)
def test_annotations(answers: Answers, uid: str, name: str) -> None:
    """One event for each change, restart and outage, at its time, with the labels of its text."""
    count, path = EVENTS[uid, name]
    annotation = next(each for each in boards.marks(uid) if each["name"] == name)
    series = answers.events[uid, path, name]
    events = [moment for each in series for moment in moments(annotation, each)]
    assert len(events) == count, series
    started = answers.run.start - 120
    assert all(started <= moment <= answers.run.end for moment in events), events
    texts = annotation["titleFormat"] + annotation["textFormat"]
    for each in series:
        assert set(re.findall(r"{{(\w+)}}", texts)) <= set(each["metric"]), each["metric"]


def test_outages_are_none_where_all_went_well(answers: Answers) -> None:
    """A path that was always reached has no outage."""
    (outages,) = [each for each in boards.marks("ftr-path") if each["name"] == "Outages"]
    for each in answers.events["ftr-path", "web", "Outages"]:
        assert moments(outages, each) == []


def test_variables_offer_what_there_is(answers: Answers) -> None:
    """Each variable offers the values that its label has, narrowed by those before it."""
    run = answers.run
    offered = answers.choices
    names = ["files", "gone", "mail", "nowhere", "shop", "web"]
    for uid in UIDS:
        assert offered[uid, "job"] == ["ftr"]
        assert offered[uid, "instance"] == sorted([run.near, run.far])
    assert offered["ftr-overview", "target"] == offered["ftr-path", "target"] == names
    assert offered["ftr-overview", "family"] == ["ipv4", "ipv6"]
    assert offered["ftr-path", "family"] == ["ipv4"], "of the path asked last, nowhere"
    assert len(offered["ftr-path", "protocol"]) == 1


@pytest.fixture(scope="module")
def tables(answers: Answers) -> Tables:
    """Every panel with transformations, through Grafana's library, by dashboard, path and title."""
    cases = {
        (uid, path, panel["title"]): (panel["transformations"], answers.frames(uid, path, panel))
        for uid, path in places()
        for panel in boards.panels(uid)
        if panel.get("transformations")
    }
    return dict(zip(cases, transform(list(cases.values())), strict=True))


@needs_library
@pytest.mark.parametrize("path", PATHS)
def test_node_graph(tables: Tables, path: str) -> None:
    """Grafana finds nodes and links by the fields' own names, and a node at both ends of each."""
    nodes, edges = tables["ftr-path", path, "Path"]
    assert (nodes.ref, edges.ref) == ("nodes", "edges")
    assert {"id", "title", "subtitle", "mainstat", "icon", "detail__address"} <= set(nodes.fields)
    assert "source" not in nodes.fields
    ids = nodes.fields["id"]
    assert len(set(ids)) == len(ids)
    assert all(nodes.fields["title"])
    if path == "nowhere":
        assert len(ids) == 1, "the exporter alone"
        return
    assert {"id", "source", "target", "mainstat"} <= set(edges.fields)
    ends = {*edges.fields["source"], *edges.fields["target"]}
    assert ends == set(ids), "each node is linked, and each end is a node"
    assert len(set(edges.fields["id"])) == len(edges.fields["id"])


@needs_library
def test_node_graph_shows_the_network(answers: Answers, tables: Tables) -> None:
    """The path begins at the exporter; routers have names, systems, labels and round trips."""
    nodes, edges = tables["ftr-path", "mail", "Path"]
    rows = {row["id"]: row for row in nodes.rows()}
    core = rows["203.0.113.1"]
    assert core["title"] == "core1.transit.example"
    assert core["subtitle"] == "AS64501 EXAMPLE-TRANSIT"
    assert (core["detail__mpls"], core["secondarystat"]) == ("24017/16", "MPLS 24017/16")
    assert 4 < core["mainstat"] < 60, "milliseconds"
    assert rows[answers.run.near]["mainstat"] is None
    links = {(row["source"], row["target"]) for row in edges.rows()}
    assert (answers.run.near, "198.51.100.1") in links
    assert links & {("203.0.113.1", "203.0.113.11"), ("203.0.113.1", "203.0.113.12")}
    lossy = {row["target"]: row for row in tables["ftr-path", "shop", "Path"][1].rows()}
    assert lossy["192.0.2.254"]["color"] == "red"
    assert 5 < lossy["192.0.2.254"]["mainstat"] < 60, "percent"
    assert (lossy["203.0.113.42"]["color"], lossy["203.0.113.42"]["mainstat"]) == ("", 0)


@needs_library
def test_overview_table(tables: Tables) -> None:
    """One row for each path of each exporter, whatever is unknown of it."""
    (frame,) = tables["ftr-overview", "", "Targets"]
    rows = {(row["Target"], row["Family"], row["Exporter"]): row for row in frame.rows()}
    assert len(rows) == len(frame.rows()) == 9
    web = [row for (target, _, _), row in rows.items() if target == "web"]
    assert {row["AS path"] for row in web} == {"64500 64503 64502"}
    assert all((row["State"], row["Hops"], row["Changes"]) == (1, 4, 1) for row in web)
    (gone,) = (row for row in rows.values() if row["Target"] == "gone")
    assert (gone["State"], gone["RTT"], gone["Loss"], gone["Last change"]) == (0, None, 1, None)
    (nowhere,) = (row for row in rows.values() if row["Target"] == "nowhere")
    assert (nowhere["State"], nowhere["Loss"], nowhere["AS path"]) == (0, None, None)
    assert nowhere["Why not"] == "the host name could not be resolved"
    assert all(row["Why not"] is None for row in web)


@needs_library
def test_hop_table(tables: Tables) -> None:
    """One row for each hop, silent ones too; hops are numbers, so that 10 comes after 9."""
    (frame,) = tables["ftr-path", "shop", "Hops"]
    rows = {row["Hop"]: row for row in frame.rows()}
    assert sorted(rows) == [1, 2, 3, 4, 5, 6]
    assert len(frame.rows()) == 6
    assert rows[1]["Name"] == "gw.access.example"
    assert (rows[3]["Address"], rows[3]["Loss"], rows[3]["Best"]) == ("", 1, None)
    assert rows[2]["Loss"] > 0.2
    assert rows[2]["Confirmed loss"] == 0, "it limits its answers, nothing is lost there"
    assert rows[5]["Confirmed loss"] > 0.02
    assert all(row["Best"] <= row["Mean"] <= row["Worst"] for row in rows.values() if row["Best"])
    (start,) = tables["ftr-path", "shop", "Where loss starts"][0].rows()
    assert (start["Hop"], start["Address"]) == (5, "192.0.2.254")
    assert not tables["ftr-path", "web", "Where loss starts"][0].rows()


@needs_library
def test_exporter_table(tables: Tables) -> None:
    """One row for each exporter."""
    rows = tables["ftr-exporter", "", "Exporters"][0].rows()
    assert sorted(row["Targets"] for row in rows) == [1, 6]


@needs_library
@pytest.mark.parametrize("uid", UIDS)
def test_overrides_and_sorting_find_their_columns(tables: Tables, uid: str) -> None:
    """Every column that a table sorts by, colours or links is there under that name."""
    on = {"Hops": "mail", "Where loss starts": "shop"}
    for panel in boards.panels(uid):
        if panel["type"] != "table":
            continue
        path = on[panel["title"]] if uid == "ftr-path" else ""
        (frame,) = tables[uid, path, panel["title"]]
        shown = set(frame.shown)
        assert shown == set(shown_names(panel).values())
        wanted = {each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]}
        wanted |= {each["displayName"] for each in panel["options"]["sortBy"]}
        assert wanted <= shown
        links = set(re.findall(r"__data\.fields\.(\w+)", json.dumps(panel)))
        assert links <= {*frame.fields}, "links go by the fields' own names"


def test_a_graph_without_the_exporter_would_be_found(answers: Answers) -> None:
    """The check of the ends is worth something: a link leads from the exporter's own node."""
    ids = {each["metric"]["id"] for each in answers.series["ftr-path", "web", "Path/nodes"]}
    ends = {each["metric"]["source"] for each in answers.series["ftr-path", "web", "Path/edges"]}
    assert answers.run.near in ends
    assert not ends <= ids - {answers.run.near}


@needs_library
def test_renaming_a_field_is_not_enough(answers: Answers) -> None:
    """Why `mainstat` is calculated: the graph goes by the name that a renamed field had before."""
    (panel,) = (each for each in boards.panels("ftr-path") if each["type"] == "nodeGraph")
    rename = {"id": "organize", "options": {"renameByName": {"Value #nodes": "mainstat"}}}
    (frames,) = transform([([rename], answers.frames("ftr-path", "web", panel))])
    assert "mainstat" in frames[0].shown
    assert "mainstat" not in frames[0].fields
