"""Unwinding, held against what the real driver's instructions do to the stack."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import capstone
import pytest

from lab.symbols.finder import Finder
from lab.symbols.module import Module
from lab.symbols.symbols import Symbols
from lab.symbols.unwind import How, unwind
from lab.symbols.unwind_info import REGISTERS

from .memory import BASE, BUILD, Memory, bare_image

STACK = 0xFFFFAA0000100000
CALLER = 0xFFFFF80000401234
"""A return address in no module: the walk ends there."""
OTHERS = ["example-direct", "example-neither", "example-fault"]
DRIVERS = ["example-buffered", *(pytest.param(each, marks=pytest.mark.slow) for each in OTHERS)]


class Machine:
    """Follows what a function's instructions do to rsp and to saved registers, one straight line at a time."""

    def __init__(self) -> None:
        self.registers = {name: 0x1111000000000000 + i for i, name in enumerate(REGISTERS)}
        self.registers["rsp"] = STACK + 0x8000
        self.at_entry = dict(self.registers)
        self.stack = bytearray(0x10000)
        self.store(self.registers["rsp"], CALLER)

    def store(self, address: int, value: int) -> None:
        struct.pack_into("<Q", self.stack, address - STACK, value)

    def load(self, address: int) -> int:
        return int(struct.unpack_from("<Q", self.stack, address - STACK)[0])

    def execute(self, instruction: capstone.CsInsn) -> None:
        operands = instruction.op_str.split(", ")
        registers = self.registers
        match instruction.mnemonic, operands:
            case "push", [name]:
                registers["rsp"] -= 8
                self.store(registers["rsp"], registers[name])
            case "pop", [name]:
                registers[name] = self.load(registers["rsp"])
                registers["rsp"] += 8
            case "sub", ["rsp", amount]:
                registers["rsp"] -= int(amount, 16)
            case "add", ["rsp", amount]:
                registers["rsp"] += int(amount, 16)
            case "lea", ["rbp", place] if place.startswith("[rsp"):
                registers["rbp"] = registers["rsp"] + int(place.strip("[]").rpartition("+ ")[2] or "0", 16)
            case "mov", ["rbp", "rsp"]:
                registers["rbp"] = registers["rsp"]


def walk(code: bytes, start: int) -> Iterator[tuple[int, Machine]]:
    """Each instruction's address, and the machine before it. Behind a `ret` the body's stack is taken up again."""
    machine = Machine()
    body: dict[str, int] | None = None
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    for instruction in decoder.disasm(code, start):
        yield instruction.address, machine
        if instruction.mnemonic in ("ret", "jmp", "int3", "ud2") or instruction.mnemonic.startswith("j"):
            if instruction.mnemonic == "ret" and body is not None:
                machine.registers = dict(body)
            continue
        leaving = instruction.mnemonic == "add" and instruction.op_str.startswith("rsp")
        if leaving or (instruction.mnemonic == "pop" and body is None):
            body = dict(machine.registers)
        machine.execute(instruction)


@pytest.mark.parametrize("driver", DRIVERS)
def test_from_every_instruction_of_every_function_the_caller_is_found(driver: str) -> None:
    memory = Memory()
    image = memory.map_image(BUILD / f"{driver}.sys", BASE)
    module = Module(f"{driver}.sys", BASE, image.size, memory.read, Finder([BUILD]))
    symbols = Symbols([module])
    assert module.pdb
    functions = [each for each in module.pdb.functions if each.size]
    assert len(functions) > 20
    checked = 0
    for function in functions:
        code = memory.read(BASE + function.rva, function.size)
        for address, machine in walk(code, BASE + function.rva):
            memory.pieces[STACK] = bytes(machine.stack)
            frames = unwind({**machine.registers, "rip": address}, memory.read, symbols)
            where = f"{function.name}+{address - BASE - function.rva:#x}"
            assert [frame.address for frame in frames] == [address, CALLER], where
            assert frames[1].how is How.UNWOUND, where
            caller = frames[1].registers
            assert caller["rsp"] == machine.at_entry["rsp"] + 8, where
            for name in ("rbx", "rbp", "rsi", "rdi", "r12", "r13", "r14", "r15"):
                assert caller[name] == machine.at_entry[name], f"{where}: {name}"
            checked += 1
    assert checked > 800


def test_a_call_to_nowhere_is_traced_to_its_caller(memory: Memory, symbols: Symbols) -> None:
    back = symbols.address_of("Example_Write") + 0x40
    memory.put(STACK, "<Q4088x", back)
    frames = unwind({"rip": 0, "rsp": STACK}, memory.read, symbols)
    assert [frame.how for frame in frames[:2]] == [How.STOPPED, How.UNWOUND]
    assert frames[1].place.name == "example-buffered!Example_Write+0x3f"


