"""A wrong declaration is refused at start: with file, line, what is wrong and what to do about it."""

from __future__ import annotations

import itertools
import sys
import types
from pathlib import Path

import pytest

from kingpost import Table
from kingpost.errors import DeclarationError
from kingpost.model.read import read_manifest

HEADER = """
from __future__ import annotations
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional
from kingpost import *
from kingpost.constraints import *

"""
NUMBERS = itertools.count()

# (what is declared, the fault's words, its hint's); the line at fault ends in #!
FIELDS = [
    ("a: complex  #!", "A.a: there is no field type complex", "a field is a str, int"),
    ("a: int | str  #!", "int | str is a choice of types", "one type, or None"),
    ("a: Nothing  #!", "'Nothing' is not known here", "declare Nothing in the same module"),
    ("a: list[list[int]]  #!", "there is no array of array of int", "list[Any]"),
    ("a: list[int | None]  #!", "the elements of an array are plain", "list[Any]"),
    ("a: Literal[1, 2]  #!", "its choices are not all texts", 'Literal["a", "b"]'),
    ('a: Literal["in-air", "in_air"]  #!', "the choices 'in-air' and 'in_air' clash", None),
    (
        "where: int  #!",
        "a field cannot be called 'where'",
        'name it where_, and map it: where_: Annotated[…, Column("where")]',
    ),
    ("version: int  #!", "a field cannot be called 'version'", None),
    ("aB: int  #!", "a field's name is snake_case", None),
    ("__a: int  #!", "a field's name is snake_case", None),
    ("a_1: int\n    a1: int  #!", "A.a1 and A.a_1 are one name in GraphQL or gRPC", "rename one"),
    ('a: int = Column("b")  #!', "A.a: Column is no value", "Annotated[…, Column(…)]"),
    ("a = 5  #!", "A.a has a value and no type", "write a: int"),
    ("polcy = Policy(read=anyone)  #!", "A.polcy is not known", "did you mean 'policy'?"),
    ('a: int = "five"  #!', "its default does not fit: 'five' is not an int", None),
    ("a: int = None  #!", "its default is None, its type is not", "| None = None"),
    ("a: Annotated[int, Ge(1)] = 0  #!", "its default 0 breaks Ge(1)", None),
    ('a: Literal["x"] = "y"  #!', "'y' is not 'x'", None),
    ("a: int = now  #!", "now is a datetime, not int", None),
    ("b: int\n    a: int = this.b  #!", "a default is a constant, or now", "computed(this.b)"),
    ("a: Annotated[str, Ge(1)]  #!", "Ge: 1 is not a text", None),
    ("a: Annotated[bool, Ge(1)]  #!", "Ge does not go with bool", None),
    ("a: Annotated[int, MaxLen(1)]  #!", "MaxLen does not go with int", None),
    ("a: Annotated[float, MultipleOf(0.1)]  #!", "MultipleOf does not go with float", None),
    ("a: Annotated[int, Ge(2), Lt(2)]  #!", "no value satisfies Ge(2) and Lt(2)", None),
    ("a: Annotated[int, Ge(2), Ge(3)]  #!", "Ge stands twice", None),
    ('a: Annotated[str, MaxLen("9")]  #!', "MaxLen takes int, not '9'", None),
    ("policy = Policy(fields=[anyone])  #!", "A.policy.fields is [<Constant", 'fields={"name"'),
    ('a: Annotated[str, Pattern("(")]  #!', "is not a regular expression", None),
    (r'a: Annotated[str, Pattern("(?=a)")]  #!', "Python and PostgreSQL do not read alike", None),
    ("a: Annotated[Decimal, Digits(2, 3)]  #!", "no more places than that", None),
    ("a: Annotated[int, Private]  #!", "means nothing to Kingpost", "write Private()"),
    ("a: Annotated[int, object]  #!", "means nothing to Kingpost", "kingpost.constraints"),
    ('a: int\n    b: Annotated[int, Column("a")]  #!', "is kept in the column 'a', and so is a", None),
    ('a: Annotated[int, Column("version")]  #!', "every table has a column 'version' of its own", None),
    ('a: Annotated[int, Column("é" * 32)]  #!', "1 to 63 bytes", "Column("),
    ("id: int  #!", "A.id is not the key", "write id: Key[…]"),
    ("a: Key[int | None]  #!", "a key is never None", "leave out | None"),
    ("a: Key[float]  #!", "float makes no key", "take a text"),
    ("a: Annotated[Key[int], Private()]  #!", "a key is not private", None),
    ("a: int = computed(this.b)  #!", "A has no field 'b'", None),
    ("b: str\n    a: int = computed(this.b)  #!", "its type says int, its expression yields text", None),
    ("b: int\n    a: int = computed(this.b + 1)  #!", "its expression can be null", ".coalesce(…)"),
    ("b: str\n    a: str = computed(this.b - 1)  #!", "- takes numbers", None),
    ("a: int | None = computed(this.a + 1)  #!", "A.a is computed from itself", None),
    ("b: float\n    c: Decimal\n    a: float | None = computed(this.b + this.c)  #!", "a decimal and a float", None),
    ("b: str\n    a: bool = computed(this.b == me.id)  #!", "the same for everyone", None),
]
RULES = [
    ("a: int\n    policy = Policy(read=this.b == 1)  #!", "A.policy.read: A has no field 'b'", None),
    (
        "airline: int\n    policy = Policy(\n        read=anyone,\n        create=this.airlin == 1,  #!\n    )",
        "A.policy.create: A has no field 'airlin'",
        "did you mean 'airline'?",
    ),
    ("a: int\n    policy = Policy(read=this.a)  #!", "this.a is no condition, it is int", "compare it"),
    ("a: int\n    policy = Policy(read=me.admin)  #!", "me.admin is no condition", "compare it"),
    ("policy = Policy(read=True)  #!", "True is no condition", "write anyone"),
    ("policy = anyone  #!", "A.policy is", "write Policy(read=…)"),
    ('policy = Policy(read=role(""))  #!', "role takes the name of one role", None),
    ('a: int\n    policy = Policy(read=this.a == "x")  #!', "'x' is not an int", None),
    ('a: Literal["x"]\n    policy = Policy(read=this.a.in_(["x", "z"]))  #!', "'z' is not 'x'", None),
    ("a: int\n    policy = Policy(read=this.a < now)  #!", "now is compared with int, but it is datetime", None),
    ("a: int\n    policy = Policy(read=this.a.like('x'))  #!", "like does not go with a, which is int", None),
    ("a: int\n    policy = Policy(read=this.a.b == 1)  #!", "A has no relation 'a'", None),
    ('a: int\n    policy = Policy(\n        fields={"b": anyone},  #!\n    )', "A has no field 'b'", "there is a, id"),
    ('policy = Policy(fields={"id": anyone})  #!', "id is the key", None),
    ('a: Annotated[int, Private()]\n    policy = Policy(fields={"a": anyone})  #!', "a is private", None),
    ('indexes = [Index("ide")]  #!', "A.indexes: A has no field 'ide'", "did you mean 'id'?"),
    ("indexes = [Index()]  #!", "an index names at least one field", None),
    ('indexes = ["id"]  #!', "A.indexes holds 'id'", 'Index("…")'),
    ('a: int\n    indexes = [\n        Index("a"),\n        Index("a"),\n    ]', "stands twice", None),
    ('a: dict[str, Any]\n    indexes = [Index("a")]  #!', "a is json, which has no order", None),
    ('a: int\n    unique = [Unique("b")]  #!', "A has no field 'b'", None),
    ('a: int\n    indexes = [Index("a", where=this.a == me.id)]  #!', "the database keeps it true", None),
    ("a: int\n    check = this.a > me.level  #!", "the database keeps it true", None),
    (
        'a: int\n    check = {\n        "fine": this.a > 1,\n        "wrong": this.b > 1,  #!\n    }',
        "A has no field 'b'",
        None,
    ),
    ('@computed(needs=["b"])  #!\n    def a(self) -> str: return ""', "A has no field 'b'", None),
    ('@computed(needs=["id"])\n    def a(self): return ""  #!', "does not say what it returns", "-> str"),
    (
        '@computed(needs=["id"])\n    def a(self) -> str: return ""\n    policy = Policy(read=this.a == "")  #!',
        "a is made in Python, which no store can ask",
        "compute it in SQL",
    ),
]
ENTITIES = [
    ("class A(Table, tabel='x'):  #!\n    a: int", "A has no option 'tabel'", "did you mean 'table'?"),
    ("class A(Table, audit='x'):  #!\n    a: int", "A: audit takes True or False, not 'x'", None),
    ("class A(Table,\n    tenant='x',  #!\n): ...", "tenant='x' is no field of it", None),
    ("class A(Table, tenant='a'):  #!\n    a: int | None", "that is never None", None),
    ("class A(Table, audit=True):\n    created_at: datetime  #!", "is what audit=True adds", None),
    ("class Query(Table):  #!\n    a: int", "Query is a type of GraphQL's own", "rename the class"),
    ("class Batch(Table, plural='batch'):  #!\n    a: int", "/batch is a path of Kingpost's own", "plural"),
    ("class a(Table):  #!\n    a: int", "InitialCapitals", None),
    (
        "class A(Table):\n    a: int\nclass B(Table, table='a'):  #!\n    a: int",
        "B and A have the same table, a",
        "table=",
    ),
    (
        "class Fly(Table):\n    a: int\nclass Flies(Table):  #!\n    a: int",
        "Flies and Fly have the same collection",
        None,
    ),
    ("class A(Table):\n    a: int\nclass AEdge(Table):  #!\n    a: int", "the same type in GraphQL, AEdge", None),
]
RELATIONS = [
    ("class A(Table):\n    a: Ref[int]  #!", "leads to no entity", "write Ref[Airline]"),
    ("class B(Table): ...\nclass A(Table):\n    b: B  #!", "A.b: B is an entity", "write Ref[B]"),
    ("class B(Table): ...\nclass A(Table):\n    b: list[B]  #!", "a list of B is a relation", "write Many[B]"),
    ("class B(Table): ...\nclass A(Table):\n    b: Many[B]  #!", "no Ref of B leads back to A", "add a: Ref[A] to B"),
    (
        "class A(Table):\n    bs: Many[B]  #!\nclass B(Table):\n    x: Ref[A]\n    y: Ref[A]",
        "2 Refs of B lead back to A",
        'write = via("x") or via("y")',
    ),
    (
        "class A(Table):\n    bs: Many[B] = via('xx')  #!\nclass B(Table):\n    xy: Ref[A]",
        "B has no Ref 'xx' to A",
        "there is xy",
    ),
    (
        "class A(Table):\n    bs: Many[B]\n    cs: Many[C] = via('bz.c')  #!\n"
        "class B(Table):\n    a: Ref[A]\n    c: Ref[C]\nclass C(Table): ...",
        "A has no Many 'bz' to go over",
        "there is bs",
    ),
    (
        "class A(Table):\n    bs: Many[B]\n    cs: Many[C] = via('bs.d')  #!\n"
        "class B(Table):\n    a: Ref[A]\n    c: Ref[C]\nclass C(Table): ...",
        "B has no Ref 'd' to C",
        "there is c",
    ),
    (
        "class B(Table):\n    x: Key[int]\n    y: Key[int]\nclass A(Table):\n    b: Ref[B]  #!",
        "B has a key of 2 fields, a Ref is one",
        "Unique('x', 'y')",
    ),
    ("class A(Table):\n    a: Key[Ref[A]]  #!", "the key of A leads to itself", None),
    ("class A(Table):\n    a: Annotated[Ref[A], OnDelete('null')]  #!", "needs a field that can be None", "| None"),
    ("class A(Table):\n    a: Annotated[Ref[A], OnDelete('nul')]  #!", "not 'nul'", "did you mean 'null'?"),
    ("class A(Table):\n    a: Annotated[int, OnDelete('null')]  #!", "OnDelete goes with a Ref", None),
    ("class A(Table):\n    a: Annotated[Ref[A], Ge(1)]  #!", "Ge", None),
    (
        "class A(Table):\n    up: Ref[A] | None\n    downs: Many[A]\n    downs_next: int  #!",
        "A.downs_next clashes with downs",
        "Column",
    ),
    ("class A(Table):\n    up: Ref[A] | None\n    up_object: int  #!", "A.up_object clashes with up", None),
]


