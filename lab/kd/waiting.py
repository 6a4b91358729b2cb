"""Futures of callers who may have given up."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future
from typing import Any, TypeVar

_T = TypeVar("_T")


def settle(future: Future[Any], *, result: object = None, error: BaseException | None = None) -> None:
    """Complete a future, unless whoever waited for it gave up."""
    with contextlib.suppress(Exception):
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


def completes(future: Future[_T], result: _T) -> Future[None]:
    """A future whose completion completes `future` with `result`, and whose failure fails it."""
    first: Future[None] = Future()
    first.add_done_callback(lambda done: settle(future, result=result, error=done.exception()))
    return first
