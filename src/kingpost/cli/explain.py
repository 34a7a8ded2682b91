"""`kingpost explain`: what a request becomes on its way to the database and in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kingpost.call import Actor
    from kingpost.cli.explanation import Explanation
    from kingpost.model.expressions import Expression
    from kingpost.query.stages import Question, SlotSpec
    from kingpost.settings import Settings


@click.command(
    epilog='Example:  kingpost explain examples.flights "GET /v1/flights?airline=UA&sort=-dep_delay&limit=5"'
)
@click.argument("words", nargs=-1, metavar="[APP] REQUEST")
@click.option("--token", help="Ask as the bearer of this token; else as nobody in particular.")
def command(words: tuple[str, ...], token: str | None) -> None:
    """Show what REQUEST becomes: skeleton, operation, what the policy adds, SQL, and PostgreSQL's plan for it."""
    from kingpost.cli.database import database
    from kingpost.cli.explanation import explain
    from kingpost.cli.locate import import_app, locate
    from kingpost.cli.prepare import Silence, prepare
    from kingpost.settings import Settings

    app, method, target = _asked(words)
    found = locate(app)
    served = import_app(found)
    settings = Settings.load(assume="development")
    actor = identified(settings, token)
    with database(settings, lambda text: click.echo(text, err=True)) as at:
        if at.embedded:
            asyncio.run(prepare(served, at, found.module, Silence(), recreate=False))
        explained = asyncio.run(explain(served, at.settings, (method, target), actor))
    show(explained)


def _asked(words: tuple[str, ...]) -> tuple[str | None, str, str]:
    """The app, if it is named, and method and path of the request."""
    *app, request = words or ("",)
    method, _, target = request.strip().partition(" ")
    if len(app) > 1 or not target.strip().startswith("/"):
        raise click.UsageError('REQUEST is a method and a path, as in "GET /v1/flights?limit=5"')
    return app[0] if app else None, method.upper(), target.strip()


def identified(settings: Settings, token: str | None) -> Actor:
    """Who asks.

    Raises:
        Unauthenticated: the token is not believed.
    """
    from kingpost.auth.tokens import identify_by_token, token_rules
    from kingpost.call import ANONYMOUS

    return ANONYMOUS if token is None else identify_by_token(token_rules(settings))(token)


def show(explained: Explanation) -> None:
    """Print each stage under its name."""
    from rich.console import Console
    from rich.syntax import Syntax
    from rich.text import Text

    from kingpost.cli.brief import brief

    sql = getattr(explained.program, "sql", str(explained.program))
    arguments = "\n".join(f"${number}  {value!r}" for number, value in enumerate(explained.arguments, 1))
    stages = {
        "Skeleton: the shape under which the plan is kept": Text("\n".join(explained.skeleton)),
        "Operation: what is asked": Text("\n".join(brief(explained.operation))),
        "Policy: what it makes of it for this caller": Text("\n".join(rewritten(explained))),
        "SQL: one statement": Syntax("", "postgresql", background_color="default").highlight(sql),
        "Arguments": Text(arguments or "none"),
        "PostgreSQL's plan": Text(explained.database_plan or "this store does not tell"),
    }
    console = Console(highlight=False, soft_wrap=True)
    for name, shown in stages.items():
        console.print(f"\n[bold cyan]{name}[/bold cyan]")
        console.print(shown)


def rewritten(explained: Explanation) -> Iterator[str]:
    """For each part of the question the rows it walks, what the policy leaves of them, and which fields it hides."""
    asked = {part.place: part for part in parts(explained.bound.question, explained.bound.slots)}
    for part in parts(explained.allowed.question, explained.allowed.slots):
        before = asked.get(part.place, part)
        yield f"{part.place}: {part.entity}, {before.where}"
        if part.where != before.where:
            yield f"    becomes {part.where}"
        if hidden := [name for name in before.members if name not in part.members]:
            yield f"    without {', '.join(hidden)}"
        for name, mask in part.masks:
            yield f"    {name} only where {mask}"


@dataclass(frozen=True, slots=True)
class Part:
    """A place of the question where rows are walked."""

    place: str
    entity: str
    where: str
    members: tuple[str, ...]
    masks: tuple[tuple[str, str], ...]


def parts(question: Question, slots: Sequence[SlotSpec], place: str = "rows") -> Iterator[Part]:
    """The question's parts, outermost first."""
    from kingpost.model.expressions import Choose
    from kingpost.query.stages import Change, Nested, Output, Select

    if isinstance(question, Change):
        yield from () if question.shown is None else parts(question.shown, slots, "shown")
        return
    members = question.members if isinstance(question, Select) else (*question.keys, *question.aggregates)
    outputs = [(one.name, one.value) for one in members if isinstance(one, Output)]
    masks = [(name, _said(value.condition, slots)) for name, value in outputs if isinstance(value, Choose)]
    where = _said(question.source.where, slots)
    named = {"anyone": "all rows", "nobody": "no row"}.get(where, where)
    yield Part(place, question.source.entity.name, named, tuple(one.name for one in members), tuple(masks))
    for member in members:
        if isinstance(member, Nested):
            yield from parts(member.select, slots, f"{place}.{member.name}")


def _said(expression: Expression, slots: Sequence[SlotSpec]) -> str:
    """In words, with the names of what the caller or the call brings in place of their slots."""
    from kingpost.cli.policy_text import in_words
    from kingpost.model.expressions import FromCall, Slot, rewrite

    def named(one: Expression) -> Expression:
        spec = slots[one.number] if isinstance(one, Slot) else None
        if spec is not None and (spec.source == "me" or spec.source == "call"):
            return FromCall(spec.source, spec.name)
        return one

    return in_words(rewrite(expression, named))
