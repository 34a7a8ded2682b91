"""What an editor must show for the rest of a declaration: Manys, computed fields, markers and terms."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, assert_type

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
    Term,
    Unique,
    anyone,
    computed,
    me,
    now,
    role,
    this,
    via,
)


class Team(Table, tenant="org", soft_delete=True):
    """Markers do not change a field's type."""

    code: Key[Annotated[str, "its short name"]]
    org: str
    order_: Annotated[int, Column("order"), Open()] = 0
    members: Many["Person"] = via("team")
    policy = Policy(read=anyone)


class Person(Table):
    """Computed fields have the type they say, or return."""

    team: Annotated[Ref[Team], OnDelete("cascade")]
    first: str
    ssn: Annotated[str | None, Private()] = None
    joined_at: datetime = now
    shout: str = computed(this.first.upper() + "!")

    @computed(needs=["first"])
    def initial(self) -> str:
        """The first letter."""
        return self.first[:1]

    indexes = [Index("team", "-joined_at", where=this.first != "")]
    unique = [Unique("first")]
    check = {"named": this.first.length() > 0}
    policy = Policy(
        read=role("boss") & (this.team.code == me.team) | ~(this.joined_at > now) & this.first.in_(["Ada"]),
        fields={"ssn": this.id == me.id},
    )


def what_an_editor_shows(team: Team, person: Person) -> None:
    """Never run: the type checker reads it."""
    assert_type(team.members, list[Person])
    assert_type(team.order_, int)
    assert_type(person.team.code, str)
    assert_type(person.ssn, str | None)
    assert_type(person.shout, str)
    assert_type(person.initial, str)
    assert_type(this.a == 1, Term)
    assert_type(this.a.b + 1 > me.level, Term)