@pytest.mark.parametrize(("body", "words", "hint"), FIELDS + RULES)
def test_a_wrong_member_is_refused_where_it_stands(tmp_path: Path, body: str, words: str, hint: str | None) -> None:
    _check(tmp_path, f"class A(Table):\n    {body}\n", words, hint)


@pytest.mark.parametrize(("source", "words", "hint"), ENTITIES + RELATIONS)
def test_wrong_entities_are_refused_where_they_stand(tmp_path: Path, source: str, words: str, hint: str | None) -> None:
    _check(tmp_path, source, words, hint)


def test_all_that_is_wrong_is_said_at_once_each_on_its_line(tmp_path: Path) -> None:
    error = _refusal(
        tmp_path, "class A(Table):\n    a: complex\n    b: int = 'x'\n    policy = Policy(read=this.c == 1)\n"
    )
    assert [fault.at and fault.at.rpartition(":")[2] for fault in error.faults] == ["10", "11", "12"]
    assert str(error).splitlines() == [str(fault) for fault in error.faults]


def test_what_names_a_broken_field_is_not_blamed_for_it(tmp_path: Path) -> None:
    source = "class A(Table):\n    a: complex\n    indexes = [Index('a')]\n    policy = Policy(read=this.a == 1)\n"
    assert len(_refusal(tmp_path, source).faults) == 1


