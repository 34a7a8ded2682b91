"""A few flights' entities as a Manifest written by hand, for tests of how requests are read."""

from __future__ import annotations

from kingpost.model.fields import Field, Relation
from kingpost.model.manifest import Entity, Manifest
from kingpost.model.types import DATETIME, INT, TEXT, UUID, Type


def field(name: str, type_: Type = TEXT, *, ref: str | None = None, private: bool = False) -> Field:
    return Field(name, type_, name, ref=ref, private=private)


def entity(name: str, path: str, key: tuple[str, ...], fields: list[Field], relations: list[Relation]) -> Entity:
    return Entity(
        name=name,
        plural=path,
        path=path,
        table=name.lower(),
        kind="table",
        fields={one.name: one for one in fields},
        key=key,
        relations={one.name: one for one in relations},
    )


FLIGHT_FIELDS = [
    field("id", UUID),
    field("airline", ref="Airline"),
    field("origin", ref="Airport"),
    field("number", INT),
    field("departs_at", DATETIME),
    field("dep_delay", INT),
    field("audit_note", private=True),
]
MANIFEST = Manifest(
    "flights",
    "UTC",
    {
        "Airline": entity(
            "Airline",
            "airlines",
            ("carrier",),
            [field("carrier"), field("name")],
            [Relation("flights", "Airline", "Flight", True, "carrier", "airline", back="airline")],
        ),
        "Airport": entity("Airport", "airports", ("faa",), [field("faa"), field("name")], []),
        "Flight": entity(
            "Flight",
            "flights",
            ("id",),
            FLIGHT_FIELDS,
            [
                Relation("airline", "Flight", "Airline", False, "airline", "carrier"),
                Relation("origin", "Flight", "Airport", False, "origin", "faa"),
                Relation("seats", "Flight", "Seat", True, "id", "flight", back="flight"),
            ],
        ),
        "Seat": entity(
            "Seat",
            "seats",
            ("flight", "place"),
            [field("flight", UUID, ref="Flight"), field("place"), field("price", INT)],
            [Relation("flight", "Seat", "Flight", False, "flight", "id")],
        ),
    },
)
