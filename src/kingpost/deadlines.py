"""Ends what runs past its deadline, with one timer for all that is under way.

A timer for each statement, as the driver would set it, costs a tenth of what a short read costs altogether. One look
every EVERY_S is exact enough for deadlines of seconds.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, TypeAlias

EVERY_S = 0.02

Task: TypeAlias = "asyncio.Task[Any]"


class Deadlines:
    """The tasks that wait for something, each for one thing at a time, and until when."""

    __slots__ = ("_late", "_timer", "_until")

    def __init__(self) -> None:
        self._until: dict[Task, float] = {}
        self._late: set[Task] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, deadline: float) -> Task:
        """The current task is cancelled once `time.monotonic()` is past `deadline`, unless it has ended by then."""
        task = asyncio.current_task()
        assert task is not None, "what has a deadline runs in a task"
        self._until[task] = deadline
        if self._timer is None:
            self._timer = task.get_loop().call_later(EVERY_S, self._look)
        return task

    def end(self, task: Task) -> bool:
        """The task waits no more; whether it was cancelled here, and then it is not cancelled for anybody else."""
        self._until.pop(task, None)
        if not self._late or task not in self._late:
            return False
        self._late.remove(task)
        task.uncancel()
        return True

    def _look(self) -> None:
        now = time.monotonic()
        for task, until in list(self._until.items()):
            if now >= until and task not in self._late:
                self._late.add(task)
                task.cancel()
        # While nothing is under way there is no timer; the next that waits sets one.
        self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._look) if self._until else None
