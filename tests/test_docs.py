"""Documentation as a test: links lead somewhere, commands exist, lists are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/**/*.md"), *TOP.glob("changes/*.md")])
DECISIONS = TOP / "docs" / "decisions"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TOP).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    dead = [link for link in links if not (page.parent / link).exists()]
    assert not dead, f"{page.name} links to what is not there: {dead}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TOP).as_posix())
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (TOP / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
    assert named <= targets, f"{page.name} names targets that the Makefile lacks"


def test_every_decision_is_listed_under_its_title() -> None:
    index = (DECISIONS / "README.md").read_text()
    for page in DECISIONS.glob("0*.md"):
        number, title = re.match(r"# (\d{4}): (.+)", page.read_text()).groups()
        assert page.name.startswith(number)
        assert f"[{number}]({page.name}) | {title} |" in index


def test_the_index_leads_to_every_page() -> None:
    linked = re.findall(r"\]\(([^)]+\.md)\)", (TOP / "docs" / "index.md").read_text())
    pages = {page.relative_to(TOP / "docs").as_posix() for page in (TOP / "docs").glob("**/*.md")}
    assert {page for page in pages if not page.startswith("decisions/")} - {"index.md"} <= set(linked)


def test_the_architecture_names_every_room() -> None:
    rooms = {p.stem for p in (TOP / "src" / "kingpost").iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    page = (TOP / "ARCHITECTURE.md").read_text()
    assert not {room for room in rooms - {"__init__"} if f"`{room}" not in page}


def test_the_glossary_is_sorted_and_names_each_word_once() -> None:
    words = re.findall(r"^\| (?!word|-)(.+?) \|", (TOP / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert words == sorted(set(words), key=str.lower)


def test_change_notes_are_named_by_issue_and_kind() -> None:
    notes = [p.name for p in (TOP / "changes").glob("*.md") if p.name != "README.md"]
    assert notes
    assert all(re.fullmatch(r"\d+\.(feature|fix|change|removal|security)\.md", name) for name in notes)
