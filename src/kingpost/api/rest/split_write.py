"""Split a write into its skeleton and its values, as `skeleton` does for reads.

The skeleton is `("rest", verb, collection, "key=1", "if=", "body=2", name, name, …, parameter, …)`: how many values the
key has, which precondition, how many fields the body has and which, in alphabetical order; then the query. The values
come in the same order: of the key, the version, one for each field (in bulk a column each, and the number of rows), and
of the query. A body with names that no field has makes a shape like any other: of the plan cache's two segments such
shapes only reach the one where nothing hot is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from msgspec import UNSET

from kingpost.api.rest.preconditions import ANY, Precondition
from kingpost.api.rest.skeleton import Split
from kingpost.errors import Detail
from kingpost.query.bind_write import ROWS
from kingpost.query.storing import FAULTS_MAX

Verb = Literal["create", "update", "upsert", "delete"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about: a collection, the values of a key if it names a row, and the query's own split."""

    collection: str
    key: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    values: tuple[object, ...] = ()


def split_row(verb: Verb, target: Target, row: Mapping[str, object], supposed: Precondition = ANY) -> Split:
    """A write of one row, or the same change of all that a filter finds.

    Args:
        verb: what is done.
        target: to what.
        row: values by field.
        supposed: the precondition; of several versions the first, the others are tried by the caller.
    """
    names = sorted(row)
    condition, version = _condition(supposed)
    skeleton = ("rest", verb, target.collection, f"key={len(target.key)}", condition, f"body={len(names)}", *names)
    values = [*target.key, *version, *(row[name] for name in names), *target.values]
    return (*skeleton, *target.parameters), values


def split_rows(target: Target, rows: Sequence[Mapping[str, object]]) -> Split:
    """Several new rows: a column for each field that any of them has, with gaps where one has not."""
    names = sorted({name for row in rows for name in row})
    columns = [[row.get(name, UNSET) for row in rows] for name in names]
    skeleton = ("rest", "create", target.collection, "key=0", "if=", f"rows={len(names)}", *names)
    return (*skeleton, *target.parameters), [*columns, len(rows), *target.values]


def _condition(supposed: Precondition) -> tuple[str, tuple[object, ...]]:
    if supposed.new:
        return "if=new", ()
    return ("if=", ()) if supposed.versions is None else ("if=version", (supposed.versions[0],))


def numbered(faults: Sequence[Detail], rows: Sequence[Mapping[str, object]]) -> list[Detail]:
    """The faults of a bulk body with the numbers of the rows they are about: those that have the field, or all."""
    found: list[Detail] = []
    for fault in faults:
        if not fault.where.startswith(f"{ROWS}/"):
            found.append(fault)
            continue
        name = fault.where[len(ROWS) + 1 :].replace("~1", "/").replace("~0", "~")
        having = [number for number, row in enumerate(rows) if any(key[:80] == name for key in row)]
        found += [
            replace(fault, where=f"/{number}/{fault.where[len(ROWS) + 1 :]}") for number in having or range(len(rows))
        ]
    return found[:FAULTS_MAX]
