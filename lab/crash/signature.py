"""Recognises a crash next time: the same fault has the same signature in each run, at any address, in each build."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from lab.crash.bugchecks import Explanation
from lab.crash.call import Call, first_of_driver
from lab.crash.exceptions import exception_name
from lab.crash.scene import ExceptionRecord

MAX_CALLS = 3
HASH_LENGTH = 8


@dataclass(frozen=True)
class Signature:
    """What a crash is recognised by."""

    text: str
    """`BAD_POOL_CALLER/0x7 my-driver!My_Free < My_Close`."""

    @property
    def hash(self) -> str:
        """Short, for names and tables."""
        return hashlib.sha256(self.text.encode("utf-8", "replace")).hexdigest()[:HASH_LENGTH]

    def __str__(self) -> str:
        return f"{self.hash}  {self.text}"


def signature_of(
    explanation: Explanation | None, exception: ExceptionRecord | None, calls: Sequence[Call]
) -> Signature:
    """The signature of a crash, or of a hang, with this stack: functions alone, no offset, line or address.

    `calls` begin where the fault is. Counted are the innermost calls of a driver, also inlined ones, as far as
    they were found by unwind information; what the kernel did to tell of the crash is not.
    """
    return Signature(f"{_kind(explanation, exception)} {_place(calls)}".strip())


def _kind(explanation: Explanation | None, exception: ExceptionRecord | None) -> str:
    if explanation is not None:
        selector = f"/{explanation.selector:#x}" if explanation.selector is not None else ""
        return f"{explanation.name}{selector}"
    return exception_name(exception.code) if exception else "stopped"


def _place(calls: Sequence[Call]) -> str:
    at = first_of_driver(calls)
    if at is None:
        return calls[0].name if calls and calls[0].module else ""
    first = calls[at]
    names = [first.name]
    for call in calls[at + 1 :]:
        if len(names) == MAX_CALLS or call.module != first.module or call.guessed or call.is_system:
            break
        names.append(call.function or f"+{call.module_offset:#x}")
    return " < ".join(names)
