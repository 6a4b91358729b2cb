"""Structures of the real driver's PDB, and values of them in memory."""

from __future__ import annotations

import struct

import pytest

from lab.symbols.arguments import arguments_of
from lab.symbols.errors import NoSymbolError, UnreadableError
from lab.symbols.pdb import Pdb
from lab.symbols.show import describe, show
from lab.symbols.symbols import Symbols
from lab.symbols.type_records import TypeRecords
from lab.symbols.type_table import TypeTable
from lab.symbols.types import Array, Pointer, Structure
from lab.symbols.value import Value

from .memory import Memory
from .request import DATA, FILE, IRP, RESOURCE, request_to_write


@pytest.fixture
def world(memory: Memory) -> Memory:
    """A request to write to a name `\\HELLO` whose buffer holds "hello": what a dispatch routine sees."""
    memory.pieces |= request_to_write()
    return memory


def value(symbols: Symbols, memory: Memory, name: str, address: int) -> Value:
    return Value(symbols.type(name), address, memory.read, symbols.type)


def test_fields_have_offsets_types_and_sizes(pdb: Pdb) -> None:
    ring = pdb.types.structure("EXAMPLE_RING")
    assert ring
    assert ring.size == 32
    assert [(each.name, each.offset, each.type.name, each.type.size) for each in ring.fields] == [
        ("Data", 0, "unsigned char*", 8),
        ("Size", 8, "unsigned long", 4),
        ("Head", 12, "unsigned long", 4),
        ("Held", 16, "unsigned long", 4),
        ("Mode", 20, "unsigned long", 4),
        ("Dropped", 24, "unsigned __int64", 8),
    ]


@pytest.mark.parametrize("name", ["_FILE_OBJECT", "FILE_OBJECT", "file_object", "struct _FILE_OBJECT"])
def test_a_structure_is_found_however_people_call_it(pdb: Pdb, name: str) -> None:
    found = pdb.types.structure(name)
    assert found
    assert {each.name: each.offset for each in found.fields}.items() >= {"FsContext": 0x18, "FileName": 0x58}.items()


def test_announced_types_are_followed_to_their_definition(pdb: Pdb) -> None:
    device = pdb.types.structure("EXAMPLE_DEVICE")
    assert device
    inner = device.field("Resources")
    assert inner
    assert isinstance(inner.type, Structure)
    assert inner.type.field("Head")
    file = pdb.types.structure("FILE_OBJECT")
    assert file
    related = file.field("RelatedFileObject")
    assert related
    assert isinstance(related.type, Pointer)
    assert related.type.target == file


def test_arrays_know_their_elements(pdb: Pdb) -> None:
    resource = pdb.types.structure("EXAMPLE_RESOURCE")
    assert resource
    label = resource.field("Label")
    assert label
    assert isinstance(label.type, Array)
    assert (label.type.count, label.type.element.name, label.type.size) == (68, "char", 68)


def test_dt_of_the_resource_context_shows_its_name_and_buffer(symbols: Symbols, world: Memory) -> None:
    lines = list(show(value(symbols, world, "EXAMPLE_RESOURCE", RESOURCE)))
    assert lines[0] == f"_EXAMPLE_RESOURCE at {RESOURCE:#x}, 208 bytes"
    text = "\n".join(lines)
    assert '+0x018 Name       : _UNICODE_STRING "\\HELLO"' in text
    assert '+0x028 Label      : char[68] "\\HELLO"' in text
    ring = f'{{Data {DATA:#x} "hello"..., Size 0x1000, Head 0, Held 5, Mode 0, Dropped 3}}'
    assert f"+0x0a8 Ring       : _EXAMPLE_RING {ring}" in text
    inner = "\n".join(show(value(symbols, world, "EXAMPLE_RESOURCE", RESOURCE), depth=1))
    assert "      +0x010 Held    : 5" in inner
    assert "|hello..........." in inner


def test_dt_of_the_file_object_shows_name_and_context(symbols: Symbols, world: Memory) -> None:
    text = "\n".join(show(value(symbols, world, "_FILE_OBJECT", FILE)))
    assert 'FileName             : _UNICODE_STRING "\\HELLO"' in text
    assert f"FsContext            : {RESOURCE:#x}" in text
    assert "DeviceObject         : NULL" in text
    assert "CurrentByteOffset    : _LARGE_INTEGER 0x1000" in text


def test_dt_without_an_address_shows_the_layout(pdb: Pdb) -> None:
    ring = pdb.types.structure("EXAMPLE_RING")
    assert ring
    assert list(describe(ring))[1] == "  +0x000 Data    : unsigned char*"


