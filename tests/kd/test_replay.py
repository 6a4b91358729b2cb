from __future__ import annotations

from pathlib import Path

import pytest

from lab.kd.client import KdClient, KdState
from lab.kd.log import KdLog, LogEntry, read_log
from lab.kd.packets import INITIAL_ID, SYNC_BIT, encode_control, encode_data
from lab.kd.replay import ReplayTransport

from .recordings import RECORDINGS, needs_recordings
from .target import breakpoint_message, load_message, print_message


def replay(recording: Path, directory: Path, chunk: int = 1 << 16) -> tuple[ReplayTransport, list[LogEntry], KdClient]:
    transport = ReplayTransport(recording, chunk=chunk)
    log = KdLog(directory)
    client = KdClient(transport, log)
    with client.subscribe() as subscription:
        client.start()
        subscription.wait_for(lambda event: type(event).__name__ == "LinkLostEvent", 20.0)
    client.close()
    log.close()
    return transport, list(read_log(log.path)), client


def printed(entries: list[LogEntry]) -> bytes:
    return "".join(entry.text for entry in entries if entry.kind == "print").encode("latin-1")


@needs_recordings
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda each: each.stem)
@pytest.mark.parametrize("chunk", [1, 13, 1 << 16])
def test_a_real_target_gives_its_text_its_modules_and_no_stop_is_left(
    recording: Path, chunk: int, tmp_path: Path
) -> None:
    transport, entries, client = replay(recording, tmp_path, chunk)
    assert printed(entries) == recording.with_suffix(".txt").read_bytes()
    assert transport.finished
    assert transport.stops == transport.continued == 33
    assert client.state is KdState.LOST
    modules = [entry.extras["name"] for entry in entries if entry.kind == "module"]
    assert modules[0].endswith("ntoskrnl.exe")
    assert modules[1].endswith("hal.dll")
    assert len(modules) == (33 if "amd64" in recording.stem else 32)
    assert [entry.kind for entry in entries if entry.kind not in ("print", "module", "stop", "note")] == ["resync"]


@needs_recordings
def test_a_32_bit_stop_is_understood(tmp_path: Path) -> None:
    _, entries, _ = replay(RECORDINGS[1], tmp_path)
    (stop,) = [entry for entry in entries if entry.kind == "stop"]
    assert (stop.extras["code"], stop.extras["pc"]) == (0x80000003, 0xFFFFFFFF8059CECE)


@pytest.mark.parametrize("chunk", [1, 1 << 16])
def test_a_recording_with_text_retransmissions_and_stops(chunk: int, tmp_path: Path) -> None:
    first, second = INITIAL_ID, INITIAL_ID | 1
    once = encode_data(*reorder(print_message(b"once\n"), second))
    recording = tmp_path / "recording.bin"
    recording.write_bytes(
        b"boot loader\n"
        + encode_data(*reorder(print_message(b"boot\n"), first | SYNC_BIT))
        + once * 3
        + encode_data(*reorder(load_message(b"x.sys"), first))
        + encode_control(4, first)
        + encode_data(*reorder(breakpoint_message(0xFFFFF80000001234), second))
        + encode_data(*reorder(print_message(b"\x00\xff\x1b[31m"), first))
    )
    transport, entries, _ = replay(recording, tmp_path / "log", chunk)
    assert printed(entries) == b"boot\nonce\n\x00\xff\x1b[31m"
    assert [entry.kind for entry in entries] == ["raw", "resync", "print", "print", "module", "stop", "print", "note"]
    assert transport.finished


def reorder(message: tuple[int, bytes], packet_id: int) -> tuple[int, int, bytes]:
    return message[0], packet_id, message[1]