def test_a_lost_walk_goes_on_at_what_follows_a_call_and_says_that_it_guessed(memory: Memory, symbols: Symbols) -> None:
    write = symbols.address_of("Example_Write")
    code = memory.read(write, 0x200)
    behind_call = write + code.index(b"\xe8") + 5
    memory.put(STACK, "<QQQQ4064x", 7, write, behind_call, 0)
    # Code of no known module, as of another processor mode: nothing tells its frame's size.
    memory.pieces[0x70000000] = bytes(64)
    frames = unwind({"rip": 0x70000010, "rsp": STACK}, memory.read, symbols)
    assert [frame.address for frame in frames[:2]] == [0x70000010, behind_call]
    assert frames[1].how is How.SCANNED
    assert frames[1].guessed


def test_frame_pointers_lead_through_a_32_bit_stack(symbols: Symbols) -> None:
    memory = Memory()
    memory.put(0x80001000, "<IIII", 0x80001008, 0x80401234, 0, 0x80405678)
    frames = unwind({"eip": 0x80400000, "esp": 0x80000FF0, "ebp": 0x80001000}, memory.read, symbols)
    assert [frame.address for frame in frames] == [0x80400000, 0x80401234, 0x80405678]
    assert [frame.guessed for frame in frames] == [False, True, True]


def test_a_stack_that_leads_back_to_itself_ends() -> None:
    memory = Memory()
    memory.put(0x80001000, "<II", 0x80001000, 0x80401234)
    frames = unwind({"eip": 0x80400000, "esp": 0x80000FF0, "ebp": 0x80001000}, memory.read, Symbols([]))
    assert len(frames) == 2


def unwind_image(info: bytes, second: bytes = b"") -> Memory:
    """An image whose one function, at +0x1000, has this unwind information at +0x2000 (and more at +0x2100)."""
    header = bare_image({3: (0x2800, 12)})
    header[0x2000 : 0x2000 + len(info)] = info
    header[0x2100 : 0x2100 + len(second)] = second
    struct.pack_into("<III", header, 0x2800, 0x1000, 0x1100, 0x2000)
    return Memory({BASE: bytes(header)})


def frames_of(memory: Memory, **registers: int) -> list[int]:
    module = Module("a.sys", BASE, 0x3000, memory.read, Finder([]))
    frames = unwind({"rip": BASE + 0x1080, "rsp": STACK, **registers}, memory.read, Symbols([module]))
    return [frame.address for frame in frames]


def test_an_interrupt_frame_leads_to_the_interrupted_code() -> None:
    memory = unwind_image(bytes([1, 0, 1, 0, 0, 0x1A, 0, 0]))
    memory.put(STACK, "<QQQQQQ", 0xE, CALLER, 0x10, 0x202, STACK + 0x500, 0x18)
    assert frames_of(memory) == [BASE + 0x1080, CALLER]


def test_chained_information_and_a_frame_pointer_are_followed() -> None:
    # The piece saves rbx at the frame's 0x20; its parent pushed rbp, took 0x40 and set rbp to rsp+0x30.
    piece = bytes([0x21, 4, 2, 0x35, 4, 0x34, 4, 0]) + struct.pack("<III", 0x1100, 0x1200, 0x2100)
    parent = bytes([1, 10, 3, 0x35, 10, 0x03, 5, 0x72, 1, 0x50, 0, 0])
    memory = unwind_image(piece, parent)
    memory.pieces[STACK] = struct.pack("<4Q4QQQ", 0, 0, 0, 0, 0xB0B, 0, 0, 0, 0xB9, CALLER) + bytes(64)
    module = Module("a.sys", BASE, 0x3000, memory.read, Finder([]))
    registers = {"rip": BASE + 0x1080, "rsp": STACK - 0x800, "rbp": STACK + 0x30}
    frames = unwind(registers, memory.read, Symbols([module]))
    assert [frame.address for frame in frames] == [BASE + 0x1080, CALLER]
    assert (frames[1].registers["rbx"], frames[1].registers["rbp"]) == (0xB0B, 0xB9)
    assert frames[1].stack == STACK + 0x50


@pytest.mark.parametrize(
    "info",
    [
        bytes([7, 0, 0, 0]),
        bytes([1, 0, 1, 0, 0, 0x0F, 0, 0]),
        bytes([1, 0, 255, 0]),
        bytes([1, 0, 1, 0, 0, 0x01, 0, 0]),
        bytes([0x21, 0, 0, 0]) + struct.pack("<III", 0x1000, 0x1100, 0x2000),
    ],
    ids=["version", "unknown code", "too long", "cut off", "chained to itself"],
)
def test_damaged_unwind_information_ends_the_walk(info: bytes) -> None:
    memory = unwind_image(info)
    memory.pieces[STACK] = bytes(0x2000)
    assert frames_of(memory)[0] == BASE + 0x1080
    assert len(frames_of(memory)) <= 2
