"""Working with a target: what `lab.kd.target` makes of the protocol, on both architectures."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from lab.errors import HungError, InfrastructureError, UsageError
from lab.kd.client import KdClient
from lab.kd.manipulate import Api
from lab.kd.memory import PageState
from lab.kd.modules import MAX_MODULES, Module
from lab.kd.policy import Policy
from lab.kd.state_change import Machine
from lab.kd.target import Target

from . import target as fake
from .kernel import BREAKPOINT, SINGLE_STEP, Kernel
from .live import LiveTarget


class Setup:
    """A target that runs a kernel, and somebody who debugs it."""

    def __init__(self, machine: Machine) -> None:
        self.kernel = Kernel(machine)
        far = fake.Target([fake.print_message(b"boot\n")])
        far.kernel = self.kernel
        self.live = LiveTarget(far)
        self.client = KdClient(self.live.transport)
        self.client.start()
        self.target = Target(self.client)

    def asked(self, api: int) -> int:
        return sum(message.api == api for message in self.kernel.asked)


@pytest.fixture(params=list(Machine), ids=lambda each: each.name)
def setup(request: pytest.FixtureRequest) -> Iterator[Setup]:
    setup = Setup(request.param)
    yield setup
    setup.client.close()
    setup.live.close()


def name(setup: Setup, amd64: str, i386: str) -> str:
    return amd64 if setup.kernel.machine is Machine.AMD64 else i386


def test_the_first_stop_clears_what_others_left_and_tells_the_machine(setup: Setup) -> None:
    setup.kernel.breakpoints = {3: setup.kernel.code + 0x300, 32: setup.kernel.code + 0x400}
    assert setup.target.running
    setup.target.break_in()
    assert setup.kernel.breakpoints == {}
    assert setup.target.machine is setup.kernel.machine
    assert setup.target.version().build == 9600
    assert setup.asked(Api.RESTORE_BREAKPOINT) == 32
    setup.target.break_in()
    assert setup.asked(Api.RESTORE_BREAKPOINT) == 32


def test_a_breakpoint_stops_every_time(setup: Setup) -> None:
    at = setup.kernel.code + 0x20
    setup.target.break_in()
    point = setup.target.set_breakpoint(at & (2**32 - 1) if setup.kernel.machine is Machine.I386 else at)
    assert (point.address, point.handle) == (at, 1)
    for _ in range(3):
        setup.target.go()
        stop = setup.target.wait_stop(5.0)
        assert (stop.program_counter, stop.code, stop.reason) == (at, BREAKPOINT, "breakpoint")
        assert setup.kernel.breakpoints == {}  # the target has forgotten it
        setup.target.set_registers(**{name(setup, "rip", "eip"): setup.kernel.code})
    setup.target.clear_breakpoint(point)
    setup.target.go()
    with pytest.raises(HungError):
        setup.target.wait_stop(0.2)
    assert setup.target.breakpoints == []


def test_going_on_from_a_breakpoint_steps_over_it_and_sets_it_again(setup: Setup) -> None:
    near, far = setup.kernel.code + 0x20, setup.kernel.code + 0x24
    setup.target.break_in()
    for address in (near, far):
        setup.target.set_breakpoint(address)
    setup.target.go()
    assert setup.target.wait_stop(5.0).program_counter == near
    setup.target.go()
    stop = setup.target.wait_stop(5.0)
    assert stop.program_counter == far  # it lay in the code that the first stop reported
    setup.target.go()
    setup.live.wait_until(lambda: setup.kernel.counter == setup.kernel.end)
    assert sorted(setup.kernel.breakpoints.values()) == [near, far]


def test_a_breakpoint_on_the_next_instruction_is_not_run_over(setup: Setup) -> None:
    setup.target.break_in()
    for address in (setup.kernel.code + 4, setup.kernel.code + 5):
        setup.target.set_breakpoint(address)
    setup.target.go()
    setup.target.wait_stop(5.0)
    setup.target.go()
    assert setup.target.wait_stop(5.0).program_counter == setup.kernel.code + 5


def test_a_breakpoint_where_it_stands_is_hit_the_next_time(setup: Setup) -> None:
    setup.target.break_in()
    here = setup.kernel.counter
    assert setup.target.set_breakpoint(here).handle is None
    setup.target.go()
    setup.live.wait_until(lambda: setup.kernel.counter == setup.kernel.end)
    assert list(setup.kernel.breakpoints.values()) == [here]


def test_a_step_executes_one_instruction_and_keeps_the_debug_register(setup: Setup) -> None:
    setup.target.break_in()
    setup.target.set_breakpoint(setup.kernel.code)
    for number in range(1, 4):
        stop = setup.target.step()
        assert (stop.program_counter, stop.code) == (setup.kernel.code + number, SINGLE_STEP)
    step = setup.live.target.restarts[-1]
    form = "<IIQQQ" if setup.kernel.machine is Machine.AMD64 else "<IIIII"
    assert step.api == Api.CONTINUE2
    assert struct.unpack_from(form, step.union) == (0x00010002, 1, 0x555, 1, 0)


def test_a_breakpoint_in_the_code_is_stepped_over(setup: Setup) -> None:
    at = setup.kernel.code + 0x10
    setup.kernel.map(at, b"\xcc")
    setup.target.break_in()
    setup.target.go()
    assert setup.target.wait_stop(5.0).program_counter == at
    assert setup.target.step().program_counter == at + 2
    setup.target.set_registers(**{name(setup, "rip", "eip"): setup.kernel.code})
    setup.target.go()
    setup.target.wait_stop(5.0)
    setup.target.go()
    setup.live.wait_until(lambda: setup.kernel.counter == setup.kernel.end)


def test_registers_are_read_and_changed_by_name(setup: Setup) -> None:
    setup.target.break_in()
    first = name(setup, "rax", "eax")
    assert setup.target.registers()[first] == 0
    setup.target.set_registers(**{first: 0x1_2345_6789, "eflags": 0x246})
    registers = setup.target.registers()
    assert registers[first] == (0x1_2345_6789 if setup.kernel.machine is Machine.AMD64 else 0x2345_6789)
    assert registers["eflags"] == 0x246
    other = setup.target.registers(processor=1)
    assert other.program_counter == setup.kernel.code + 0x100
    with pytest.raises(UsageError, match="no register 'xyz'"):
        setup.target.set_registers(xyz=1)
    with pytest.raises(InfrastructureError, match="processor 7"):
        setup.target.registers(processor=7)


def test_another_processor_is_looked_at(setup: Setup) -> None:
    setup.target.break_in()
    stop = setup.target.switch_processor(1)
    assert stop.processor == 1
    setup.target.set_registers(eflags=0x202)
    assert setup.kernel.asked[-1].processor == 1
    with pytest.raises(UsageError, match="no processor 2"):
        setup.target.switch_processor(2)


def test_memory_is_read_as_far_as_it_is_there(setup: Setup) -> None:
    setup.target.break_in()
    at = setup.kernel.data + 0x1000
    setup.kernel.map(at, bytes(range(256)) * 16)
    assert setup.target.read(at + 10, 3000) == (bytes(range(256)) * 16)[10:3010]
    assert setup.target.read(at + 0xF80, 0x1000) == bytes(range(128, 256))
    assert setup.target.read(0x10, 4) == b""
    assert setup.target.read_exactly(at, 4) == b"\0\1\2\3"
    with pytest.raises(UsageError, match=f"{at + 0x1000:#x} cannot be read"):
        setup.target.read_exactly(at, 0x2000)


def test_memory_is_written_as_far_as_it_is_there(setup: Setup) -> None:
    setup.target.break_in()
    setup.target.write(setup.kernel.data + 0x7FE, b"across")
    assert setup.kernel.peek(setup.kernel.data + 0x7FE, 6) == b"across"
    with pytest.raises(UsageError, match="cannot be written"):
        setup.target.write(setup.kernel.data + 0xFFE, b"across")
    assert setup.kernel.peek(setup.kernel.data + 0xFFE, 2) == b"ac"
    setup.target.write_physical(0x2FF0, b"physical")
    assert setup.target.read_physical(0x2FF0, 100) == b"physical" + bytes(8)
    setup.target.fill(setup.kernel.data, 10, b"abc")  # the target has no Fill
    assert setup.kernel.peek(setup.kernel.data, 11) == b"abcabcabca\0"


def test_memory_is_searched_even_if_the_target_cannot(setup: Setup) -> None:
    setup.target.break_in()
    setup.target.write(setup.kernel.data + 0x7FE, b"needle")
    assert setup.target.search(setup.kernel.data, 0x1000, b"needle") == setup.kernel.data + 0x7FE
    assert setup.target.search(setup.kernel.data, 0x3000, b"absent") is None
    with pytest.raises(UsageError, match="cannot search"):
        setup.target.search(setup.kernel.data, 1 << 40, b"x")
    with pytest.raises(UsageError, match="pattern"):
        setup.target.search(setup.kernel.data, 10, b"")


def test_pages_control_space_and_msrs(setup: Setup) -> None:
    setup.target.break_in()
    assert setup.target.query(setup.kernel.data) == PageState("kernel", True, True, False)
    assert setup.target.query(0x10) is None
    assert setup.target.control_space(2, 0x10) == bytes(range(0x10))
    assert setup.target.read_msr(0xC0000082) == 0x22 << 32 | 0x11
    with pytest.raises(InfrastructureError, match="control space 9"):
        setup.target.control_space(9, 8)


def module_entry(kernel: Kernel, at: int, following: int, base: int, path: str) -> None:
    """An entry of the module list, with its name behind it."""
    wide = kernel.machine is Machine.AMD64
    form, offsets = ("<Q", (0x30, 0x40, 0x48, 0x78)) if wide else ("<I", (0x18, 0x20, 0x24, 0x40))
    mask = 2**64 - 1 if wide else 2**32 - 1
    raw = bytearray(0x80)
    struct.pack_into(form, raw, 0, following & mask)
    struct.pack_into(form, raw, offsets[0], base & mask)
    struct.pack_into("<I", raw, offsets[1], 0x9000)
    name = path.encode("utf-16-le")
    struct.pack_into("<HH", raw, offsets[2], len(name), len(name))
    struct.pack_into(form, raw, offsets[2] + struct.calcsize(form), (at + 0x80) & mask)
    struct.pack_into("<I", raw, offsets[3], 0x4444)
    kernel.map(at, bytes(raw) + name)


def test_the_module_list_is_walked(setup: Setup) -> None:
    kernel = setup.kernel
    head, first, second = kernel.data, kernel.data + 0x200, kernel.data + 0x400
    pointer = "<Q" if kernel.machine is Machine.AMD64 else "<I"
    kernel.map(head, struct.pack(pointer, first & (2 ** (8 * struct.calcsize(pointer)) - 1)))
    image = kernel.data + 0x10000
    module_entry(kernel, first, second, image, "\\SystemRoot\\system32\\ntoskrnl.exe")
    module_entry(kernel, second, head, kernel.code, "\\SystemRoot\\x.sys")
    header = bytearray(0x200)
    header[:2] = b"MZ"
    struct.pack_into("<I", header, 0x3C, 0x80)
    struct.pack_into("<4sHHI", header, 0x80, b"PE\0\0", 0x8664, 1, 0x5555)
    struct.pack_into("<I", header, 0x80 + 0x58, 0x6666)
    kernel.map(image, bytes(header))
    setup.target.break_in()
    assert setup.target.modules() == [
        Module("ntoskrnl.exe", "\\SystemRoot\\system32\\ntoskrnl.exe", image, 0x9000, 0x6666, 0x5555),
        Module("x.sys", "\\SystemRoot\\x.sys", kernel.code, 0x9000, 0x4444, 0),
    ]


@pytest.mark.parametrize("damage", ["cycle", "wild", "null"])
def test_a_damaged_module_list_ends(setup: Setup, damage: str) -> None:
    kernel = setup.kernel
    first = kernel.data + 0x200
    pointer = "<Q" if kernel.machine is Machine.AMD64 else "<I"
    kernel.map(kernel.data, struct.pack(pointer, first & (2 ** (8 * struct.calcsize(pointer)) - 1)))
    following = {"cycle": first, "wild": 0x123456, "null": 0}[damage]
    module_entry(kernel, first, following, kernel.code, "x.sys")
    setup.target.break_in()
    assert [each.name for each in setup.target.modules()] == ["x.sys"]
    assert MAX_MODULES <= 1024


def bugcheck_data(kernel: Kernel, code: int) -> None:
    """A debugger data block whose KiBugcheckData says `code`."""
    wide = kernel.machine is Machine.AMD64
    block, data = kernel.data + 0x800, kernel.data + 0xC00
    kernel.map(kernel.data + 0x100, struct.pack("<Q", block))
    raw = bytearray(0x340)
    struct.pack_into("<4sI", raw, 0x10, b"KDBG", 0x340)
    struct.pack_into("<QQ", raw, 0x18, kernel.code, kernel.code)
    struct.pack_into("<Q", raw, 0x88, data)
    kernel.map(block, bytes(raw))
    kernel.map(data, struct.pack("<5Q" if wide else "<5I", code, 1, 2, 3, 4))


def test_the_bugcheck_of_a_dying_kernel_is_in_its_memory(setup: Setup) -> None:
    setup.target.break_in()
    assert setup.target.bugcheck() is None  # no debugger data at all
    bugcheck_data(setup.kernel, 0)
    assert setup.target.bugcheck() is None
    bugcheck_data(setup.kernel, 0xD1)
    bugcheck = setup.target.bugcheck()
    assert bugcheck is not None
    assert (bugcheck.code, bugcheck.parameters, bugcheck.source) == (0xD1, (1, 2, 3, 4), "memory")


def test_the_boot_debugger_has_no_modules_and_no_bugcheck(setup: Setup) -> None:
    setup.kernel.version = struct.pack(
        "<HHBBHHBBBB2xQQQ", 0x40F, 10586, 6, 2, 5, setup.kernel.machine.value, 12, 3, 49, 0, setup.kernel.code, 0, 0
    )
    setup.target.break_in()
    assert setup.target.version().is_boot_debugger
    assert setup.target.modules() == []
    assert setup.target.bugcheck() is None


def test_reboot_and_crash_let_it_go(setup: Setup) -> None:
    setup.target.break_in()
    setup.target.crash()
    assert setup.target.running
    assert setup.live.target.restarts[-1].api == Api.CAUSE_BUGCHECK
    setup.target.break_in()
    setup.target.reboot()
    assert setup.live.target.restarts[-1].api == Api.REBOOT


def test_nothing_of_all_that_works_on_a_running_target(setup: Setup) -> None:
    for attempt in (
        setup.target.go,
        setup.target.step,
        setup.target.registers,
        setup.target.version,
        setup.target.modules,
        setup.target.bugcheck,
        setup.target.reboot,
        lambda: setup.target.set_breakpoint(0x1000),
        lambda: setup.target.read(0x1000, 4),
    ):
        with pytest.raises(UsageError, match="running"):
            attempt()


def test_leaving_clears_the_breakpoints_and_gives_the_policy_back(setup: Setup) -> None:
    with setup.target:
        setup.target.break_in()
        setup.target.set_breakpoint(setup.kernel.end - 1)
        setup.target.set_registers(**{name(setup, "rip", "eip"): setup.kernel.end})
        setup.target.go()
    assert setup.kernel.breakpoints == {}
    assert not setup.client.held
    assert setup.client.policy == Policy()


def test_the_other_architecture_is_told_from_the_version_even_in_low_code(setup: Setup) -> None:
    setup.kernel.counter = 0x401000
    setup.kernel.end = 0
    setup.target.break_in()
    assert setup.target.registers().machine is setup.kernel.machine
