"""Take a body apart that writes several rows: a batch's operations, and a row with related rows inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from kingpost.api.rest.body import an_object
from kingpost.api.rest.preconditions import ANY, Precondition
from kingpost.api.rest.split_write import Target, Verb, numbered, split_row, split_rows
from kingpost.call import Earlier, Part, Read
from kingpost.errors import Detail, Invalid, KingpostError, TooLarge
from kingpost.model.fields import Relation
from kingpost.model.manifest import Entity, Manifest, suggest
from kingpost.model.types import Scalar
from kingpost.query.operations import ROWS_WRITTEN_MAX

DEPTH_MAX = 8
OPERATIONS_MAX = 1_000
_VERBS: tuple[Verb, ...] = ("create", "update", "upsert", "delete")
_MEMBERS = frozenset({"body", "key", "if_match", "as"})


@dataclass(frozen=True, slots=True)
class Placed:
    """A Part, the JSON pointer of what it writes, what it does, and its rows where there are several."""

    part: Part
    at: str
    verb: Verb
    rows: Sequence[Mapping[str, Any]] = ()


@dataclass(slots=True)
class Taking:
    """What taking one body apart shares; `placed` are its parts in the order in which they are done."""

    manifest: Manifest
    read: Read
    placed: list[Placed] = field(default_factory=list)
    rows: int = 0

    # --- A batch -----------------------------------------------------------------------------------------------------

    def batch(self, body: object, entities: Mapping[str, Entity]) -> list[Placed]:
        """The parts of `{"operations": [{"create": "flights", "body": {…}, "as": "f1"}, …]}`.

        Raises:
            Invalid: it is no such thing; every operation that is none is told.
            TooLarge: there are too many.
        """
        whole = an_object(body)
        operations = whole.get("operations")
        if not isinstance(operations, list) or not operations or len(whole) > 1:
            fault = Detail("/operations", "a batch is an object with its operations, at least one", Invalid.code)
            raise Invalid([fault], hint='such as {"operations": [{"create": "flights", "body": {…}}]}')
        if len(operations) > OPERATIONS_MAX:
            raise TooLarge(f"{len(operations)} operations, at most {OPERATIONS_MAX:,} are taken", where="body")
        faults: list[Detail] = []
        for number, operation in enumerate(operations):
            try:
                self._operation(operation, f"/operations/{number}", entities)
            except Invalid as invalid:
                faults += invalid.details
        if faults:
            raise Invalid(faults)
        return self.placed

    def _operation(self, operation: object, at: str, entities: Mapping[str, Entity]) -> None:
        given = an_object(operation, at)
        verbs = [verb for verb in _VERBS if verb in given]
        unknown = given.keys() - _MEMBERS - set(_VERBS)
        if len(verbs) != 1 or unknown:
            what = f"{sorted(unknown)[0][:40]!r} means nothing here" if unknown else "it says not what to do"
            raise _invalid(at, f"{what}: one of {', '.join(_VERBS)} names a collection; body, key, if_match and as")
        verb, collection = verbs[0], given[verbs[0]]
        entity = entities.get(collection) if isinstance(collection, str) else None
        if entity is None:
            hint = suggest(str(collection)[:64], entities)
            raise _invalid(f"{at}/{verb}", f"there is no collection {str(collection)[:40]!r} ({hint})")
        target = Target(entity.path, self._key(given, verb, entity, at))
        row = {} if verb == "delete" else an_object(given.get("body"), f"{at}/body")
        values = {name: self._value(value, entity, name, f"{at}/body") for name, value in row.items()}
        name = given.get("as", "")
        if not isinstance(name, str):
            raise _invalid(f"{at}/as", "a name is text")
        skeleton, flat = split_row(verb, target, values, _supposed(given, at))
        self._add(Part(skeleton, flat, self.read, name), f"{at}/body", verb)

    def _key(self, given: Mapping[str, Any], verb: Verb, entity: Entity, at: str) -> tuple[Any, ...]:
        if verb == "create":
            if "key" in given:
                raise _invalid(f"{at}/key", "a new row's key stands in its body")
            return ()
        key = given.get("key")
        parts = key if isinstance(key, list) else [key]
        if key is None or len(parts) != len(entity.key):
            raise _invalid(
                f"{at}/key", f"the key is {', '.join(entity.key)}: {len(entity.key)} values, in a list if several"
            )
        return tuple(_reference(part, f"{at}/key") or part for part in parts)

    def _value(self, value: object, entity: Entity, name: str, at: str) -> object:
        """A value of a body, an Earlier where it is `{"$ref": "f1"}` and the field is not JSON itself."""
        one = entity.fields.get(name)
        if one is not None and one.type.scalar is Scalar.JSON:
            return value
        return _reference(value, f"{at}/{name}") or value

    # --- Rows within a row -------------------------------------------------------------------------------------------

    def nested(self, entity: Entity, row: Mapping[str, Any], target: Target) -> str:
        """The parts of a new row with related rows inside; returns the name of the part that is the row itself."""
        return self._row(entity, row, "", 0, target)

    def _row(self, entity: Entity, row: Mapping[str, Any], at: str, depth: int, target: Target | None = None) -> str:
        if depth > DEPTH_MAX:
            raise TooLarge(f"rows are nested more than {DEPTH_MAX} deep", where="body")
        self.rows += 1
        if self.rows > ROWS_WRITTEN_MAX:
            raise TooLarge(f"more than {ROWS_WRITTEN_MAX:,} rows in one body", where="body")
        flat = dict(row)
        children: list[tuple[Relation, list[Any]]] = []
        for name, relation in entity.relations.items():
            if name not in flat:
                continue
            if relation.many:
                children.append((relation, _listed(flat.pop(name), f"{at}/{name}")))
            elif isinstance(flat[name], dict):
                made = self._row(self.manifest.entities[relation.target], flat[name], f"{at}/{name}", depth + 1)
                flat[name] = Earlier(made, "", f"{at}/{name}")
        number = f"part{len(self.placed)}"
        skeleton, values = split_row("create", target or Target(entity.path), flat)
        self._add(Part(skeleton, values, self.read, number), at, "create")
        for relation, rows in children:
            self._children(relation, rows, number, f"{at}/{relation.name}", depth + 1)
        return number

    def _children(self, relation: Relation, rows: list[Any], parent: str, at: str, depth: int) -> None:
        """The rows of a Many: by one statement where nothing is nested in them."""
        entity = self.manifest.entities[relation.target]
        if relation.back is None or relation.middle is not None:
            raise _invalid(at, f"{relation.name} goes over other rows: create those")
        back = Earlier(parent, "", at)
        complete = []
        for number, row in enumerate(rows):
            given = an_object(row, f"{at}/{number}")
            if relation.back in given:
                raise _invalid(f"{at}/{number}/{relation.back}", "it is the row that this stands in")
            complete.append({**given, relation.back: back})
        if any(_is_nested(one, entity) for one in complete):
            for number, one in enumerate(complete):
                self._row(entity, one, f"{at}/{number}", depth)
        elif complete:
            self.rows += len(complete)
            if self.rows > ROWS_WRITTEN_MAX:
                raise TooLarge(f"more than {ROWS_WRITTEN_MAX:,} rows in one body", where="body")
            skeleton, values = split_rows(Target(entity.path), complete)
            self.placed.append(Placed(Part(skeleton, values, self.read), at, "create", complete))

    def _add(self, part: Part, at: str, verb: Verb) -> None:
        self.placed.append(Placed(part, at, verb))


def has_rows_inside(entity: Entity, row: Mapping[str, Any]) -> bool:
    """Whether a body holds related rows and not only fields."""
    return _is_nested(row, entity)


def placed_error(error: KingpostError, placed: list[Placed]) -> None:
    """Make the pointers of a part's error those of the whole body."""
    if error.part is None or (not isinstance(error, Invalid) and not hasattr(error, "faults")):
        return
    at, rows = placed[error.part].at, placed[error.part].rows
    faults = tuple(
        one if one.where.startswith(at + "/") and at else Detail(at + one.where, one.message, one.code)
        for one in numbered(error.details, rows)
        if one.where.startswith("/")
    )
    cast("Any", error).faults = faults


def _is_nested(row: Mapping[str, Any], entity: Entity) -> bool:
    return any(
        name in row and (relation.many or isinstance(row[name], dict)) for name, relation in entity.relations.items()
    )


def _reference(value: object, at: str) -> Earlier | None:
    """`{"$ref": "f1"}` or `{"$ref": "f1.number"}`."""
    if not isinstance(value, dict) or value.keys() != {"$ref"}:
        return None
    if not isinstance(value["$ref"], str):
        raise _invalid(at, '$ref is the name of an earlier part, such as "f1", or a field of its row, "f1.number"')
    part, _, name = value["$ref"].partition(".")
    return Earlier(part, name, at)


def _supposed(given: Mapping[str, Any], at: str) -> Precondition:
    version = given.get("if_match")
    if version is None:
        return ANY
    number = str(version).strip('"').partition("-")[0]
    if not number.isdigit() or len(number) > 18:
        raise _invalid(f"{at}/if_match", "it is no version or entity tag")
    return Precondition((int(number),), there=True)


def _listed(value: object, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise _invalid(at, "these are many rows: an array is wanted here")
    return value


def _invalid(where: str, message: str) -> Invalid:
    return Invalid([Detail(where, message, Invalid.code)])
