"""What is fuzzed: each function takes any bytes and raises only when something is wrong with the lab."""

from __future__ import annotations

import json
from collections.abc import Callable

from kd.checked import MAX_HELD

from fuzz.program import run_program
from lab.kd import debug_io, file_io, manipulate, state_change
from lab.kd.bugcheck import BugcheckFinder
from lab.kd.context import decode_context
from lab.kd.errors import MalformedMessageError
from lab.kd.link import LinkState
from lab.kd.packets import ControlPacket, DataPacket, Item, Noise, Parser, encode_control, encode_data
from lab.kd.plain import visible
from lab.kd.raw_text import RawText
from lab.kd.state_change import Machine
from lab.kd.version import decode_version


def parser(data: bytes) -> None:
    """However the bytes are cut, the same packets come out, no byte is lost, and little is held."""
    whole = Parser()
    items = whole.feed(data)
    pieces = Parser()
    again: list[Item] = []
    size = data[0] % 40 + 1 if data else 1
    for start in range(0, len(data), size):
        again += pieces.feed(data[start : start + size])
        assert len(pieces.pending) <= MAX_HELD
    _assert_same_bytes(_bytes_of(items) + whole.pending, data)
    _assert_same_bytes(_bytes_of(again) + pieces.pending, data)
    assert _packets(items) == _packets(again)
    for _ in range(len(data) + 1):
        if not whole.pending:
            break
        before = len(whole.pending)
        whole.give_up()
        assert len(whole.pending) < before
    assert not whole.pending


def messages(data: bytes) -> None:
    """A payload is understood or refused, nothing else; what is ours to send comes out as it went in."""
    for decode in (debug_io.decode, manipulate.decode, state_change.decode, file_io.decode):
        try:
            message = decode(data)
        except MalformedMessageError:
            continue
        if isinstance(message, manipulate.Manipulate):
            assert message.encode() == data
            decode_version(message)
        elif isinstance(message, debug_io.GetString):
            assert len(message.answer(data)) <= debug_io.HEADER_SIZE + debug_io.MAX_ANSWER
        elif isinstance(message, file_io.FileRequest):
            assert len(message.refuse()) == file_io.HEADER_SIZE
        elif isinstance(message, state_change.StateChange):
            for machine in Machine:
                assert len(state_change.control_report(message, machine).code) <= 16
    state_change.decode_any(data)
    context = decode_context(data)
    if context:
        assert context.with_program_counter(5).program_counter == 5
    _text(data)


def session(data: bytes) -> None:
    """Bytes, time and commands in any order break no rule of the protocol."""
    run_program(data)


TARGETS: dict[str, Callable[[bytes], None]] = {"parser": parser, "messages": messages, "session": session}


def _text(data: bytes) -> None:
    text = data.decode("latin-1")
    assert not any(ord(each) < 32 and each not in "\n\t" for each in visible(text))
    finder = BugcheckFinder()
    for start in range(0, len(text), 64):
        finder.feed(text[start : start + 64])
        assert len(finder.tail) <= 1024
    raw = RawText()
    lines = [line for start in range(0, len(data), 50) for line in raw.feed(data[start : start + 50], 0.0)]
    assert "".join([*lines, *raw.flush()]) == text
    try:
        state = LinkState.from_json(json.loads(data))
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError):
        return  # the file is the lab's own: a damaged one is refused by whatever reads it first
    except Exception as error:
        assert type(error).__name__ == "UsageError"  # noqa: PT017
        return
    assert LinkState.from_json(state.to_json()) == state


def _assert_same_bytes(ours: bytes, data: bytes) -> None:
    """But for the checksum of a control packet, which means nothing."""
    assert len(ours) == len(data)
    wrong = {at for at, (one, other) in enumerate(zip(ours, data, strict=True)) if one != other}
    for at in wrong:
        assert any(ours[start : start + 4] == b"iiii" for start in range(max(at - 15, 0), at - 11)), "a byte changed"


def _packets(items: list[Item]) -> list[Item]:
    return [item for item in items if not isinstance(item, Noise)]


def _bytes_of(items: list[Item]) -> bytes:
    parts = []
    for item in items:
        if isinstance(item, DataPacket):
            parts.append(encode_data(item.type, item.packet_id, item.payload))
        elif isinstance(item, ControlPacket):
            parts.append(encode_control(item.type, item.packet_id))
        else:
            parts.append(item.data)
    return b"".join(parts)
