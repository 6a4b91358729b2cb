"""A terminal device as the serial line, and what is said when there is none."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from pathlib import Path

from .host import ACK, BREAK_IN, GET_VERSION, SYNC, Packet, Parser, control, data, printed, request
from .records import print_record


def next_packet(master: int, parser: Parser) -> Packet:
    while (packet := parser.next()) is None:
        parser.buffer += os.read(master, 4096)
    return packet


def test_a_terminal_is_made_raw(kdstub_binary: Path, tmp_path: Path) -> None:
    """No byte has a meaning of its own: not in a print, not in a request, and nothing is echoed."""
    master, slave = pty.openpty()
    os.mkfifo(tmp_path / "carrier")
    carrier = os.open(tmp_path / "carrier", os.O_RDWR)
    stub = subprocess.Popen([kdstub_binary, os.ttyname(slave), tmp_path / "carrier"])
    os.close(slave)
    time.sleep(0.2)
    parser = Parser()
    try:
        every_byte = bytes(range(256))
        os.write(carrier, print_record(every_byte))
        packet = next_packet(master, parser)
        assert printed(packet) == every_byte
        os.write(master, control(ACK, packet.id & ~SYNC))
        os.write(master, BREAK_IN)
        packet = next_packet(master, parser)
        os.write(master, control(ACK, packet.id))
        os.write(master, data(2, 0x80800000, request(GET_VERSION, every_byte[:40])))
        assert next_packet(master, parser) == Packet(ACK, 0x80800000)
        assert next_packet(master, parser).payload[:4] == b"\x46\x31\0\0"
    finally:
        stub.terminate()
        stub.wait(5)
        os.close(master)
        os.close(carrier)


def test_the_stub_ends_with_its_line(kdstub_binary: Path, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    os.mkfifo(tmp_path / "carrier")
    stub = subprocess.Popen([kdstub_binary, os.ttyname(slave), tmp_path / "carrier"], stderr=subprocess.PIPE, text=True)
    time.sleep(0.2)
    os.close(slave)
    os.close(master)
    assert "line is gone" in stub.communicate(timeout=5)[1]
    assert stub.returncode == 0


def test_missing_devices_are_named(kdstub_binary: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (["/dev/no-such-tty", str(tmp_path)], "cannot open the serial line /dev/no-such-tty: No such file"),
        (["fd:99", str(tmp_path)], "cannot open the serial line fd:99: Bad file descriptor"),
        (["/dev/null", str(tmp_path / "fifo")], "cannot open the carrier"),
    ):
        result = subprocess.run([kdstub_binary, *arguments], capture_output=True, text=True, check=False)
        assert result.returncode == 1
        assert said in result.stderr


def test_usage(kdstub_binary: Path) -> None:
    for arguments in ([], ["one"], ["a", "b", "c"], ["--tries", "0", "a", "b"], ["--what", "1", "a", "b"]):
        result = subprocess.run([kdstub_binary, *arguments], capture_output=True, text=True, check=False)
        assert result.returncode == 2
        assert result.stderr.startswith("usage: kdstub")