def test_an_entity_that_is_not_given_to_the_app_is_missed() -> None:
    class Left(Table): ...

    class Right(Table):
        left: Left

    with pytest.raises(DeclarationError, match="'Left' is not known here"):
        read_manifest("app", [Right])


def test_two_classes_of_one_name_are_refused_with_both_places(tmp_path: Path) -> None:
    one, two = (_module(tmp_path, "class A(Table):\n    a: int\n").A for _ in range(2))
    with pytest.raises(DeclarationError, match=r"A is declared twice, also at .*\.py:9"):
        read_manifest("app", [one, two])


def test_an_unknown_time_zone_is_refused_with_a_suggestion() -> None:
    with pytest.raises(DeclarationError, match="did you mean 'Europe/Berlin'"):
        read_manifest("app", [], timezone="Europe/Berlim")


def _check(folder: Path, source: str, words: str, hint: str | None) -> None:
    error = _refusal(folder, source)
    fault = error.faults[0]
    lines = (HEADER + source).splitlines()
    marked = next((number for number, line in enumerate(lines, 1) if "#!" in line), None)
    assert len(error.faults) == 1, str(error)
    assert words in fault.message
    assert hint is None or hint in (fault.hint or "")
    assert marked is None or (fault.at or "").endswith(f".py:{marked}"), str(error)


def _refusal(folder: Path, source: str) -> DeclarationError:
    declared = vars(_module(folder, source)).values()
    entities = [one for one in declared if isinstance(one, type) and issubclass(one, Table) and one is not Table]
    with pytest.raises(DeclarationError) as caught:
        read_manifest("app", entities)
    return caught.value


def _module(folder: Path, source: str) -> types.ModuleType:
    """A module as a team would write it, in a file of its own."""
    name = f"declared_{next(NUMBERS)}"
    path = folder / f"{name}.py"
    path.write_text(HEADER + source)
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(path.read_text(), str(path), "exec"), vars(module))
    return module
