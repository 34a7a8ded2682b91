"""What `kingpost explain` shows, and the words it and the log are put in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kingpost.cli.log_lines import readable
from kingpost.cli.policy_text import in_words
from kingpost.model.expressions import (
    FALSE,
    TRUE,
    Aggregated,
    And,
    Choose,
    Column,
    Compare,
    Constant,
    Expression,
    FromCall,
    Function,
    HasRole,
    IsNull,
    Name,
    Not,
    Or,
    Quantified,
    Slot,
    Through,
)
from kingpost.model.fields import Field, Relation
from kingpost.model.types import INT
from tests.shop import Said, asking, shop_in

ENDED = (
    '{{"time":"2013-07-01T09:30:01.5Z","level":"info","event":"request_ended","method":"GET","path":"/v1/flights",'
    '"status":{status},"duration_s":0.00123,"parameters":["airline","sort"]}}'
)
TO = Relation("to", "Here", "There", False, "to", "id")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with shop_in(tmp_path, monkeypatch) as folder:
        yield folder


@pytest.fixture
def said(shop: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    return asking(capsys)


# --- explain and what it is made of ----------------------------------------------------------------------------------


def explained(said: Said, monkeypatch: pytest.MonkeyPatch, request: str, *options: str) -> tuple[int, str, str]:
    """Explains a request to the shop's rows as the memory store keeps them; no database is needed."""
    source = Path("shop/app.py")
    source.write_text(source.read_text().replace("return Store()", "return Memory()"))
    source.write_text("from kingpost.store.memory import MemoryStore as Memory\n" + source.read_text())
    monkeypatch.setenv("KINGPOST_DATABASE_URL", "postgresql://nowhere")
    return said("explain", "shop", request, *options)


def test_explain_shows_each_stage(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = explained(said, monkeypatch, "GET /v1/shelves?name=top&limit=2")
    assert (code, err) == (0, "")
    assert "Skeleton: the shape under which the plan is kept\nrest\nlist\nshelves\nname\nlimit\n" in out
    assert "Read\n  entity Shelf\n  where this.name == slot0\n  limit slot1\n" in out
    assert "rows: Shelf, this.name == slot0\n" in out


def test_explain_shows_what_the_policy_makes_of_it(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    token = said("token", "--role", "clerk", "--sub", "ann")[1].strip()
    code, out, _ = explained(said, monkeypatch, "GET /v1/things?sort=id", "--token", token)
    assert code == 0
    assert "rows: Thing, all rows\n    becomes this.owner == me.id\n    without price\n" in out
    assert "'ann'" in out


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("GET /v1/things", "error: "),
        ("GET /v1/shelfs", "did you mean 'shelves'?"),
        ("POST /v1/shelves", "POST is not explained yet"),
    ],
)
def test_explain_refuses_what_the_server_would(
    request_: str, words: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = explained(said, monkeypatch, request_)
    assert code == 1
    assert words in err


A, B = Column(Field("a", INT, "a")), Column(Field("b", INT, "b"))
LESS = Compare("lt", A, Constant(3))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (TRUE, "anyone"),
        (FALSE, "nobody"),
        (And((LESS, Or((HasRole("x"), Not(IsNull(B)))))), '(this.a < 3) & (role("x") | ~this.b.is_null())'),
        (Compare("in", A, Slot(2)), "this.a.in(slot2)"),
        (Compare("eq", FromCall("me", "id"), FromCall("call", "host")), "me.id == host"),
        (Through(TO, LESS), "this.to.a < 3"),
        (And((Through(TO, LESS), HasRole("x"))), '(this.to.a < 3) & role("x")'),
        (Through(TO, A, LESS), "this.to.a [of those with this.a < 3]"),
        (Quantified("some", TO, LESS), "this.to.some(this.a < 3)"),
        (Choose(LESS, A), "(this.a if this.a < 3 else null)"),
        (Function("lower", (A,), INT), "lower(this.a)"),
        (Aggregated("count", None, INT), "count()"),
        (Name(("to", "a")), "this.to.a"),
    ],
)
def test_a_rule_is_said_as_a_team_would_write_it(rule: Expression, words: str) -> None:
    assert in_words(rule) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("no JSON at all", "no JSON at all"),
        ('{"time":broken', '{"time":broken'),
        (ENDED.format(status=200), "09:30:01 200 GET /v1/flights?airline&sort  1.2 ms"),
        (ENDED.format(status=404), "09:30:01 404 GET /v1/flights?airline&sort  1.2 ms"),
        (
            '{"time":"2013-07-01T09:30:01.5Z","level":"error","event":"defect","kind":"ValueError","traceback":"Trace\\n x"}',
            "09:30:01 defect  kind=ValueError\nTrace\n x",
        ),
    ],
)
def test_a_log_line_is_made_readable(line: str, words: str) -> None:
    assert re.sub(r"\x1b\[\d+m", "", readable(line)) == words
