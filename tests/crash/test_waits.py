"""What a thread waits for, told from memory as Wine and as NT lay it out."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import cast

from lab.crash.waits import waits_for
from lab.symbols.memory import ReadMemory
from lab.symbols.unwind import Frame, How

STACK, OBJECT, OWNER, LIST = 0x20000, 0x30000, 0xFFFF8001, 0x40000


def memory(pieces: dict[int, bytes]) -> ReadMemory:
    def read(address: int, count: int) -> bytes:
        for start, data in pieces.items():
            if start <= address < start + len(data):
                return data[address - start : address - start + count]
        return b""

    return read


def frame(function: str, stack: int, **registers: int) -> Frame:
    place = SimpleNamespace(function=SimpleNamespace(name=function))
    return cast("Frame", SimpleNamespace(place=place, stack=stack, registers=registers, how=How.UNWOUND))


def header(kind: int, state: int = 0, first: int = 1, last: int = 0x24, size: int = 0) -> bytes:
    """A DISPATCHER_HEADER."""
    return struct.pack("<4BiQQ", kind, 0, size, 0, state, first, last)


FRAMES = [
    frame("ZwWaitForMultipleObjects", STACK - 0x200),
    frame("KeWaitForMultipleObjects", STACK - 0x100),
    frame("KeWaitForSingleObject", STACK - 0x40),
    frame("Driver_Lock", STACK, rbx=0x1234567),
]


def test_a_mutex_of_wine_is_found_where_the_caller_keeps_the_argument() -> None:
    read = memory({STACK: struct.pack("<Q", OBJECT), OBJECT: header(2) + bytes(32)})
    assert waits_for(FRAMES, read) == f"mutex {OBJECT:#x}, held; it does not say by whom"


def test_a_mutex_of_nt_names_its_owner() -> None:
    mutant = header(2, first=LIST, last=LIST, size=14) + struct.pack("<QQQQ", LIST, LIST, OWNER, 0)
    frames = [*FRAMES[:3], frame("Driver_Lock", STACK, rdi=OBJECT)]
    read = memory({STACK: bytes(64), OBJECT: mutant, LIST: bytes(16)})
    held = f"mutex {OBJECT:#x}, held by thread {OWNER:#x}"
    assert waits_for(frames, read) == held
    assert waits_for(frames, read, {OWNER + 8: 0, OWNER: 1}) == f"{held}, which runs on processor 1"


def test_an_event_is_found_among_the_callers_variables() -> None:
    read = memory({STACK: struct.pack("<4Q", 7, 0x999, 3, OBJECT), OBJECT: header(0)})
    assert waits_for(FRAMES, read) == f"event {OBJECT:#x}, which is not signaled"


def test_what_is_no_waiting_object_is_passed_over() -> None:
    for nothing in (header(2, state=1), header(77), header(2, first=0x50000, last=0x50000), b"", b"\x02"):
        assert waits_for(FRAMES, memory({STACK: struct.pack("<Q", OBJECT), OBJECT: nothing + bytes(32)})) == ""


def test_a_thread_in_no_wait_routine_waits_for_nothing() -> None:
    read = memory({STACK: struct.pack("<Q", OBJECT), OBJECT: header(2) + bytes(32)})
    assert waits_for([frame("Driver_Spin", STACK - 8), frame("Driver_Write", STACK)], read) == ""
    assert waits_for([], read) == ""
