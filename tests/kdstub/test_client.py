"""The stub and the lab's own client with each other."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.kd.client import KdClient
from lab.kd.events import PrintEvent
from lab.kd.log import KdLog, LogEntry, read_log
from lab.kd.transport import SocketTransport

from .conftest import Stub
from .records import bugcheck_record, exception_record, module_record, print_record


@contextmanager
def attached(line: socket.socket, directory: Path) -> Iterator[KdClient]:
    log = KdLog(directory)
    client = KdClient(SocketTransport(line), log)
    client.start()
    try:
        yield client
    finally:
        client.close()
        log.close()


def entries(directory: Path, *kinds: str) -> list[LogEntry]:
    return [entry for entry in read_log(directory / "kd.jsonl") if entry.kind in kinds]


def text(directory: Path) -> str:
    return "".join(entry.text for entry in entries(directory, "print"))


def test_everything_printed_before_a_sync_is_in_the_log(stub: Stub, tmp_path: Path) -> None:
    with attached(stub.line, tmp_path / "log") as client:
        for round_ in range(20):
            stub.write(*(print_record(b"%d.%d\n" % (round_, i)) for i in range(20)))
            client.sync()
            assert text(tmp_path / "log").endswith(f"{round_}.19\n")
    assert text(tmp_path / "log") == "".join(f"{r}.{i}\n" for r in range(20) for i in range(20))


def test_burst_of_10000_prints(stub: Stub, tmp_path: Path) -> None:
    lines = [b"burst %05d\n" % i for i in range(10_000)]
    with attached(stub.line, tmp_path / "log") as client:
        writer = threading.Thread(target=lambda: stub.write(*map(print_record, lines)))
        writer.start()
        writer.join(60)
        client.sync(60)
    assert text(tmp_path / "log").encode() == b"".join(lines)


def test_modules_are_logged_and_continued(stub: Stub, tmp_path: Path) -> None:
    with attached(stub.line, tmp_path / "log") as client:
        stub.write(module_record(rb"\??\C:\lab\drivers\example.sys", 0x10000, 0x8000, 0x77), print_record(b"in it"))
        stub.write(module_record(rb"\??\C:\lab\drivers\example.sys", 0x10000, unload=True))
        client.sync()
    load, unload = entries(tmp_path / "log", "module")
    assert load.extras["name"].endswith("example.sys")
    assert (load.extras["base"], load.extras["size"], load.extras["checksum"]) == (0x10000, 0x8000, 0x77)
    assert (load.extras["unload"], unload.extras["unload"]) == (False, True)
    assert text(tmp_path / "log") == "in it"


def test_break_in_version_and_resume(stub: Stub, tmp_path: Path) -> None:
    with attached(stub.line, tmp_path / "log") as client:
        client.break_in()
        version = client.version()
        assert version.machine_number == 0x8664
        client.resume()
        stub.write(print_record(b"on"))
        client.sync()
    assert text(tmp_path / "log") == "on"


def test_bugcheck(stub: Stub, tmp_path: Path) -> None:
    with attached(stub.line, tmp_path / "log") as client, client.subscribe() as events:
        stub.write(bugcheck_record(0xE2, (1, 2, 3, 4), b"example-fault.sys"), print_record(b"new host\n"))
        events.wait_for(lambda event: isinstance(event, PrintEvent) and event.text == "new host\n", 10)
    (bugcheck,) = entries(tmp_path / "log", "bugcheck")
    assert (bugcheck.extras["code"], bugcheck.extras["parameters"]) == (0xE2, [1, 2, 3, 4])
    assert bugcheck.extras["driver"] == "example-fault.sys"
    assert text(tmp_path / "log").endswith("new host\n")


def test_unhandled_exception(stub: Stub, tmp_path: Path) -> None:
    with attached(stub.line, tmp_path / "log") as client, client.subscribe() as events:
        stub.write(exception_record(0xC0000005, 0x7F0000001234, (1, 0), b"example-fault.sys"))
        stub.write(print_record(b"new host\n"))
        events.wait_for(lambda event: isinstance(event, PrintEvent) and event.text == "new host\n", 10)
    assert 0xC0000005 in [entry.extras["code"] for entry in entries(tmp_path / "log", "stop")]
    (bugcheck,) = entries(tmp_path / "log", "bugcheck")
    assert bugcheck.extras["code"] == 0x1E


def test_client_that_comes_late_and_one_that_comes_after_it(hasty_stub: Stub, tmp_path: Path) -> None:
    """Each on the same line, as on a socket of QEMU's; the stub had given up before the first."""
    hasty_stub.write(print_record(b"nobody heard this"))
    while hasty_stub.host.raw(0.3):
        pass
    for name in ("first", "second"):
        line = hasty_stub.line.dup()
        with attached(line, tmp_path / name) as client:
            client.sync()
            hasty_stub.write(print_record(name.encode()))
            client.sync()
        assert text(tmp_path / name) == name


def test_stub_that_is_started_again(kdstub_binary: Path, tmp_path: Path) -> None:
    stub = Stub(kdstub_binary, tmp_path / "carrier")
    with attached(stub.line.dup(), tmp_path / "log") as client:
        stub.write(print_record(b"one "))
        client.sync()
        stub.restart()
        stub.write(print_record(b"two"))
        client.sync()
    stub.close()
    assert text(tmp_path / "log") == "one two"
