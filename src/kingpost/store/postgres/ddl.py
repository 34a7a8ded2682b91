"""The tables of a manifest as SQL: pure, and the same statements for the same manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from kingpost.model.expressions import TRUE
from kingpost.model.fields import Constraint, Field, OnDelete, Relation
from kingpost.model.manifest import Entity, Index, IndexKey, Manifest
from kingpost.model.types import Scalar, Type
from kingpost.store.postgres.capture import outbox_statements, trigger_statements
from kingpost.store.postgres.expressions import LETTERS, Scope, Writing
from kingpost.store.postgres.names import META, VERSION, bounded, identifier, literal, text, type_name

HASH, TABLES = "storage_hash", "tables"
"""The names under which META keeps the manifest's hash, and the JSON array of tables that are ours to drop."""


def create_statements(manifest: Manifest, letters: str = LETTERS) -> list[str]:
    """What makes the empty tables of `manifest`, in order; Refs come last, since they may go in circles."""
    taken: set[str] = set()
    statements = [f"CREATE TABLE IF NOT EXISTS {META} (\n  name text PRIMARY KEY,\n  value text NOT NULL\n)"]
    statements += outbox_statements()
    entities = list(manifest.entities.values())
    statements += [_table(entity, Writing(manifest.entities, letters=letters, flat=True)) for entity in entities]
    for entity in entities:
        writing = Writing(manifest.entities, letters=letters, flat=True)
        statements += [_index(index, entity, writing, taken) for index in entity.indexes]
    refs = [(one, entity) for entity in entities for one in entity.relations.values() if not one.many]
    # PostgreSQL asks them in the order in which they were made: a row that is to stay is found before it would go.
    refs.sort(key=lambda ref: ref[0].on_delete != "restrict")
    statements += [_reference(one, entity, manifest.entities) for one, entity in refs]
    return statements + trigger_statements(entities)


def index_names(manifest: Manifest) -> Iterator[tuple[Entity, Index, str]]:
    """Each index with the name that it has in the database."""
    taken: set[str] = set()
    for entity in manifest.entities.values():
        for index in entity.indexes:
            yield entity, index, _index_name(index, entity, taken)


def drop_statement(tables: Iterable[str]) -> str | None:
    """What drops these tables together, whatever refers to what among them; views and tables of others stop it."""
    listed = ", ".join(identifier(table) for table in tables)
    return f"DROP TABLE IF EXISTS {listed}" if listed else None


def stored_fields(entity: Entity) -> dict[str, Field]:
    """The fields that have a column."""
    return {name: field for name, field in entity.fields.items() if field.computed is None}


def _table(entity: Entity, writing: Writing) -> str:
    scope = Scope("", entity)
    lines = [_column(field) for field in stored_fields(entity).values()]
    lines.append(f"{identifier(VERSION)} bigint NOT NULL DEFAULT 1")
    key = ", ".join(scope.column(name) for name in entity.key)
    lines.append(f"{_named(entity.table, 'pkey')} PRIMARY KEY ({key})")
    for field in stored_fields(entity).values():
        column = scope.column(field.name)
        checks = [*_type_checks(column, field.type), *(_constraint(column, one, field) for one in field.constraints)]
        lines += [
            f"{_named(entity.table, field.column, kind)} CHECK ({condition})" for kind, condition in checks if condition
        ]
    lines += [
        f"{_named(entity.table, check.name, 'check')} CHECK ({writing.value(check.condition, scope)})"
        for check in entity.checks
    ]
    return f"CREATE TABLE {identifier(entity.table)} (\n  " + ",\n  ".join(lines) + "\n)"


def _column(field: Field) -> str:
    digits = next((one.value for one in field.constraints if one.kind == "digits"), None)
    name = type_name(field.type)
    if digits is not None:
        total, places = cast("tuple[int, int]", digits)
        name = name.replace("numeric", f"numeric({total}, {places})")
    collation = ' COLLATE "C"' if field.type.scalar is Scalar.TEXT else ""
    return f"{identifier(field.column)} {name}{collation}{'' if field.nullable else ' NOT NULL'}"


