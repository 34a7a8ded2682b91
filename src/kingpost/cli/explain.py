"""`kingpost explain`: what a request becomes on its way to the database and in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from kingpost.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kingpost.call import Actor
    from kingpost.cli.served import Explanation
    from kingpost.model.expressions import Expression
    from kingpost.query.stages import Question
    from kingpost.settings import Settings


@click.command(
    epilog='Example:  kingpost explain examples.flights "GET /v1/flights?airline=UA&sort=-dep_delay&limit=5"'
)
@click.argument("app")
@click.argument("request")
@click.option("--token", help="Ask as the bearer of this token; else as nobody in particular.")
def command(app: str, request: str, token: str | None) -> None:
    """Show what REQUEST becomes: skeleton, operation, what the policy adds, SQL, and PostgreSQL's plan for it."""
    from kingpost.cli.database import database
    from kingpost.cli.locate import import_app, locate
    from kingpost.cli.prepare import Silence, prepare
    from kingpost.cli.served import Explains
    from kingpost.settings import Settings

    method, _, target = request.strip().partition(" ")
    if not target.strip().startswith("/"):
        raise click.UsageError('REQUEST is a method and a path, as in "GET /v1/flights?limit=5"')
    found = locate(app)
    served = import_app(found)
    if not isinstance(served, Explains):
        raise DeclarationError(f"{found} cannot explain itself", hint="kingpost.App can")
    settings = Settings.load(assume="development")
    actor = identified(settings, token)
    with database(settings, lambda text: click.echo(text, err=True)) as at:
        if at.embedded:
            asyncio.run(prepare(served, at, found.module, Silence(), recreate=False))
        explained = asyncio.run(served.explain(at.settings, method.upper(), target.strip(), actor))
    show(explained)


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
    from rich.pretty import Pretty
    from rich.syntax import Syntax
    from rich.text import Text

    from kingpost.cli.sql_layout import laid_out

    console = Console(highlight=False, soft_wrap=True)
    stages = {
        "Skeleton, the key under which the plan is kept": Text("\n".join(explained.skeleton)),
        "Operation, what is asked": Pretty(explained.operation, expand_all=False),
        "Policy, the rows that count once it has had its say": Text("\n".join(rewritten(explained))),
        "SQL, one statement": Syntax(laid_out(explained.sql), "postgresql", background_color="default", word_wrap=True),
        "Arguments": Text("\n".join(f"${n}  {value!r}" for n, value in enumerate(explained.arguments, 1)) or "none"),
        "PostgreSQL's plan": Text("\n".join(explained.database_plan)),
    }
    for name, shown in stages.items():
        console.rule(f"[bold]{name}", align="left")
        console.print(shown)


def rewritten(explained: Explanation) -> Iterator[str]:
    """For each part of the question the rows it asks for, and if the policy narrows them, those that are left."""
    from kingpost.cli.policy_text import in_words

    asked, allowed = dict(parts(explained.bound.question)), dict(parts(explained.allowed.question))
    for place, (entity, where) in allowed.items():
        before = in_words(asked[place][1]) if place in asked else "anyone"
        after = in_words(where)
        words = {"anyone": "all rows", "nobody": "no row"}
        line = f"{place}: {entity}, {words.get(before, before)}"
        yield line if before == after else f"{line}\n    becomes {words.get(after, after)}"


def parts(question: Question, place: str = "rows") -> Iterator[tuple[str, tuple[str, Expression]]]:
    """Every place of the question where rows are walked, with the entity and the condition on them."""
    from kingpost.query.stages import Nested, Select

    yield place, (question.source.entity.name, question.source.where)
    if isinstance(question, Select):
        for member in question.members:
            if isinstance(member, Nested):
                yield from parts(member.select, f"{place}.{member.name}")
