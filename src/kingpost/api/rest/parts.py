"""Take a body apart that writes several rows: a batch's operations, and a row with related rows inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from kingpost.api.rest.body import an_object
from kingpost.api.rest.preconditions import ANY, Precondition
from kingpost.api.rest.split_write import Target, Verb, numbered, split_row, split_rows
from kingpost.call import Answer, Earlier, Part, Read
from kingpost.errors import Conflict, Detail, Invalid, KingpostError, Mistyped, TooLarge
from kingpost.model.fields import Relation
from kingpost.model.manifest import Entity, Manifest, suggest
from kingpost.model.types import Scalar
from kingpost.query.operations import ROWS_WRITTEN_MAX
from kingpost.query.storing import FAULTS_MAX

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
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
class Made:
    """What a nested body makes: the number of the part that makes it, and what stands in it by relation.

    `all_in_one`: the part makes all the rows of a Many.
    """

    number: int
    inside: dict[str, Made | list[Made]] = field(default_factory=dict)
    all_in_one: bool = False

    @property
    def name(self) -> str:
        """By which later parts refer to it."""
        return f"part{self.number}"

    def body(self, parts: Sequence[Answer]) -> bytes | None:
        """The JSON of it, with what it holds in the places of its relations: as an include would have it, but whole.

        Args:
            parts: the answers of all parts.
        """
        body = parts[self.number].body
        if body is None or not self.inside:
            return body
        members = _members(body)
        for relation, held in self.inside.items():
            if isinstance(held, Made) and not held.all_in_one:
                members[relation] = msgspec.Raw(held.body(parts) or b"null")
                continue
            rows = [held] if isinstance(held, Made) else held
            bodies = [one.body(parts) or b"null" for one in rows]
            members[relation] = msgspec.Raw(bodies[0] if isinstance(held, Made) else b"[" + b",".join(bodies) + b"]")
            members[f"{relation}_next"] = msgspec.Raw(b"null")
        return msgspec.json.encode(members)


@dataclass(slots=True)
class Taking:
    """What taking one body apart shares; `placed` are its parts in the order in which they are done."""

    manifest: Manifest
    read: Read
    placed: list[Placed] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
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
                self._check_name(f"/operations/{number}/as")
            except Invalid as invalid:
                faults += invalid.details
            if len(faults) >= FAULTS_MAX:
                break
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
        for word, without in (("body", "delete"), ("if_match", "create")):
            if word in given and verb == without:
                raise _invalid(f"{at}/{word}", f"{verb} takes no {word}")
        row = {} if verb == "delete" else an_object(given.get("body"), f"{at}/body")
        values = {name: self._value(value, entity, name, f"{at}/body") for name, value in row.items()}
        name = given.get("as", "")
        if not isinstance(name, str) or "." in name or ("as" in given and not name):
            raise _invalid(f"{at}/as", "a name is text without dots, behind which stand fields")
        skeleton, flat = split_row(verb, target, values, _supposed(given, at))
        self._add(Part(skeleton, flat, self.read, name), f"{at}/body", verb)

    def _check_name(self, at: str) -> None:
        """The name of the part that came last is no other's."""
        name = self.placed[-1].part.name
        if name and name in self.named:
            raise _invalid(at, f"an earlier part is named {name[:40]!r}")
        self.named.add(name)

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

    def nested(self, entity: Entity, row: Mapping[str, Any], target: Target) -> Made:
        """The parts of a new row with related rows inside; returns what they make."""
        return self._row(entity, row, "", 0, target)

    def _row(self, entity: Entity, row: Mapping[str, Any], at: str, depth: int, target: Target | None = None) -> Made:
        if depth > DEPTH_MAX:
            raise TooLarge(f"rows are nested more than {DEPTH_MAX} deep", where="body")
        self.rows += 1
        if self.rows > ROWS_WRITTEN_MAX:
            raise TooLarge(f"more than {ROWS_WRITTEN_MAX:,} rows in one body", where="body")
        flat, inside = dict(row), dict[str, Made | list[Made]]()
        children: list[tuple[Relation, list[Any]]] = []
        for name, relation in entity.relations.items():
            if name not in flat:
                continue
            if relation.many:
                children.append((relation, _listed(flat.pop(name), f"{at}/{name}")))
            elif isinstance(flat[name], dict):
                other = self.manifest.entities[relation.target]
                inside[name] = to = self._row(other, an_object(flat[name], f"{at}/{name}"), f"{at}/{name}", depth + 1)
                flat[name] = Earlier(to.name, "", f"{at}/{name}")
        made = Made(len(self.placed), inside)
        skeleton, values = split_row("create", target or Target(entity.path), flat)
        self._add(Part(skeleton, values, self.read, made.name), at, "create")
        for relation, rows in children:
            inside[relation.name] = self._children(relation, rows, made.name, f"{at}/{relation.name}", depth + 1)
        return made

    def _children(self, relation: Relation, rows: list[Any], parent: str, at: str, depth: int) -> Made | list[Made]:
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
            return [self._row(entity, one, f"{at}/{number}", depth) for number, one in enumerate(complete)]
        if complete:
            self.rows += len(complete)
            if self.rows > ROWS_WRITTEN_MAX:
                raise TooLarge(f"more than {ROWS_WRITTEN_MAX:,} rows in one body", where="body")
            skeleton, values = split_rows(Target(entity.path), complete)
            self.placed.append(Placed(Part(skeleton, values, self.read), at, "create", complete))
            return Made(len(self.placed) - 1, all_in_one=True)
        return []

    def _add(self, part: Part, at: str, verb: Verb) -> None:
        self.placed.append(Placed(part, at, verb))


