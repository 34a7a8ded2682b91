"""The database a command works on: the one that the settings name, else the embedded one of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from kingpost.settings import Secret, Settings


@dataclass(frozen=True, slots=True)
class Database:
    """A server that can be reached: `settings` name it, `address` may be shown."""

    settings: Settings
    address: str
    embedded: bool


@contextmanager
def database(settings: Settings, say: Callable[[str], None]) -> Iterator[Database]:
    """Have a database while in the block; an embedded one that was started for it is stopped after it.

    Raises:
        EngineUnavailable: the embedded server would not start.
    """
    if settings.database_url is not None:
        yield Database(settings, "the one at KINGPOST_DATABASE_URL", embedded=False)
        return
    from kingpost.store.postgres import embedded

    with embedded.start(settings.data_folder / "postgres", log=say) as server:
        yield Database(replace(settings, database_url=Secret(server.url)), server.address, embedded=True)
