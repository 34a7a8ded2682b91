"""The SQL of typical writes, as files: a change of the compiler shows as their diff (`UPDATE_GOLDEN=1` writes them)."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.flights.model import Airline, Airport, Flight, Plane
from kingpost.model.expressions import TRUE, Compare, Expression, Name, Slot
from kingpost.model.manifest import Manifest
from kingpost.model.read import read_manifest
from kingpost.policy.allow import allow
from kingpost.query.bind import bind
from kingpost.query.operations import Create, Delete, Given, Hold, Include, Read, Update, Upsert, Write
from kingpost.query.stages import PLAIN
from kingpost.store.postgres.compile import compile_question
from kingpost.store.postgres.statements import WriteProgram
from tests import domain
from tests.test_compile_golden import check_golden
from tests.warehouse import MANIFEST as WAREHOUSE

DOMAIN = domain.manifest()
FLIGHTS = read_manifest("flights", [Airline, Airport, Plane, Flight], timezone="America/New_York")
FOLDER = Path(__file__).parent / "golden" / "writes"


def _given(*names: str, at: int = 0) -> tuple[Given, ...]:
    return tuple(Given(name, Slot(at + number)) for number, name in enumerate(names))


def _is(name: str, slot: int = 0) -> Expression:
    return Compare("eq", Name(tuple(name.split("."))), Slot(slot))


KEY = (Slot(0),)
FLIGHT = ("airline", "origin", "dest", "plane", "tailnum", "number", "departs_at", "dep_delay")
WITH_TEAM = Read("Project", fields=("id", "name"), includes=(Include("team", Read("")),))

# Name of the file, whose model, what is asked, roles of who asks.
CASES: tuple[tuple[str, Manifest, Write, str], ...] = (
    ("create", FLIGHTS, Create("Flight", _given(*FLIGHT), Read("Flight")), "dispatcher"),
    ("create_many", FLIGHTS, Create("Flight", _given(*FLIGHT, at=1), Read("Flight"), Slot(0)), "dispatcher"),
    ("create_many_of_every_type", DOMAIN, Create("Project", _given("team", "name", "tags", at=1), WITH_TEAM, Slot(0)), "boss"),
    ("create_with_include", DOMAIN, Create("Project", _given("team", "owner", "name"), WITH_TEAM), "boss"),
    ("update", FLIGHTS, Update("Flight", _given("dep_delay", at=2), KEY, version=Slot(1), shown=Read("Flight")), "dispatcher"),
    ("update_of_a_ref", DOMAIN, Update("Project", _given("owner", at=1), KEY, shown=WITH_TEAM), "member"),
    ("update_shown_apart", DOMAIN, Update("Person", _given("first", at=1), KEY, shown=Read("Person", includes=(Include("manager", Read("")),))), "boss"),
    ("update_set", FLIGHTS, Update("Flight", _given("airline", at=1), where=_is("origin")), "dispatcher"),
    ("hold", FLIGHTS, Hold("Flight", KEY, TRUE, Read("Flight")), "dispatcher"),
    ("upsert", FLIGHTS, Upsert("Flight", _given(*FLIGHT, at=1), KEY, Read("Flight")), "dispatcher"),
    ("upsert_new_only", FLIGHTS, Upsert("Flight", _given(*FLIGHT, at=1), KEY, Read("Flight"), new_only=True), "dispatcher"),
    ("upsert_version", FLIGHTS, Upsert("Flight", _given(*FLIGHT, at=1), KEY, Read("Flight"), Slot(9)), "dispatcher"),
    ("delete", FLIGHTS, Delete("Flight", KEY, version=Slot(1)), "admin"),
    ("delete_set", FLIGHTS, Delete("Flight", where=_is("origin")), "admin"),
    ("delete_and_empty_refs", WAREHOUSE, Delete("Box", KEY), "clerk"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "manifest", "write", "role"), CASES)
def test_a_write_compiles_as_its_file_says(name: str, manifest: Manifest, write: Write, role: str) -> None:
    bound = bind(write, manifest)
    plan = compile_question(allow(bound, bound.roles & {role}, known=True), PLAIN)
    assert isinstance(plan.program, WriteProgram)
    parts = []
    for statement in plan.program.statements:
        places = ", ".join(f"${at} is slot {slot}" for at, slot in enumerate(statement.order, 1))
        flags = "".join(f"\n-- {flag.refusal}: {flag.message} {flag.where}".rstrip() for flag in statement.flags)
        parts.append(f"-- {places or 'no parameters'}{flags}\n{statement.sql};\n")
    check_golden(FOLDER / f"{name}.sql", "\n".join(parts))


def test_no_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {name for name, *_ in CASES}
