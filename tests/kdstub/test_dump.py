"""The stub writes a minidump of a driver host that dies, when the debugger has let it go."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Stub
from .debuggee import PATH, Debuggee
from .host import CONTINUE2, DEBUG_IO, Host, request
from .records import bugcheck_record, exception_record, module_record

ACCESS_VIOLATION = 0xC0000005
NOT_HANDLED = struct.pack("<IIQQQ", 0x80010001, 0, 0x400, 1, 0)
EXCEPTION, COMMENT, MEMORY_LIST, INFO_LIST = 6, 10, 5, 16


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return tmp_path / "driver-host.dmp"


@pytest.fixture
def stub(kdstub_binary: Path, tmp_path: Path, dump: Path) -> Iterator[Stub]:
    stub = Stub(kdstub_binary, tmp_path / "kd.fifo", "--dump", str(dump))
    yield stub
    stub.close()


@pytest.fixture
def debuggee(debuggee_binary: Path, stub: Stub) -> Iterator[Debuggee]:
    debuggee = Debuggee(debuggee_binary)
    debuggee.announce(stub)
    yield debuggee
    debuggee.close()


def skip_to_stop(host: Host) -> None:
    while (packet := host.take()) and packet.type == DEBUG_IO:
        pass
    assert packet, "it does not stop"


def wait_for(path: Path) -> bytes:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, "no dump"
        time.sleep(0.02)
    return path.read_bytes()


def streams(data: bytes) -> dict[int, bytes]:
    signature, _, count, at = struct.unpack_from("<4sIII", data)
    assert signature == b"MDMP"
    entries = struct.iter_unpack("<III", data[at : at + 12 * count])
    return {kind: data[place : place + size] for kind, size, place in entries}


def test_a_bugcheck_leaves_a_dump_with_code_parameters_and_memory(stub: Stub, debuggee: Debuggee, dump: Path) -> None:
    stub.write(module_record(PATH, 0x1000, writer=debuggee.writer()))
    stub.host.expect_stop()
    stub.host.resume()
    stub.write(bugcheck_record(0xE2, (1, 2, 3, 4), b"example.sys", writer=debuggee.wait()))
    skip_to_stop(stub.host)
    assert not dump.exists(), "the debugger has not let it go"
    stub.host.resume()
    data = wait_for(dump)
    found = streams(data)
    assert b"*** Fatal System Error: 0x000000e2" in found[COMMENT]
    code, flags, _, _, count, _, *parameters = struct.unpack_from("<IIQQII15Q", found[EXCEPTION], 8)
    assert (code, flags, count) == (0xE0424347, 1, 5)
    assert parameters[:5] == [0xE2, 1, 2, 3, 4]
    (ranges,) = struct.unpack_from("<I", found[MEMORY_LIST])
    kept = {start: data[at : at + size] for start, size, at in struct.iter_unpack("<QII", found[MEMORY_LIST][4:])}
    assert len(kept) == ranges
    assert struct.unpack_from("<IIQ", found[INFO_LIST])[:2] == (16, 48)
    assert not dump.with_name(f"{dump.name}.new").exists()


def test_an_exception_that_is_not_handled_is_in_the_dump(stub: Stub, debuggee: Debuggee, dump: Path) -> None:
    stub.write(exception_record(ACCESS_VIOLATION, 0x1234, (1, 0), writer=debuggee.wait()))
    stub.host.expect_stop()
    stub.host.submit(request(CONTINUE2, NOT_HANDLED))
    skip_to_stop(stub.host)
    stub.host.resume()
    code, _, _, address, count, _, *parameters = struct.unpack_from("<IIQQII15Q", streams(wait_for(dump))[EXCEPTION], 8)
    assert (code, address, count, parameters[:2]) == (ACCESS_VIOLATION, 0x1234, 2, [1, 0])


def test_an_exception_that_the_debugger_handled_leaves_none(stub: Stub, debuggee: Debuggee, dump: Path) -> None:
    stub.write(exception_record(ACCESS_VIOLATION, 0x1234, (1, 0), writer=debuggee.wait()))
    stub.host.expect_stop()
    stub.host.resume()
    assert debuggee.line() == "let go 4"
    assert not dump.exists()


def test_a_dump_that_cannot_be_written_keeps_nobody(kdstub_binary: Path, debuggee_binary: Path, tmp_path: Path) -> None:
    stub = Stub(kdstub_binary, tmp_path / "kd.fifo", "--dump", "/nowhere/driver-host.dmp")
    debuggee = Debuggee(debuggee_binary)
    debuggee.announce(stub)
    stub.write(bugcheck_record(0xE2, (1, 2, 3, 4), writer=debuggee.wait()))
    skip_to_stop(stub.host)
    stub.host.resume()
    assert debuggee.line() == "let go 3"
    debuggee.wait_untraced()
    debuggee.close()
    assert "cannot write the dump /nowhere/driver-host.dmp: No such file or directory" in stub.close()
