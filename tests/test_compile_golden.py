"""The SQL of typical questions, as files: a change of the compiler shows as their diff (`UPDATE_GOLDEN=1` writes them)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from kingpost.api.rest.read import reader
from kingpost.api.rest.skeleton import split
from kingpost.policy.allow import allow
from kingpost.query.bind import bind
from kingpost.query.rendering import cursor
from kingpost.query.stages import Plan
from kingpost.store.postgres.compile import compile_question
from kingpost.store.postgres.ddl import create_statements
from kingpost.store.postgres.program import Program
from tests import domain

MANIFEST = domain.manifest()
FOLDER = Path(__file__).parent / "golden" / "sql"
BOSS, MEMBER, NOBODY = frozenset({"boss", "member"}), frozenset({"member"}), frozenset[str]()


def _page(direction: str, keys: str) -> str:
    return cursor("0123456789ab", "n" if direction == "next" else "p", keys.encode())


NEXT, PREVIOUS = _page("next", '["Bob",2]'), _page("prev", '["Bob",2]')
MIXED, NULL = _page("next", '["Lee","Bob",2]'), _page("prev", f'[null,"{UUID(int=1)}"]')
PRIORITY = _page("next", f'[3,"{UUID(int=1)}"]')

# Name of the file, what is asked, roles of who asks.
CASES: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("one_row", "/v1/orgs/acme", NOBODY),
    ("one_row_masked", "/v1/people/1?fields=first,salary,phone", BOSS),
    ("one_row_composite_key", "/v1/memberships/red,1", MEMBER),
    ("list_default_limit", "/v1/orgs", NOBODY),
    ("list_by_index", "/v1/people?last=Lee&sort=first&limit=5", MEMBER),
    ("list_by_two_indexes", "/v1/people?last=Lee&sort=-salary&limit=5", BOSS),
    ("list_key_not_shown", "/v1/people?fields=last&sort=last&limit=5", MEMBER),
    ("list_nothing_shown", "/v1/projects?fields=id&limit=1", NOBODY),
    ("filters", "/v1/projects?status[in]=draft,done&name[ilike]=a%25&tags[contains]=x&due[is_null]=true", NOBODY),
    ("filters_negated", "/v1/projects?not=(status=draft,or=(score[gt]=1,priority[lte]=2))&team.name[ne]=Red", NOBODY),
    ("filter_some", "/v1/teams?members.lead=true&limit=5", BOSS),
    ("filter_every", "/v1/orgs?people.every.last[like]=A%25&limit=5", BOSS),
    ("filter_none_many_to_many", "/v1/teams?people.none.first=Ada&limit=5", BOSS),
    ("sort_behind_a_ref", "/v1/people?sort=manager.last&limit=5", MEMBER),
    ("page_next", f"/v1/people?last=Lee&sort=first&limit=5&cursor={NEXT}", MEMBER),
    ("page_prev", f"/v1/people?last=Lee&sort=first&limit=5&cursor={PREVIOUS}", MEMBER),
    ("page_mixed", f"/v1/people?sort=last,-first&limit=5&cursor={MIXED}", MEMBER),
    ("page_nullable", f"/v1/projects?sort=-priority&limit=5&cursor={PRIORITY}", NOBODY),
    ("page_nullable_prev", f"/v1/projects?sort=-priority&limit=5&cursor={NULL}", NOBODY),
    ("count_exact", "/v1/people?last=Lee&count=exact&limit=5", MEMBER),
    ("count_estimate_of_all", "/v1/orgs?count=estimate", NOBODY),
    ("count_estimate_of_some", "/v1/projects?count=estimate&fields=id", NOBODY),
    ("include_refs", "/v1/projects?include=team,owner.manager&fields=name&limit=5", BOSS),
    ("include_pages", "/v1/teams?include=projects.owner&projects.limit=3&projects.sort=-due&limit=5", BOSS),
    ("include_many_to_many", "/v1/teams?include=people&people.limit=3&people.fields=first&limit=5", BOSS),
    ("include_in_one_row", "/v1/teams/red?include=projects&projects.fields=name", BOSS),
    ("computed_in_python", "/v1/people?fields=label&limit=5", MEMBER),
    ("computed_in_sql", "/v1/projects?fields=left,team_name&limit=5", BOSS),
    ("every_type", "/v1/projects?limit=5", BOSS),
    ("groups", "/v1/projects?group=status&aggregate=count,avg:score,max:due,sum:budget", BOSS),
    ("groups_having", "/v1/people?group=last&aggregate=count,avg:salary&having=count[gt]=1&sort=-avg:salary", BOSS),
    ("groups_behind_a_ref", "/v1/projects?group=team.name&aggregate=count_distinct:owner&limit=5", BOSS),
)  # fmt: skip


@pytest.mark.parametrize(("name", "target", "roles"), CASES)
def test_a_question_compiles_as_its_file_says(name: str, target: str, roles: frozenset[str]) -> None:
    plan = _compiled(target, roles)
    places = ", ".join(f"${at} is slot {slot} ({_source(plan, slot)})" for at, slot in enumerate(plan.order, 1))
    asked = target if "cursor=" not in target else f"{target.partition('cursor=')[0]}cursor=…"
    text = f"-- GET {asked}\n-- as {', '.join(sorted(roles)) or 'anyone'}\n-- {places or 'no parameters'}\n"
    check_golden(FOLDER / f"{name}.sql", text + cast("Program", plan.program).sql + "\n")


def test_the_tables_are_made_as_their_file_says() -> None:
    check_golden(FOLDER / "create.sql", ";\n\n".join(create_statements(MANIFEST)) + ";\n")


def test_no_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {"create", *(name for name, _, _ in CASES)}


def check_golden(path: Path, text: str) -> None:
    """Compare with the file, or write it where UPDATE_GOLDEN is set."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{path} differs; UPDATE_GOLDEN=1 writes it anew"


def _compiled(target: str, roles: frozenset[str]) -> Plan:
    path, _, query = target.partition("?")
    skeleton, _ = split(path, query.encode())
    operation, rendering = reader(MANIFEST)(skeleton)
    bound = bind(operation, MANIFEST)
    return compile_question(allow(bound, bound.roles & roles, known=bool(roles)), rendering)


def _source(plan: Plan, slot: int) -> str:
    spec = plan.slots[slot]
    return spec.where if spec.source == "value" else f"{spec.source}.{spec.name}"
