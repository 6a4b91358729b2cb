"""Each single bit of each packet of a story wrong in turn: mended, or on the list of what cannot be.

The list is `test_unmendable.py`'s. Payloads are covered by their checksum: of them, some bits stand for all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .line import CONTROL_LEADER, DATA_LEADER, HEADER, flip
from .story import TEXT, lose, tell

TYPE, ID, SYNC = 4, (8, 0), (9, 3)
PACKETS = range(10)


def places(sample: int) -> list[tuple[int, int]]:
    header = [(at, bit) for at in range(HEADER) for bit in range(8)]
    return header + [(at, (at * 3) % 8) for at in range(HEADER, 280, sample)]


def tampered(at: int, bit: int, seen: list[bytes]) -> Callable[[bytes], bytes]:
    def tamper(packet: bytes) -> bytes:
        if at >= len(packet):
            return packet
        seen.append(packet)
        return flip(packet, at, bit)

    return tamper


def excused(packet: bytes, at: int, bit: int, *, up: bool, again: bool) -> bool:
    """Is this one of the bits with which the protocol cannot help?"""
    if packet[0] == CONTROL_LEADER:
        return False
    if packet[0] == DATA_LEADER and up:
        first = packet[9] & 8
        return (at, bit) == ID and bool(again or first)
    return at == TYPE


@pytest.mark.parametrize(
    "again", [pytest.param(False, id="sent-once"), pytest.param(True, id="sent-again", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("number", PACKETS)
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_wrong_bit_is_mended(stub_library: Path, way: str, number: int, again: bool) -> None:
    """`again`: the packet is the one that is sent again because its acknowledgement was lost."""
    for at, bit in places(29):
        seen: list[bytes] = []
        tamper = tampered(at, bit, seen)
        if not again:
            told = tell(stub_library, **{way: {number: tamper}})
        elif way == "up":
            told = tell(stub_library, up={number + 1: tamper}, down={number: lose})
        else:
            told = tell(stub_library, down={number: lose, number + 1: tamper})
        if seen and not excused(seen[0], at, bit, up=way == "up", again=again):
            assert told.texts == TEXT, f"byte {at} bit {bit} of {seen[0][:HEADER].hex()}"
            noise_set_sync = way == "up" and (at, bit) == SYNC and seen[0][0] == DATA_LEADER
            assert told.resyncs == 1 or noise_set_sync
