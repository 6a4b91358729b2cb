"""Prints as a target's bytes: for a socket, and as a recording."""

from __future__ import annotations

import multiprocessing
import socket
import threading

from lab.kd.debug_io import PrintString
from lab.kd.packets import INITIAL_ID, SYNC_BIT, PacketType, encode_data


def texts(count: int) -> list[str]:
    return [f"burst {number:08} of a driver that prints in a loop\n" for number in range(count)]


def recording(count: int) -> bytes:
    """So many PrintString packets, the first with the SYNC bit."""
    packets = []
    for number, text in enumerate(texts(count)):
        packet_id = INITIAL_ID | number & 1 | (0 if number else SYNC_BIT)
        packets.append(encode_data(PacketType.DEBUG_IO, packet_id, PrintString(6, 0, text.encode()).encode()))
    return b"".join(packets)


def pour(data: bytes) -> socket.socket:
    """A socket into which another process puts the bytes as fast as they are taken; answers are thrown away."""
    ours, theirs = socket.socketpair()
    process = multiprocessing.get_context("fork").Process(target=_pour, args=(theirs, ours, data), daemon=True)
    process.start()
    theirs.close()
    return ours


def _pour(line: socket.socket, other: socket.socket, data: bytes) -> None:
    other.close()
    threading.Thread(target=_drain, args=(line,), daemon=True).start()
    line.sendall(data)
    line.shutdown(socket.SHUT_WR)
    _drain(line)


def _drain(line: socket.socket) -> None:
    try:
        while line.recv(1 << 16):
            pass
    except OSError:
        return
