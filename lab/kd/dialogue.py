"""Steps that are being gone through with a target: each reply brings the next request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from lab.kd.manipulate import Manipulate
from lab.kd.request_queue import Request, RequestQueue
from lab.kd.steps import Steps, T


class Dialogue(Generic[T]):
    """At most one at a time: to begin another one ends the one before, whose result nobody gets."""

    def __init__(self, queue: RequestQueue) -> None:
        self._queue = queue
        self._steps: Steps[T] | None = None
        self._request: Request | None = None
        self._finished: Callable[[T], None] | None = None

    def begin(self, steps: Steps[T], finished: Callable[[T], None], now: float) -> None:
        """Go through `steps`; their result goes to `finished`."""
        self.end(now)
        self._steps = steps
        self._finished = finished
        self._advance(None)

    def end(self, now: float) -> None:
        """It is void."""
        request, self._request = self._request, None
        self._steps = None
        if request is not None:
            self._queue.cancel(request, now)

    def _advance(self, reply: Manipulate | None) -> None:
        steps, finished = self._steps, self._finished
        if steps is None or finished is None:
            return
        try:
            message = next(steps) if self._request is None else steps.send(reply)
        except StopIteration as last:
            self._steps = None
            self._request = None
            finished(last.value)
            return
        self._request = Request(message, self._advance)
        self._queue.put(self._request)
