"""Split a write into its skeleton and its values, as `skeleton` does for reads.

The skeleton is `("rest", verb, collection, "key=1", "if=", "body=2", name, name, …, parameter, …)`: how many values the
key has, which precondition, how many fields the body has and which, in alphabetical order; then the query. The values
come in the same order: of the key, the version, one for each field (in bulk a column each, and the number of rows), and
of the query. A body with names that no field has makes a shape like any other, no larger than that of a query may be (200
names of 128 letters): a flood of them fills the plan cache's segment of shapes seen once, and evicts nothing hot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from msgspec import UNSET, Struct

from kingpost.api.rest.body import FIELDS_MAX
from kingpost.api.rest.preconditions import ANY, Precondition
from kingpost.api.rest.skeleton import Split
from kingpost.errors import Detail, TooLarge
from kingpost.query.bind_write import ROWS
from kingpost.query.storing import FAULTS_MAX

Verb = Literal["create", "update", "upsert", "delete"]


class Target(Struct, frozen=True):
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
    """Several new rows: a column for each field that any of them has, with gaps where one has not.

    Raises:
        TooLarge: they have too many different fields between them.
    """
    names = sorted({name for row in rows for name in row})
    if len(names) > FIELDS_MAX:
        raise TooLarge(f"rows of {len(names)} different fields, at most {FIELDS_MAX} are taken", where="body")
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
    named: list[set[str]] = []
    for fault in faults[:FAULTS_MAX]:
        if not fault.where.startswith(f"{ROWS}/"):
            found.append(fault)
            continue
        # A fault's pointer has the first letters of a name only.
        named = named or [{key[:80] for key in row} for row in rows]
        name = fault.where[len(ROWS) + 1 :].replace("~1", "/").replace("~0", "~")
        having = [number for number, names in enumerate(named) if name in names][:FAULTS_MAX]
        found += [
            replace(fault, where=f"/{number}/{fault.where[len(ROWS) + 1 :]}") for number in having or range(len(rows))
        ]
    return found[:FAULTS_MAX]
