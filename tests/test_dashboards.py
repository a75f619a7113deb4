"""The dashboards as files, without data; `test_dashboards_live.py` has the rest."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from exporter.metrics.families import PATH_FAMILIES
from exporter.metrics.own_families import OWN_FAMILIES
from grafana.__main__ import as_text, dashboards
from tests import boards
from tests.board_expectations import EVENTS, EXPECTED
from tests.boards import DIRECTORY, ROOT, UIDS, Json

with warnings.catch_warnings():
    # It would rather have the newer format, which Grafana before 12 does not read.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models.dashboard import Dashboard

plugins.register_default_plugins()

# The library's model of the node graph lacks what Grafana has.
UNKNOWN_TO_THE_LIBRARY = {".panels[9].options.layoutAlgorithm"}
BUILT_IN = {"__all", "__data", "__range", "__rate_interval", "__url_time_range"}
OTHERS = {"up", "scrape_samples_scraped", "scrape_duration_seconds"}


def lost(given: Any, kept: Any, at: str = "") -> Iterator[str]:
    """Where what was given is not kept."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from lost(value, kept[key], f"{at}.{key}")
            else:
                yield f"{at}.{key}"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for index, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(one, other, f"{at}[{index}]")
    elif given != kept:
        yield at


def unknown_keys(board: Json) -> set[str]:
    """The keys of a dashboard that Grafana's own library for dashboards does not know."""
    model = Dashboard.from_json(copy.deepcopy(board))
    return set(lost(board, json.loads(JSONEncoder().encode(model))))


@pytest.mark.parametrize("uid", UIDS)
def test_files_are_what_the_program_writes(uid: str) -> None:
    """A change of the program without its files, or the other way round, is seen."""
    assert (DIRECTORY / f"{uid}.json").read_text() == as_text(dashboards()[uid])


def test_there_are_no_other_files() -> None:
    """Every dashboard is made by the program and looked at by the tests."""
    assert {each.stem for each in DIRECTORY.iterdir()} == set(UIDS) == set(dashboards())


@pytest.mark.parametrize("uid", UIDS)
def test_grafanas_library_knows_every_key(uid: str) -> None:
    """Read and written again by the library, nothing is lost: no key is misspelt or misplaced."""
    assert unknown_keys(boards.load(uid)) <= UNKNOWN_TO_THE_LIBRARY


@pytest.mark.parametrize(
    ("holder", "key"),
    [
        ((), "refesh"),
        (("panels", 0), "transparant"),
        (("panels", 0, "targets", 0), "legendFromat"),
        (("panels", 0, "options"), "colourMode"),
        (("panels", 0, "fieldConfig", "defaults"), "units"),
        (("templating", "list", 1), "includeall"),
        (("annotations", "list", 0), "iconColour"),
    ],
)
def test_the_library_finds_what_is_misspelt(holder: tuple[Any, ...], key: str) -> None:
    """The check above is worth something: a planted typo is found at each level."""
    board = boards.load("ftr-overview")
    place = board
    for step in holder:
        place = place[step]
    place[key] = "x"
    assert any(each.endswith(f".{key}") for each in unknown_keys(board))


@pytest.mark.parametrize("uid", UIDS)
def test_panels_have_room_and_say_what_they_show(uid: str) -> None:
    """No two panels overlap or share a number; each has a title of its own and a description."""
    taken: set[tuple[int, int]] = set()
    everything = boards.load(uid)["panels"]
    for each in everything:
        at = each["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, each["title"]
        assert at["x"] + at["w"] <= 24, each["title"]
        taken |= cells
    assert len({each["id"] for each in everything}) == len(everything)
    titles = [each["title"] for each in boards.panels(uid)]
    assert len(set(titles)) == len(titles)
    assert all(len(each["description"]) > 15 for each in boards.panels(uid))


@pytest.mark.parametrize("uid", UIDS)
def test_variables_are_defined(uid: str) -> None:
    """Every variable in a query, a link or a title is one of the dashboard's, or Grafana's own."""
    text = (DIRECTORY / f"{uid}.json").read_text()
    used = set(re.findall(r"\$\{?([a-z_]\w*)", text))
    defined = {each["name"] for each in boards.load(uid)["templating"]["list"]}
    assert used - BUILT_IN <= defined
    assert defined - used <= {"filters"}, "a variable that nothing uses"


@pytest.mark.parametrize("uid", UIDS)
def test_metrics_exist(uid: str) -> None:
    """Every metric in a query is one that the exporter, its library or Prometheus has."""
    known = {each.name for each in (*PATH_FAMILIES, *OWN_FAMILIES)}
    found = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for query in boards.queries(uid)
        for name in re.findall(r"\b(\w+)\{", query.expr)
    }
    missing = {each for each in found - known - OTHERS if not each.startswith("process_")}
    assert not missing


def test_links_lead_to_dashboards_with_those_variables() -> None:
    """Links from panel to dashboard name one that exists, and only variables that it has."""
    count = 0
    for uid in UIDS:
        for url in re.findall(r'"(/d/[^"]+)"', (DIRECTORY / f"{uid}.json").read_text()):
            target = re.match(r"/d/([\w-]+)\?", url)
            assert target
            has = {each["name"] for each in boards.variables(target[1])}
            assert set(re.findall(r"var-(\w+)=", url)) <= has
            count += 1
    assert count >= 2


@pytest.mark.parametrize("uid", UIDS)
def test_every_query_has_an_expectation(uid: str) -> None:
    """No query is left out of the live run, and nothing is expected of one that is gone."""
    assert {each.name for each in boards.queries(uid)} == set(EXPECTED[uid])
    assert {each["name"] for each in boards.marks(uid)} == {
        name for board, name in EVENTS if board == uid
    }


@pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="no promtool on this machine; install it (Debian: apt install prometheus)",
)
@pytest.mark.parametrize("uid", UIDS)
def test_promtool_understands_every_query(uid: str, tmp_path: Path) -> None:
    """As rules, with their variables replaced, queries and annotations pass the linter."""
    values = {each["name"]: "x" for each in boards.load(uid)["templating"]["list"]}
    values |= {"__range": "3h", "__rate_interval": "4m"}
    exprs = [each.expr for each in boards.queries(uid)]
    exprs += [each["expr"] for each in boards.marks(uid)]
    rules = [
        {"record": f"board:query:{index}", "expr": boards.substituted(expr, values)}
        for index, expr in enumerate(exprs)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": uid, "rules": rules}]}))
    checked = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(rules)} rules found" in checked.stdout


def test_lockfile_names_no_host() -> None:
    """Packages come from whatever registry npm is set to."""
    lock = json.loads((ROOT / "tests" / "grafana" / "package-lock.json").read_text())
    assert not [name for name, each in lock["packages"].items() if "resolved" in each]
    assert all("integrity" in each for name, each in lock["packages"].items() if name)
