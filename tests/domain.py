"""The domain that all tests share: teams, people and projects of two organisations, with something of everything."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from kingpost import (
    Column,
    Index,
    Key,
    Many,
    OnDelete,
    Open,
    Policy,
    Private,
    Ref,
    Table,
    Unique,
    anyone,
    computed,
    me,
    now,
    role,
    this,
    via,
)
from kingpost.constraints import Digits, Ge, Interval, Len, MaxLen, Pattern
from kingpost.model.manifest import Manifest
from kingpost.model.read import read_manifest


class Org(Table):
    """A tenant; anyone may read which there are."""

    slug: Key[Annotated[str, Pattern("^[a-z]+$")]]
    name: str
    people: Many["Person"]
    policy = Policy(read=anyone, create=role("admin"))


class Person(Table, plural="people", tenant="org"):
    """Seen within the organisation; the salary by role, the phone by oneself alone."""

    id: Key[int]
    org: Ref[Org]
    first: str
    last: str
    email: Annotated[str, MaxLen(80)]
    ssn: Annotated[str | None, Private()] = None
    salary: Annotated[Decimal | None, Digits(12, 2), Ge(0)] = None
    phone: str | None = None
    manager: Annotated[Ref[Person] | None, OnDelete("null")] = None
    reports: Many[Person]
    memberships: Many["Membership"]
    teams: Many["Team"] = via("memberships.team")
    led: Many["Project"]
    full: str = computed(this.first + " " + this.last)
    well_paid: bool | None = computed(this.salary > 5_000)

    @computed(needs=["first", "last"])
    def label(self) -> str:
        """The way a list is sorted by hand."""
        return f"{self.last}, {self.first}"

    indexes = [Index("last", "first"), Index("-salary")]
    unique = [Unique("email")]
    policy = Policy(
        read=role("member") | role("boss"),
        update=role("boss") | (this.id == me.id),
        fields={"salary": role("boss"), "phone": this.id == me.id},
    )


class Team(Table):
    """Its own members and the bosses read it."""

    code: Key[str]
    name: str
    motto: Annotated[str | None, Open()] = None
    members: Many["Membership"]
    people: Many[Person] = via("members.person")
    projects: Many["Project"]
    indexes = [Index("name")]
    policy = Policy(read=role("boss") | (this.members.some.person == me.id), update=role("boss"))


class Membership(Table):
    """A composite key, made of two Refs."""

    team: Annotated[Key[Ref[Team]], OnDelete("cascade")]
    person: Annotated[Key[Ref[Person]], OnDelete("cascade")]
    since: date
    lead: bool = False
    policy = Policy(read=role("member") | role("boss"), create=role("boss"), delete=role("boss"))


class Project(Table, soft_delete=True, audit=True, scan_rows_max=100):
    """Every type there is; seen by bosses and, unless it is secret, by all."""

    team: Ref[Team]
    owner: Ref[Person] | None = None
    name: Annotated[str, Len(1, 200)]
    status: Literal["draft", "running", "done"] = "draft"
    budget: Annotated[Decimal, Digits(20, 4)] = Decimal(0)
    spent: Annotated[Decimal | None, Digits(20, 4)] = None
    priority: Annotated[int | None, Interval(ge=-(2**63), le=2**63 - 1)] = None
    score: float | None = None
    secret: bool = False
    starts_at: datetime = now
    ends_at: datetime | None = None
    due: date | None = None
    daily_at: time | None = None
    effort: timedelta | None = None
    token: UUID | None = None
    logo: bytes | None = None
    tags: list[str] = []
    votes: Annotated[list[int] | None, Len(0, 100)] = None
    settings: dict[str, Any] = {}
    order_: Annotated[int | None, Column("order"), Open(), "where it stands in the list"] = None
    left: Decimal | None = computed(this.budget - this.spent)
    team_name: str | None = computed(this.team.name)

    indexes = [
        Index("team", "-due"),
        Index("-priority"),
        Index("score"),
        Index("status", "starts_at"),
        Index("name", where=this.status == "running"),
        Index("owner", "-ends_at", "name"),
    ]
    unique = [Unique("team", "name", where=~this.secret)]
    check = {"ends_after_start": this.ends_at > this.starts_at, "not_overspent": this.spent <= this.budget * 2}
    policy = Policy(
        read=role("boss") | ~this.secret,
        create=role("boss"),
        update=role("boss") | (this.owner == me.id),
        fields={"spent": role("boss") | (this.owner.manager == me.id), "budget": role("boss") | role("member")},
    )


ENTITIES: list[type[Table]] = [Org, Person, Team, Membership, Project]


def manifest() -> Manifest:
    """The manifest of the domain."""
    return read_manifest("domain", ENTITIES, timezone="Europe/Berlin")


def rows() -> dict[str, list[dict[str, object]]]:
    """A few rows of each entity, in an order in which they can be inserted; what a row leaves out is null."""
    people = [
        (1, "acme", "Ada", "Ängström", "ada@acme.test", Decimal("9000.50"), "+49 1", None),
        (2, "acme", "Bob", "O'Neil", "bob@acme.test", Decimal("4000.00"), None, 1),
        (3, "acme", "Çem", "李", "cem@acme.test", None, "+49 3", 1),
        (4, "umbra", "Dee", "de Wit", "dee@umbra.test", Decimal("0.00"), "+31 4", None),
        (5, "umbra", "Eve", "ängström", "eve@umbra.test", Decimal("9999999999.99"), None, 4),
    ]
    names = ("id", "org", "first", "last", "email", "salary", "phone", "manager")
    members = [("red", 1, True), ("red", 2, False), ("blue", 2, True), ("blue", 3, False), ("grün", 4, True)]
    return {
        "Org": [{"slug": "acme", "name": "Acme"}, {"slug": "umbra", "name": "Umbra & Söhne"}],
        "Person": [{**dict(zip(names, one, strict=True)), "ssn": f"000-{one[0]}"} for one in people],
        "Team": [
            {"code": "red", "name": "Red", "motto": "100% _done_"},
            {"code": "blue", "name": "blue"},
            {"code": "grün", "name": "Grün 🌱", "motto": ""},
            {"code": "empty", "name": "Nobody"},
        ],
        "Membership": [
            {"team": team, "person": person, "since": date(2020, 1, number + 1), "lead": lead}
            for number, (team, person, lead) in enumerate(members)
        ],
        "Project": [_project(number, one) for number, one in enumerate(_PROJECTS)],
    }


_START = datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
_PROJECTS: list[dict[str, object]] = [
    {"team": "red", "owner": 1, "name": "Alpha", "status": "running", "budget": Decimal("1000.1000"), "score": 1.5},
    {"team": "red", "name": "alpha", "spent": Decimal("0.0001"), "priority": 2**63 - 1, "secret": True},
    {"team": "blue", "owner": 2, "name": 'Ωm "quoted" \\ %_', "priority": -(2**63), "tags": ["x", "y"], "score": 0.1},
    {"team": "blue", "owner": 2, "name": "Beta", "due": date(2024, 1, 1), "settings": {"a": {"b": [1, None, "ü"]}}},
    {"team": "blue", "owner": 3, "name": "Gamma", "due": date(2024, 1, 1), "logo": b"\x00\xff", "priority": 0},
    {"team": "grün", "owner": 4, "name": "Delta", "ends_at": _START + timedelta(days=1), "votes": [3, -3], "order_": 1},
    {"team": "grün", "owner": 4, "name": "Epsilon", "daily_at": time(23, 59, 59, 1), "effort": timedelta(hours=-26.5)},
    {"team": "red", "owner": 5, "name": "Gone", "deleted_at": _START, "token": UUID(int=2**128 - 1), "score": -1e300},
]


def _project(number: int, given: dict[str, object]) -> dict[str, object]:
    stamp = _START + timedelta(days=number // 2)
    base: dict[str, object] = {
        **{"id": UUID(int=number + 1), "status": "draft", "budget": Decimal(number * 10), "secret": False},
        **{"starts_at": _START, "tags": [], "settings": {}, "created_at": stamp, "updated_at": stamp},
    }
    return base | given