def _type_checks(column: str, type_: Type) -> list[tuple[str, str]]:
    """What a type of ours excludes and PostgreSQL's does not."""
    found: list[tuple[str, str]] = []
    if type_.array:
        flat = f"CASE WHEN array_ndims({column}) > 1 THEN FALSE ELSE array_position({column}, NULL) IS NULL END"
        found.append(("elements", flat))
    if type_.choices:
        choices = f"ARRAY[{', '.join(map(text, type_.choices))}]::text[]"
        found.append(("choices", f"{column} <@ {choices}" if type_.array else f"{column} = ANY ({choices})"))
    if type_.scalar in (Scalar.FLOAT, Scalar.DECIMAL):
        name = type_name(Type(type_.scalar))
        # NaN is above Infinity for PostgreSQL.
        low, high = f"'-Infinity'::{name}", f"'Infinity'::{name}"
        bounds = (
            f"{low} < ALL ({column}) AND {high} > ALL ({column})"
            if type_.array
            else f"{column} > {low} AND {column} < {high}"
        )
        found.append(("finite", bounds))
    return found


def _constraint(column: str, constraint: Constraint, field: Field) -> tuple[str, str]:
    kind, value = constraint.kind, constraint.value
    match kind:
        case "ge" | "gt" | "le" | "lt":
            return kind, f"{column} {_BOUNDS[kind]} {literal(value, field.type)}"
        case "multiple_of":
            return kind, f"{column} % {literal(value, field.type)} = 0"
        case "min_length" | "max_length":
            return (
                kind,
                f"{_length(column, field.type)} {'>=' if kind == 'min_length' else '<='} {int(cast('int', value))}",
            )
        case "pattern":
            return kind, f"{column} ~ {text(str(value))}"
        case "digits":  # the column's own type
            return kind, ""


def _length(column: str, type_: Type) -> str:
    if type_.array:
        return f"cardinality({column})"
    return f"octet_length({column})" if type_.scalar is Scalar.BYTES else f"char_length({column})"


def _index(index: Index, entity: Entity, writing: Writing, taken: set[str]) -> str:
    """An index ends with the key, as every sort does; a unique one cannot, or it would not be unique."""
    keys = list(index.keys)
    if not index.unique:
        named = {key.field for key in keys}
        keys += [IndexKey(name, keys[-1].descending) for name in entity.key if name not in named]
    scope = Scope("", entity)
    columns = ", ".join(_index_key(key, entity, scope) for key in keys)
    name = identifier(_index_name(index, entity, taken))
    where = "" if index.where == TRUE else f" WHERE {writing.true(index.where, scope)}"
    return f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {name} ON {identifier(entity.table)} ({columns}){where}"


def _index_key(key: IndexKey, entity: Entity, scope: Scope) -> str:
    """Nulls stand last; of a column without nulls no null order is given, so that it serves both directions."""
    nulls = " NULLS LAST" if key.descending and entity.fields[key.field].nullable else ""
    return f"{scope.column(key.field)}{' DESC' if key.descending else ''}{nulls}"


def _reference(relation: Relation, entity: Entity, entities: Mapping[str, Entity]) -> str:
    target = entities[relation.target]
    local, remote = Scope("", entity).column(relation.local), Scope("", target).column(relation.remote)
    name = _named(entity.table, entity.fields[relation.local].column, "fkey")
    return (
        f"ALTER TABLE {identifier(entity.table)} ADD {name} FOREIGN KEY ({local}) "
        f"REFERENCES {identifier(target.table)} ({remote}) ON DELETE {_ON_DELETE[relation.on_delete]}"
    )


def _named(*parts: str) -> str:
    return f"CONSTRAINT {identifier('_'.join(parts))}"


def _index_name(index: Index, entity: Entity, taken: set[str]) -> str:
    parts = [entity.fields[key.field].column for key in index.keys]
    return _free([entity.table, *parts, "key" if index.unique else "idx"], taken)


def _free(parts: Sequence[str], taken: set[str]) -> str:
    """The name of an index: a schema has each only once."""
    wanted, number = "_".join(parts), 1
    while bounded(name := wanted if number == 1 else f"{wanted}_{number}") in taken:
        number += 1
    taken.add(bounded(name))
    return bounded(name)


_BOUNDS: Mapping[str, str] = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
_ON_DELETE: Mapping[OnDelete, str] = {"restrict": "RESTRICT", "cascade": "CASCADE", "null": "SET NULL"}
