"""Events of a kernel debugger link, for whoever wants to see them as they come."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from types import TracebackType

from lab.errors import GuestLostError, HungError
from lab.kd.events import KdEvent, LinkLostEvent

Predicate = Callable[[KdEvent], bool]


class Subscription:
    """Every event from its making on, in order. A slow reader delays nobody: events wait in memory. Close it."""

    def __init__(self, cancel: Callable[[Subscription], None]) -> None:
        self._queue: queue.SimpleQueue[KdEvent] = queue.SimpleQueue()
        self._cancel = cancel

    def put(self, event: KdEvent) -> None:
        """Called by the client."""
        self._queue.put(event)

    @property
    def empty(self) -> bool:
        """Nothing waits at the moment."""
        return self._queue.empty()

    def get(self, timeout: float) -> KdEvent:
        """The next event. Raises HungError after `timeout` seconds without one."""
        try:
            return self._queue.get(timeout=max(timeout, 0))
        except queue.Empty:
            raise HungError(f"nothing came over the kernel debugger link in {timeout:g} s") from None

    def wait_for(self, predicate: Predicate, timeout: float) -> KdEvent:
        """The next event that fits; the others are dropped.

        Raises HungError after `timeout` seconds, GuestLostError as soon as the link is gone.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                event = self.get(deadline - time.monotonic())
            except HungError:
                raise HungError(f"what was awaited from the kernel debugger did not come in {timeout:g} s") from None
            if predicate(event):
                return event
            if isinstance(event, LinkLostEvent):
                self._queue.put(event)
                raise GuestLostError(event.text, "see the end of the kd log")

    def close(self) -> None:
        """No more events."""
        self._cancel(self)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
