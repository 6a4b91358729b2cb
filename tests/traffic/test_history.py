from __future__ import annotations

import json

import pytest

from lab.traffic.data import Bytes, Data, Fill, Pointer, pattern
from lab.traffic.history import Account, Operation, account

PIPE = r"\\.\Example\PIPE"


def operation(
    op: str, *, argument: Data | None = None, moved: int | None = None, data: bytes | None = None, path: str = PIPE
) -> Operation:
    return Operation("1", "a", 1, op, "h", path, 0, 1, argument, 0, True, 0, moved, data)


def write(content: bytes, moved: int | None = None, path: str = PIPE) -> Operation:
    return operation("write", argument=Bytes(content), moved=len(content) if moved is None else moved, path=path)


def read(content: bytes, path: str = PIPE) -> Operation:
    return operation("read", moved=len(content), data=content, path=path)


@pytest.mark.parametrize(
    ("operations", "lost", "invented"),
    [
        ([], 0, 0),
        ([write(b"hello"), read(b"he"), read(b"llo")], 0, 0),
        ([write(b"hello", moved=2), read(b"he")], 0, 0),
        ([write(b"hello"), read(b"hel")], 2, 0),
        ([write(b"he"), read(b"he"), read(b"he")], 0, 2),
        ([write(b"ab"), read(b"ac")], 1, 1),
        ([write(b"ab"), read(b"ab", path=PIPE.lower())], 0, 0),
        ([write(b"ab"), read(b"ab", path=r"\\.\Example\OTHER")], 2, 0),
        ([operation("write", argument=Pointer("bad", 5), moved=0)], 0, 0),
        ([operation("write", argument=Fill(1000, 3), moved=700), read(pattern(700, 3))], 0, 0),
        ([operation("ioctl", argument=Bytes(b"xx"), moved=2, data=b"yy")], 0, 0),
    ],
)
def test_every_byte_is_accounted_for(operations: list[Operation], lost: int, invented: int) -> None:
    result = account(operations, PIPE)
    assert (result.lost, result.invented) == (lost, invented)
    assert result.is_balanced == (not lost and not invented)


def test_an_account_in_words() -> None:
    assert str(Account(5, 3, 2, 0)) == "5 bytes written, 3 read: 2 lost, 0 read that were not written"


def test_a_line_on_disk() -> None:
    line = json.loads(operation("write", argument=Fill(10, 3), moved=7).to_json())
    assert line["v"] == 3
    assert line["argument"] == "fill:10:3"
    assert line["path"] == PIPE
    assert line["data"] is None


def test_the_pattern_differs_by_seed_and_repeats_late() -> None:
    assert pattern(256, 1) != pattern(256, 2)
    assert pattern(600, 1)[256:512] != pattern(600, 1)[:256]
    assert pattern(5, 1, skip=300) == pattern(305, 1)[300:]
