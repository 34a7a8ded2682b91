"""Whether the rows that a write refers to are there and may be read, as conditions."""

from __future__ import annotations

from kingpost.model.expressions import TRUE
from kingpost.query.stages import Reference
from kingpost.store.postgres.expressions import Writing
from kingpost.store.postgres.layout import clauses, nested, where
from kingpost.store.postgres.names import identifier
from kingpost.store.postgres.rows import walk_rows
from kingpost.store.postgres.statements import Flag


def flag_of(reference: Reference) -> Flag:
    """What it means that a reference leads nowhere: hidden and missing rows read alike."""
    what = reference.target.entity.name
    return Flag("reference", f"there is no such {what}", f"/{reference.relation.local}")


def kept_by_database(reference: Reference) -> bool:
    """Whether the foreign key asks all that is to be asked: it would let a new row refer to itself."""
    return reference.target.where == TRUE and reference.relation.source != reference.relation.target


def holds(reference: Reference, value: str, writing: Writing, *, nullable: bool) -> str:
    """That the row which `value` names is there and may be read, or that there is no value.

    Args:
        reference: what is referred to.
        value: in SQL.
        writing: of the statement.
        nullable: whether the value can be null.
    """
    rows, alias = reference.target, writing.alias("t")
    walked = walk_rows(rows, alias, writing, {reference.relation.remote: value})
    table = identifier(rows.entity.table)
    found = f"EXISTS {nested(clauses(f'SELECT FROM {table} {alias}', where(walked.conditions)))}"
    return f"({value} IS NULL OR {found})" if nullable else found