def test_a_walk_from_the_request_to_the_buffer(symbols: Symbols, world: Memory) -> None:
    registers = {"rcx": 1, "rdx": IRP, "r8": 0, "r9": 0, "rsp": 0}
    parameters = symbols.parameters(symbols.address_of("Example_Write"))
    arguments = arguments_of(parameters, registers, world.read, symbols.type)
    assert arguments.names == ("DeviceObject", "Irp")
    irp = arguments.Irp
    assert int(irp) == int(arguments[1]) == IRP
    file = irp.follow("Tail.Overlay.CurrentStackLocation->FileObject")
    assert file.FileName.text == "\\HELLO"
    resource = file.FsContext.cast("EXAMPLE_RESOURCE")
    assert resource.References.number == 2
    assert repr(resource.References) == f"<unsigned long 2 at {RESOURCE + 0x10:#x}>"
    assert repr(irp).startswith(f"<_IRP* {IRP:#x} -> _IRP {{Type 6, Size 0xd0")
    ring = resource.Ring
    assert (ring.Held.number, ring.Size.number, ring.Dropped.number) == (5, 4096, 3)
    assert bytes(ring.Data.element(i).number for i in range(5)) == b"hello"
    assert irp.Tail.Overlay.CurrentStackLocation.Parameters.Write.Length.number == 6


def test_more_than_four_arguments_come_from_the_stack(symbols: Symbols, memory: Memory) -> None:
    parameters = symbols.parameters(symbols.address_of("Example_Write")) * 3
    memory.put(0x5000, "<QQQQQQQ", 0xBAC, 1, 2, 3, 4, 0x55, 0x66)
    registers = {"rcx": 0x11, "rdx": 0x22, "r8": 0x33, "r9": 0x44, "rsp": 0x5000}
    arguments = arguments_of(parameters, registers, memory.read, symbols.type)
    assert [int(each) for each in arguments] == [0x11, 0x22, 0x33, 0x44, 0x55, 0x66]


def test_a_wrong_member_says_which_there_are(symbols: Symbols, world: Memory) -> None:
    with pytest.raises(NoSymbolError, match="a _EXAMPLE_RING has no 'Heald'") as caught:
        value(symbols, world, "EXAMPLE_RING", RESOURCE).follow("Heald")
    assert "Held" in caught.value.advice
    with pytest.raises(NoSymbolError, match="no type 'EXAMPLE_RNG'") as other:
        symbols.type("EXAMPLE_RNG")
    assert "EXAMPLE_RING" in other.value.advice


def test_memory_that_is_not_there_is_said(symbols: Symbols, memory: Memory) -> None:
    nowhere = value(symbols, memory, "EXAMPLE_RESOURCE", 0x1000)
    assert "<unreadable>" in "\n".join(show(nowhere))
    with pytest.raises(UnreadableError, match="memory at 0x1010 cannot be read"):
        nowhere.References.number  # noqa: B018


def record(kind: int, payload: bytes) -> bytes:
    payload += b"\xf1" * (-len(payload) % 4)
    return struct.pack("<HH", len(payload) + 2, kind) + payload


def table(*records: bytes) -> TypeTable:
    body = b"".join(records)
    return TypeTable(TypeRecords(struct.pack("<5I36x", 20040203, 56, 0x1000, 0x1000 + len(records), len(body)) + body))


def test_types_that_contain_themselves_end() -> None:
    modifier = record(0x1001, struct.pack("<IH", 0x1000, 1))
    array = record(0x1503, struct.pack("<IIH", 0x1001, 0x23, 8) + b"\0")
    pointer = record(0x1002, struct.pack("<II", 0x1002, 8 << 13))
    fields = record(0x1203, struct.pack("<HHI", 0x1404, 0, 0x1003))
    circle = table(modifier, array, pointer, fields)
    for index in range(0x1000, 0x1004):
        assert circle.type(index).size in (0, 8)
        assert circle.fields(index) == ()


def test_bit_fields_and_enumerations_are_read() -> None:
    bits = record(0x1205, struct.pack("<IBB", 0x75, 3, 5))
    values = record(0x1203, struct.pack("<HHH", 0x1502, 3, 7) + b"Seven\0")
    kind = record(0x1507, struct.pack("<HHII", 1, 0, 0x74, 0x1001) + b"KIND\0")
    both = table(bits, values, kind)
    memory = Memory({0x1000: struct.pack("<II", 0b101 << 5 | 1, 7)})
    assert Value(both.type(0x1000), 0x1000, memory.read, both.type).number == 5  # type: ignore[arg-type]
    seven = Value(both.type(0x1002), 0x1004, memory.read, both.type)  # type: ignore[arg-type]
    assert list(show(seven)) == ["KIND Seven (7)"]