def has_rows_inside(entity: Entity, row: Mapping[str, Any]) -> bool:
    """Whether a body holds related rows and not only fields."""
    return _is_nested(row, entity)


def placed_error(error: KingpostError, placed: list[Placed]) -> KingpostError:
    """Make the pointers of a part's error those of the whole body; one without them is about the part itself."""
    if error.part is None:
        return error
    at, rows = placed[error.part].at, placed[error.part].rows
    # Of a batch's operation, what is not about its body is about it: its key, its version, who may do it.
    whole = at.removesuffix("/body")
    faults = tuple(
        one if _is_whole(one.where, whole) else replace(one, where=_within(at, one.where) or whole or one.where)
        for one in numbered(error.details, rows)
    )
    if isinstance(error, Invalid):
        return Invalid(faults, hint=error.hint)
    if faults and isinstance(error, Mistyped | Conflict):
        error.faults = faults
    elif whole:
        error.where = whole
    return error


def _is_whole(where: str, part: str) -> bool:
    """Whether a pointer is already one into the whole body, as an Earlier's is."""
    return bool(part) and where.startswith(part + "/")


def _within(at: str, where: str) -> str:
    """A pointer into a part as one into the whole; "" for what is no pointer."""
    return at + where if where.startswith("/") else ""


def _is_nested(row: Mapping[str, Any], entity: Entity) -> bool:
    for name, relation in entity.relations.items():
        if name in row and (relation.many or isinstance(row[name], dict)):
            return True
    return False


def _reference(value: object, at: str) -> Earlier | None:
    """`{"$ref": "f1"}` or `{"$ref": "f1.number"}`."""
    if not isinstance(value, dict) or value.keys() != {"$ref"}:
        return None
    part, dot, name = value["$ref"].partition(".") if isinstance(value["$ref"], str) else ("", "", "")
    if not part or (dot and not name):
        raise _invalid(at, '$ref is the name of an earlier part, such as "f1", or a field of its row, "f1.number"')
    return Earlier(part, name, at)


def _supposed(given: Mapping[str, Any], at: str) -> Precondition:
    version = given.get("if_match")
    if version is None:
        return ANY
    number = str(version).strip('"').partition("-")[0]
    if not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise _invalid(f"{at}/if_match", "it is no version or entity tag")
    return Precondition((int(number),), there=True)


def _listed(value: object, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise _invalid(at, "these are many rows: an array is wanted here")
    return value


def _invalid(where: str, message: str) -> Invalid:
    return Invalid([Detail(where, message, Invalid.code)])
