"""What the pages load: small plain files that make text of whatever they are given."""

from __future__ import annotations

import re

import pytest

from exporter.server.static import assets

SCRIPTS = sorted(name for name in assets() if name.endswith(".js"))
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser"
    r"|srcdoc|\beval\b|new Function|setHTML|javascript:|\bimport\("
)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_never_make_markup(name: str) -> None:
    """Nothing that could turn a name from DNS or a configuration into elements or code."""
    assert MARKUP.search(assets()[name].decode()) is None


@pytest.mark.parametrize("name", sorted(assets()))
def test_nothing_is_loaded_from_elsewhere(name: str) -> None:
    """No address of another server, but for the name of SVG; no embedded styles."""
    text = assets()[name].decode().replace("http://www.w3.org/2000/svg", "")
    assert re.search(r"https?://|@import|url\(|setAttribute\(.style", text) is None


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_small_and_import_what_is_there(name: str) -> None:
    """About 200 lines at most; every import names a file beside it and what that exports."""
    text = assets()[name].decode()
    assert text.count("\n") <= 200
    for names, file in re.findall(r"^import \{([^}]*)\} from \"\./([\w.]+)\";$", text, re.M):
        for each in names.split(","):
            exported = rf"^export (async )?(function|class|const) {each.strip()}\b"
            assert re.search(exported, assets()[file].decode(), re.M), f"{file} lacks {each}"
    assert text.count("\nimport ") + text.startswith("import ") == len(
        re.findall(r"^import \{[^}]*\} from \"\./[\w.]+\";$", text, re.M)
    )
