from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from lab.kd import file_io
from lab.kd.events import FileRequestEvent, KdEvent, NoteEvent, describe
from lab.kd.file_server import MAX_OPEN, FileServer
from lab.kd.packets import MAX_PAYLOAD, PacketType

from .target import Target, print_message
from .wire import Wire

CONTENT = bytes(range(251)) * 40
GUEST = r"\SystemRoot\System32\drivers\x.sys"


class Served:
    """A server with one file, asked as a target does."""

    def __init__(self, path: Path) -> None:
        self.events: list[KdEvent] = []
        self.server = FileServer(self.events.append)
        self.server.serve({r"C:\Windows\System32\drivers\x.sys": path})

    def ask(self, payload: bytes) -> tuple[int, bytes]:
        """Status and whole answer."""
        answer = self.server.answer(file_io.decode(payload))
        assert answer[:4] == payload[:4]
        assert len(answer) <= MAX_PAYLOAD
        return int.from_bytes(answer[4:8], "little"), answer

    def open(self, name: str = GUEST) -> int:
        status, answer = self.ask(create(name))
        assert status == 0
        return int.from_bytes(answer[32:40], "little")

    def read(self, handle: int, offset: int, length: int) -> tuple[int, bytes]:
        status, answer = self.ask(read(handle, offset, length))
        assert status or struct.unpack_from("<I", answer, 24)[0] == len(answer) - 64
        return status, answer[64:]


@pytest.fixture
def served(tmp_path: Path) -> Served:
    path = tmp_path / "x.sys"
    path.write_bytes(CONTENT)
    return Served(path)


def create(name: str) -> bytes:
    head = struct.pack("<II5I", file_io.CREATE, 0xABCD, 0x80100000, 0x80, 1, 1, 0)
    return head.ljust(64, b"\x77") + (name + "\0").encode("utf-16-le")


def read(handle: int, offset: int, length: int) -> bytes:
    return struct.pack("<IIQQI", file_io.READ, 0, handle, offset, length).ljust(64, b"\0")


def close(handle: int) -> bytes:
    return struct.pack("<IIQ", file_io.CLOSE, 0, handle).ljust(64, b"\0")


def test_a_driver_is_read_in_pieces_and_closed(served: Served) -> None:
    status, answer = served.ask(create(GUEST))
    handle, length = struct.unpack_from("<QQ", answer, 32)
    assert (status, length) == (0, len(CONTENT))
    data = b""
    while len(data) < length:
        status, piece = served.read(handle, len(data), 65536)
        assert (status, len(piece)) == (0, min(file_io.MAX_DATA, length - len(data)))
        data += piece
    assert data == CONTENT
    assert served.read(handle, length, 10)[0] == file_io.STATUS_END_OF_FILE
    assert served.read(handle, 2**64 - 1, 10)[0] == file_io.STATUS_END_OF_FILE
    assert served.read(handle, length - 3, 10) == (0, CONTENT[-3:])
    assert served.ask(close(handle))[0] == 0
    assert served.ask(close(handle))[0] == file_io.STATUS_INVALID_HANDLE
    assert served.read(handle, 0, 1)[0] == file_io.STATUS_INVALID_HANDLE
    first, last = served.events
    assert isinstance(first, FileRequestEvent)
    assert describe(first)[3]["bytes"] == len(CONTENT)
    assert isinstance(last, NoteEvent)
    assert last.text.startswith(f"served driver {GUEST} from host file ")
    assert last.text.endswith(f", {len(CONTENT) + 3} bytes")


def test_what_is_not_in_the_map_is_not_served(served: Served) -> None:
    assert served.ask(create(r"\SystemRoot\System32\drivers\other.sys"))[0] == file_io.STATUS_NO_SUCH_FILE
    assert served.ask(create(""))[0] == file_io.STATUS_NO_SUCH_FILE
    assert served.read(1, 0, 10)[0] == file_io.STATUS_INVALID_HANDLE
    assert served.ask(struct.pack("<I", 0x3499).ljust(64, b"\0"))[0] == file_io.STATUS_INVALID_HANDLE
    assert [describe(event)[2] for event in served.events[:1]] == [
        "file request: '\\\\SystemRoot\\\\System32\\\\drivers\\\\other.sys' (not served)"
    ]


def test_a_files_name_alone_stands_for_it_in_every_directory(served: Served, tmp_path: Path) -> None:
    served.server.serve({"X.sys": tmp_path / "x.sys"})
    for name in (GUEST, r"\??\D:\anywhere\x.SYS", "x.sys"):
        served.open(name)
    assert served.ask(create(r"\lab\ax.sys"))[0] == file_io.STATUS_NO_SUCH_FILE


def test_a_host_file_is_never_written(served: Served, tmp_path: Path) -> None:
    handle = served.open()
    write = struct.pack("<IIQQI", file_io.WRITE, 0, handle, 0, 4).ljust(64, b"\0") + b"evil"
    assert served.ask(write)[0] == file_io.STATUS_ACCESS_DENIED
    assert (tmp_path / "x.sys").read_bytes() == CONTENT


def test_a_host_file_that_vanished_is_not_served(served: Served, tmp_path: Path) -> None:
    (tmp_path / "x.sys").unlink()
    assert served.ask(create(GUEST))[0] == file_io.STATUS_NO_SUCH_FILE
    assert "No such file" in describe(served.events[0])[2]
    os.mkfifo(tmp_path / "x.sys")
    assert served.ask(create(GUEST))[0] == file_io.STATUS_NO_SUCH_FILE
    assert "not a regular file" in describe(served.events[1])[2]


def test_a_host_file_that_is_replaced_meanwhile_is_read_as_it_was(served: Served, tmp_path: Path) -> None:
    handle = served.open()
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "new").replace(tmp_path / "x.sys")
    assert served.read(handle, 0, 5) == (0, CONTENT[:5])


def test_a_target_cannot_open_files_without_end(served: Served) -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    handles = [served.open() for _ in range(MAX_OPEN)]
    assert served.ask(create(GUEST))[0] == file_io.STATUS_TOO_MANY_OPENED_FILES
    assert len(set(handles)) == MAX_OPEN
    served.server.close()
    assert len(list(descriptors.iterdir())) == before
    assert served.read(handles[0], 0, 1)[0] == file_io.STATUS_INVALID_HANDLE


def test_a_target_gets_its_driver_over_the_link(tmp_path: Path) -> None:
    (tmp_path / "x.sys").write_bytes(CONTENT)
    requests = [create(GUEST), read(1, 0, 100), read(1, 100, 100), close(1)]
    wire = Wire(Target([*[(PacketType.FILE_IO, each) for each in requests], print_message(b"on\n")]))
    wire.session.files.serve({"x.sys": tmp_path / "x.sys"})
    assert wire.run(5.0, lambda: wire.target.idle)
    assert [answer[64:] for answer in wire.target.answers[1:3]] == [CONTENT[:100], CONTENT[100:200]]
    assert wire.printed == b"on\n"
