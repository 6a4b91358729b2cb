"""A scene on disk: everything comes back; what is no scene is told."""

from __future__ import annotations

import gzip
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.crash.kept_memory import LINE, KeptMemory
from lab.crash.kept_scene import load_scene, save_scene
from lab.crash.scene import ExceptionRecord, Scene, SceneModule, SceneThread
from lab.errors import UsageError
from lab.kd.bugcheck import Bugcheck
from lab.symbols.image import PdbIdentity

START = 0x10000


def backing(address: int, count: int) -> bytes:
    """Four lines of memory, the last one cut short."""
    whole = bytes(range(256)) * 7
    return whole[max(address - START, 0) : max(address - START, 0) + count] if address >= START else b""


def test_what_was_read_stays_when_the_target_runs_again() -> None:
    memory = KeptMemory(backing, time.monotonic() + 60)
    assert memory.read(START + 10, 20) == backing(START + 10, 20)
    assert memory.keep(START + LINE, 2 * LINE) == 2 * LINE
    memory.close()
    assert memory.read(START + 10, 3 * LINE - 10) == backing(START + 10, 3 * LINE - 10)
    assert memory.read(START + 3 * LINE, 10) == b""
    assert memory.regions() == [(START, backing(START, 3 * LINE))]


def test_holes_and_ends_are_read_as_far_as_they_are_there() -> None:
    memory = KeptMemory(backing, time.monotonic() + 60)
    assert memory.read(START + 1700, 1000) == backing(START + 1700, 1000)
    assert memory.read(0x4000, 8) == b""
    assert memory.keep(START, 1 << 30) == 7 * 256


def test_when_the_time_is_over_nothing_more_is_read_and_that_is_known() -> None:
    memory = KeptMemory(backing, time.monotonic() - 1)
    assert memory.read(START, 8) == b""
    assert memory.was_cut


def test_a_scene_comes_back_whole(tmp_path: Path) -> None:
    memory = KeptMemory.of([(START, backing(START, 700)), (0x90000, b"far away")])
    scene = Scene(
        source="a test",
        machine="AMD64",
        memory=memory,
        time=datetime(2026, 1, 2, tzinfo=UTC),
        system="NT build 1",
        bugcheck=Bugcheck(0x1E, (1, 2, 3, 1 << 63)),
        exception=ExceptionRecord(0xC0000005, 0, 0x1234, (1, 0)),
        modules=(SceneModule("a.sys", r"C:\a.sys", 0x1000, 0x2000, 5, 6, PdbIdentity(uuid.UUID(int=7), 1, "a.pdb")),),
        threads=(SceneThread("processor 0", {"rip": 1}, True, "mutex"),),
        notes=("something is missing",),
        facts={"more": "words"},
    )
    save_scene(scene, memory, tmp_path / "scene.json.gz")
    again = load_scene(tmp_path / "scene.json.gz")
    assert again.memory.read(START, 700) == backing(START, 700)
    assert again.memory.read(0x90000, 100) == b"far away"
    for name in (
        "source",
        "machine",
        "time",
        "system",
        "bugcheck",
        "exception",
        "modules",
        "threads",
        "notes",
        "facts",
    ):
        assert getattr(again, name) == getattr(scene, name)


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"v": 99}', b'{"v": 1}'])
def test_what_is_no_scene_is_told(tmp_path: Path, text: bytes) -> None:
    for content in (gzip.compress(text), text, b""):
        path = tmp_path / "scene.json.gz"
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"scene\.json\.gz"):
            load_scene(path)
