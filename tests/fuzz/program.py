"""Bytes read as a small program: a fuzzer's input drives a whole session."""

from __future__ import annotations

from kd.checked import CheckedSession

from lab.kd.link import LinkState
from lab.kd.manipulate import Api, Manipulate
from lab.kd.packets import INITIAL_ID, SYNC_BIT, PacketType
from lab.kd.policy import Policy, Reaction

TIMES = (0.0, 0.02, 0.12, 0.35, 1.05, 1.6, 2.1, 4.0)
IDS = (INITIAL_ID, INITIAL_ID | 1, INITIAL_ID | SYNC_BIT, INITIAL_ID | SYNC_BIT | 1)
CONTROL = (PacketType.ACKNOWLEDGE, PacketType.RESEND, PacketType.RESET)
REQUESTS = (Manipulate(Api.GET_VERSION), Manipulate(Api.GET_CONTEXT), Manipulate(Api.READ_VIRTUAL, bytes(8) + b"\x40"))
MAX_STEPS = 400


class Reader:
    """Takes the input apart; at its end everything is zero."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def more(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        return int.from_bytes(self.bytes(1), "little")

    def bytes(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        self._at += count
        return piece


def run_program(data: bytes) -> CheckedSession:
    """Do what the bytes say. Raises AssertionError when the session breaks a rule."""
    reader = Reader(data)
    options = reader.byte()
    reaction = Reaction.HOLD if options & 1 else Reaction.CONTINUE
    checked = CheckedSession(Policy(breakpoint=reaction, exception=reaction))
    snapshots: list[LinkState] = []
    steps = 0
    while reader.more and steps < MAX_STEPS:
        steps += 1
        _step(reader.byte(), reader, checked, snapshots)
    checked.settle()
    checked.fail()
    return checked


def _step(code: int, reader: Reader, checked: CheckedSession, snapshots: list[LinkState]) -> None:
    choice = code >> 4
    match code & 15:
        case 0 | 1:
            checked.noise(reader.bytes(reader.byte() + 1))
        case 2 | 3 | 4 | 5:
            kind = (2, 3, 7, 9, 10, 11, 3, 7)[choice & 7]
            packet_id = IDS[reader.byte() & 3]
            checked.packet(kind, packet_id, reader.bytes(reader.byte() + 256 * (choice >> 3)))
        case 6:
            checked.control(CONTROL[choice % 3], IDS[reader.byte() & 3])
        case 7 | 8:
            checked.acknowledge()
        case 9 | 10:
            checked.wait(TIMES[choice & 7])
        case 11:
            checked.break_in(hold=bool(choice & 1))
        case 12:
            checked.resume()
        case 13:
            checked.request(REQUESTS[choice % 3])
        case 14 if choice & 1 or not snapshots:
            snapshots.append(checked.snapshot())
        case 14:
            checked.restore(snapshots.pop())
        case 15:
            checked.settle()
