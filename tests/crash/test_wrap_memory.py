"""Memory of a real virtual machine, as QEMU writes it, made a Windows dump."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import kdmp_parser
import pytest
from kd.live import LiveTarget
from kd.target import Target as Far
from symbols.memory import BUILD

from lab.crash.dump_file import BadDumpError
from lab.crash.kernel_facts import KernelFacts, kernel_facts
from lab.crash.open_dump import open_dump
from lab.crash.scene_symbols import scene_symbols
from lab.crash.wrap_memory import wrap_memory
from lab.errors import InfrastructureError
from lab.kd.bugcheck import Bugcheck
from lab.kd.client import KdClient
from lab.symbols.unwind import unwind

from .crashed_machine import (
    BUGCHECK,
    DEBUGGER_DATA,
    DRIVER,
    LARGE,
    LISTS,
    MEMORY,
    PAGE,
    CrashedMachine,
)
from .debugged_machine import debugged
from .long_mode import LOAD_ADDRESS, long_mode

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("machine")
    machine = CrashedMachine()
    machine.enter(LOAD_ADDRESS, LOAD_ADDRESS | 0x63)
    with long_mode(machine, directory) as running:
        running.dump(directory / "core.elf")
    return directory / "core.elf"


@pytest.fixture(scope="module")
def facts(machine: CrashedMachine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelFacts]:
    """What the kernel debugger tells of the same kernel, stopped at the bug check."""
    kernel = debugged(machine, tmp_path_factory.mktemp("kernel"))
    far = Far([])
    far.kernel = kernel
    live = LiveTarget(far)
    client = KdClient(live.transport)
    client.start()
    try:
        yield kernel_facts(client, client.break_in(), Bugcheck(*BUGCHECK))
    finally:
        client.close()
        live.close()


def test_the_debugger_tells_what_a_dump_needs(facts: KernelFacts, machine: CrashedMachine) -> None:
    assert (facts.version, facts.debugger_data, facts.module_list) == ((15, 19041), DEBUGGER_DATA, LISTS)
    assert facts.bugcheck == Bugcheck(*BUGCHECK)
    assert facts.contexts[facts.crashed]["rip"] == machine.registers[0]["rip"]


def test_it_is_a_full_dump_of_what_the_kernel_takes_for_memory(core: Path, facts: KernelFacts, tmp_path: Path) -> None:
    wrapped = wrap_memory(core, facts, tmp_path / "memory.dmp")
    assert wrapped.notes == ()
    assert wrapped.pages == sum(count for _, count in MEMORY)
    scene = open_dump(wrapped.path)
    assert scene.facts["kind"] == "full memory dump"
    assert scene.bugcheck == Bugcheck(*BUGCHECK)
    assert [each.name for each in scene.modules] == ["ntoskrnl.exe", "example-fault.sys", "old.sys"]
    assert scene.faulting is not None
    frames = unwind(scene.faulting.registers, scene.memory.read, scene_symbols(scene, [BUILD]))
    assert [frame.place.name.split("+")[0] for frame in frames][:3] == [
        "example-fault!Fault_Commit",
        "example-fault!Control_Perform",
        "example-fault!Example_DeviceControl",
    ]


def test_every_processor_has_the_registers_that_the_machine_has(
    core: Path, facts: KernelFacts, machine: CrashedMachine, tmp_path: Path
) -> None:
    threads = open_dump(wrap_memory(core, facts, tmp_path / "memory.dmp").path).threads
    assert [(each.label, each.faulting) for each in threads] == [("processor 0", True), ("processor 1", False)]
    assert threads[0].registers["rip"] == machine.registers[0]["rip"]
    assert threads[1].registers["rip"] != machine.registers[1]["rip"], "not what the kernel had kept"
    own = open_dump(wrap_memory(core, KernelFacts((15, 1), DEBUGGER_DATA), tmp_path / "own.dmp").path).threads[0]
    assert own.registers["rbx"] == 0x1122334455667788


def test_another_reader_accepts_it(core: Path, facts: KernelFacts, tmp_path: Path) -> None:
    path = wrap_memory(core, facts, tmp_path / "memory.dmp").path
    other, scene = kdmp_parser.KernelDumpParser(str(path)), open_dump(path)
    assert (other.header.BugCheckCode, tuple(other.header.BugCheckCodeParameter)) == BUGCHECK
    assert len(other.pages) == sum(count for _, count in MEMORY)
    for address in (DRIVER + 5 * PAGE, LARGE + 3 * PAGE, DEBUGGER_DATA & ~0xFFF):
        assert bytes(other.read_virtual_page(address)) == scene.memory.read(address, PAGE) != b""


def test_without_the_kernels_word_devices_memory_is_left_out(core: Path, tmp_path: Path) -> None:
    wrapped = wrap_memory(core, KernelFacts((15, 0), 0), tmp_path / "memory.dmp")
    assert wrapped.pages * PAGE == (16 << 20) - 0x20000, "neither VGA's 16 MiB nor the firmware below 4 GiB"
    assert len(wrapped.notes) == 2
    assert open_dump(wrapped.path).memory.read(DRIVER, 2) == b"MZ", "the processor's own page tables are used"


def test_it_takes_no_room_for_zeros(core: Path, tmp_path: Path) -> None:
    path = wrap_memory(core, KernelFacts((15, 0), 0), tmp_path / "memory.dmp").path
    assert path.stat().st_size == 0x2000 + (16 << 20) - 0x20000
    assert path.stat().st_blocks * 512 < 8 << 20


def test_a_damaged_core_is_refused(core: Path, tmp_path: Path) -> None:
    (tmp_path / "core").write_bytes(core.read_bytes()[:100])
    with pytest.raises(BadDumpError, match="the program headers: "):
        wrap_memory(tmp_path / "core", KernelFacts((15, 0), 0), tmp_path / "memory.dmp")
    (tmp_path / "core").write_bytes(b"\x7fELF" + bytes(200))
    with pytest.raises(BadDumpError, match="not a 64-bit ELF core"):
        wrap_memory(tmp_path / "core", KernelFacts((15, 0), 0), tmp_path / "memory.dmp")
    assert not list(tmp_path.glob("memory*"))


def test_a_dump_that_cannot_be_written_leaves_nothing(core: Path, tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="cannot write"):
        wrap_memory(core, KernelFacts((15, 0), 0), tmp_path / "no" / "such" / "directory.dmp")
    assert not list(tmp_path.iterdir())
