"""What stands in each row's object: values, what Python needs, and the rows nested in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from kingpost.model.expressions import TRUE, Expression
from kingpost.query.derive import need_name
from kingpost.query.stages import Derived, Nested, Output, Rendering, Select
from kingpost.store.postgres import layout
from kingpost.store.postgres.compile_page import NUMBER, limit_sql, page_rows, scope_of
from kingpost.store.postgres.expressions import Scope, Writing
from kingpost.store.postgres.json_sql import Object, cursor, object_of, value
from kingpost.store.postgres.layout import clauses
from kingpost.store.postgres.names import identifier
from kingpost.store.postgres.rows import walk_rows


@dataclass(frozen=True, slots=True)
class Outer:
    """The row at hand: its scope, and where it is one of a page, the condition that it is shown."""

    scope: Scope
    shown: str = ""


@dataclass(slots=True)
class _Members:
    """The members of one object so far, and what is joined to the row for them."""

    named: list[tuple[str, str]] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Members:
    """A row's object, and the joins that it needs; `source` ends what stands in FROM."""

    object: Object
    joins: tuple[str, ...]

    @property
    def source(self) -> str:
        """All that stands behind the row in FROM."""
        return clauses(*self.joins, f"CROSS JOIN {self.object.source}")


def members_of(select: Select, outer: Outer, rendering: Rendering, writing: Writing) -> Members:
    """The object of one row of `select`."""
    found = _Members()
    for member in select.members:
        match member:
            case Output(name):
                found.named.append((rendering.name(name), _output(member, outer.scope, writing)))
            case Derived(name, needs=needs):
                found.named += [(need_name(name, need.name), _output(need, outer.scope, writing)) for need in needs]
            case Nested():
                (_many if member.relation.many else _one)(member, outer, rendering, writing, found)
    return Members(object_of(found.named, writing.alias("r")), tuple(found.joins))


def has_pages(select: Select) -> bool:
    """Whether pages are nested in its rows: then the row beyond the limit should not have its own built."""
    return any(isinstance(one, Nested) and one.relation.many for one in select.members)


def _output(output: Output, scope: Scope, writing: Writing) -> str:
    return value(writing.value(output.value, scope), output.type)


def _visible(visible: Expression, outer: Outer, writing: Writing) -> list[str]:
    return [] if visible == TRUE else [writing.true(visible, outer.scope)]


def _one(nested: Nested, outer: Outer, rendering: Rendering, writing: Writing, found: _Members) -> None:
    """One object or null: joined, since a scalar subselect could neither be hashed nor memoized."""
    alias, join = writing.alias("t"), writing.alias("n")
    relation = nested.relation
    joined = {relation.remote: outer.scope.column(relation.local)}
    walked = walk_rows(nested.select.source, alias, writing, joined)
    conditions = (*walked.conditions, *_visible(nested.visible, outer, writing))
    members = members_of(nested.select, Outer(scope_of(nested.select, alias)), rendering, writing)
    table = identifier(nested.select.source.entity.table)
    rows = clauses(
        f"SELECT {members.object.value} AS j", f"FROM {table} {alias}", members.source, layout.where(conditions)
    )
    found.joins.append(f"LEFT JOIN LATERAL {layout.nested(rows)} {join} ON TRUE")
    found.named.append((rendering.name(nested.name), f"{join}.j"))


def _many(nested: Nested, outer: Outer, rendering: Rendering, writing: Writing, found: _Members) -> None:
    """A page: its rows and their sort keys as arrays, of which the row beyond the limit is cut off."""
    select = nested.select
    assert select.limit is not None
    alias, join, page_alias = writing.alias("t"), writing.alias("n"), writing.alias("p")
    extra = [*([outer.shown] if outer.shown else []), *_visible(nested.visible, outer, writing)]
    joined, linked = _joined(nested, alias, outer, writing)
    numbered, apart = has_pages(select), any(isinstance(one, Nested) for one in select.members)
    rows = page_rows(select, alias, writing, joined=joined, extra=(*linked, *extra), apart=apart, numbered=numbered)
    shown = f"{alias}.{NUMBER} <= {limit_sql(select.limit, writing)}" if numbered else ""
    members = members_of(select, Outer(scope_of(select, alias), shown), rendering, writing)
    keys = [(f"k{at}", sql, type_) for at, (sql, type_) in enumerate(rows.keys)]
    columns = "".join(f", {sql} AS {name}" for name, sql, _ in keys)
    arrays = "".join(f", array_agg({page_alias}.{name}) AS {name}" for name, _, _ in keys)
    page = clauses(
        f"SELECT {members.object.value} AS j{columns}",
        f"FROM {rows.source}",
        members.source,
        layout.where(rows.conditions),
        rows.tail,
    )
    gathered = clauses(f"SELECT array_agg({page_alias}.j) AS j{arrays}", f"FROM {layout.nested(page)} {page_alias}")
    found.joins.append(f"CROSS JOIN LATERAL {layout.nested(gathered)} {join}")
    limit = limit_sql(select.limit, writing)
    last = [(f"{join}.{name}[{limit}]", type_) for name, _, type_ in keys]
    found.named += _page_members(nested, rendering, join, limit, cursor(select.fingerprint, last))


def _page_members(nested: Nested, rendering: Rendering, join: str, limit: str, after: str) -> list[tuple[str, str]]:
    page = f"{join}.j[1:{limit}]"
    more = f"CASE WHEN cardinality({join}.j) > {limit} THEN {after} END"
    if nested.select.page is not None and nested.select.page.backward:
        page = f"(SELECT array_agg(v.v ORDER BY v.i DESC) FROM unnest({page}) WITH ORDINALITY v(v, i))"
        more = "NULL::text"
    name = rendering.name(nested.name)
    return [(name, f"COALESCE(array_to_json({page}), '[]')"), (rendering.name(f"{nested.name}_next"), more)]


def _joined(nested: Nested, alias: str, outer: Outer, writing: Writing) -> tuple[dict[str, str], list[str]]:
    """How the rows are tied to the outer row: by their Ref back, or by links, so that many links show a row once."""
    relation, middle = nested.relation, nested.middle
    local = outer.scope.column(relation.local)
    if middle is None or relation.middle is None:
        return {relation.remote: local}, []
    link = writing.alias("t")
    walked = walk_rows(middle, link, writing, {relation.middle.back: local})
    onward = f"{walked.scope.column(relation.middle.onward)} = {Scope(alias, nested.select.source.entity).column(relation.remote)}"
    table = identifier(middle.entity.table)
    links = clauses(f"SELECT FROM {table} {link}", layout.where((*walked.conditions, onward)))
    return {}, [f"EXISTS {layout.nested(links)}"]
