"""What a team declares for development alone: a function that fills its database, and who can be called as."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from kingpost.call import ANONYMOUS, Actor
from kingpost.context import Context
from kingpost.errors import DeclarationError
from kingpost.model.faults import Faults
from kingpost.model.function_places import Spot
from kingpost.model.names import is_snake
from kingpost.model.read_arguments import Known, check_handler, read_returns
from kingpost.perform.outside import nothing_asked

DEADLINE_S = 600.0
"""How long a seed may take."""


@dataclass(frozen=True, slots=True, eq=False)
class WrittenSeed:
    """A seed as it was declared, as yet unchecked, and where."""

    function: Callable[..., Awaitable[None]]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Development:
    """A seed, if there is one, and the actors by name."""

    seed: Callable[[Context], Awaitable[None]] | None = None
    actors: Mapping[str, Actor] = field(default_factory=dict)


def read_development(
    seeds: Sequence[WrittenSeed], actors: Mapping[str, object], known: Known, faults: Faults
) -> Development:
    """The seed and the actors; what is wrong is noted."""
    for one in seeds:
        spot = Spot.of(one.function, one.file, one.line)
        hint = f"write async def {spot.name}(ctx: Context) -> None"
        if check_handler(one.function, known, spot, faults):
            with spot.catching(faults):
                _check(one.function, known, hint)
        if one is not seeds[0]:
            spot.add(faults, "there is a seed already", hint="call one from the other")
    for name, actor in actors.items():
        if not isinstance(actor, Actor) or not is_snake(name):
            hint = 'write actors={"uma": Actor("uma", frozenset({"dispatcher"}), {"airline": "UA"})}'
            faults.found.append(DeclarationError(f"actors: {name!r} names no Actor", hint=hint))
    seed = cast("Any", seeds[0].function) if seeds else None
    return Development(seed, cast("Mapping[str, Actor]", actors))


async def sow(endpoint: Callable[..., Awaitable[object]], seed: Callable[[Context], Awaitable[None]]) -> None:
    """Run a seed in one transaction, past every policy.

    Args:
        endpoint: runs a handler in a transaction of a call's own: `Performer.endpoint`.
        seed: the function.

    Raises:
        KingpostError: whatever of it the seed raises; then nothing of it is kept.
    """
    await endpoint(nothing_asked(ANONYMOUS, DEADLINE_S, system=True), seed, {}, True)


def _check(function: Callable[..., object], known: Known, hint: str) -> None:
    if len(inspect.signature(function).parameters) != 1:
        raise DeclarationError("a seed is given the Context and nothing else", hint=hint)
    if read_returns(function, known)[0] != "nothing":
        raise DeclarationError("a seed returns nothing", hint=hint)
