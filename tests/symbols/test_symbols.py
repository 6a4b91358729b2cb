"""Names and addresses of the real driver."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.symbols.errors import BadImageError, NoSymbolError
from lab.symbols.finder import Finder
from lab.symbols.image import Image
from lab.symbols.module import Module
from lab.symbols.pdb import Pdb
from lab.symbols.symbols import Symbols

from .memory import BASE, BUILD, Memory, bare_image


def test_names_lead_to_addresses_and_back(symbols: Symbols) -> None:
    write = symbols.address_of("example-buffered!Example_Write")
    assert symbols.address_of("Example_Write") == write
    assert symbols.address_of("example_buffered!example_write+0x12") == write + 0x12
    place = symbols.describe(write + 0x12)
    assert place.name == "example-buffered!Example_Write+0x12"
    assert place.source.startswith("driver/kernel/dispatch.c:")


def test_inlined_code_names_both_places(symbols: Symbols) -> None:
    write = symbols.address_of("Example_Write")
    chains = {tuple(line.function for line in symbols.describe(write + at).lines) for at in range(0x230)}
    assert ("Example_ResourceOf", "Example_Write") in chains
    assert ("Example_StringOf", "Example_PrintWrite", "Example_Write") in chains


def test_a_wrong_name_says_what_is_near(symbols: Symbols) -> None:
    with pytest.raises(NoSymbolError, match="no symbol 'Example_Wriet'") as caught:
        symbols.address_of("Example_Wriet")
    assert "Example_Write" in caught.value.advice
    with pytest.raises(UsageError, match="no module 'nothing' is loaded") as other:
        symbols.address_of("nothing!Example_Write")
    assert "example-buffered" in other.value.advice


def test_a_pattern_lists_names_in_order_of_address(symbols: Symbols) -> None:
    found = [function.name for _, function in symbols.matching("example-buffered!example_r*")]
    assert found == ["Example_Read"]
    rings = [function for _, function in symbols.matching("ring_*")]
    assert [each.rva for each in rings] == sorted(each.rva for each in rings)
    assert len(rings) >= 5


def test_parameters_have_names_and_types(pdb: Pdb) -> None:
    parameters = pdb.parameters("Ring_Write")
    assert [(each.name, each.type.name) for each in parameters] == [
        ("Ring", "_EXAMPLE_RING*"),
        ("Transfer", "_EXAMPLE_TRANSFER*"),
        ("Moved", "unsigned long*"),
    ]


def test_the_image_knows_its_pdb_and_another_builds_pdb_is_refused(
    driver_file: Path, pdb: Pdb, memory: Memory, tmp_path: Path
) -> None:
    identity = Image.from_file(driver_file).pdb
    assert identity
    assert pdb.belongs_to(identity)
    shutil.copy(BUILD / "example-direct.pdb", tmp_path / "example-buffered.pdb")
    module = Module("example-buffered.sys", BASE, len(memory.pieces[BASE]), memory.read, Finder([tmp_path]))
    assert module.pdb is None
    assert "belongs to another build" in module.complaints[0]
    # A wrong one in front does not hide the right one behind it.
    both = Module("example-buffered.sys", BASE, len(memory.pieces[BASE]), memory.read, Finder([tmp_path, BUILD]))
    assert both.pdb


def test_a_symbol_store_is_understood(driver_file: Path, tmp_path: Path) -> None:
    identity = Image.from_file(driver_file).pdb
    assert identity
    folder = tmp_path / identity.name / f"{identity.guid.hex.upper()}{identity.age:X}"
    folder.mkdir(parents=True)
    shutil.copy(driver_file.with_suffix(".pdb"), folder / identity.name)
    found, _ = Finder([tmp_path]).pdb(identity)
    assert found


def test_a_page_that_is_not_there_is_taken_from_the_file(memory: Memory) -> None:
    whole = memory.pieces.pop(BASE)
    memory.pieces[BASE] = whole[:0x1000]
    module = Module("example-buffered.sys", BASE, len(whole), memory.read, Finder([BUILD]))
    assert module.image
    assert module.image.functions
    assert module.pdb


def test_without_a_pdb_exports_give_names() -> None:
    image = bare_image({0: (0x2000, 0x200)})
    struct.pack_into("<20xIIIII", image, 0x2000, 3, 3, 0x2040, 0x2050, 0x2060)
    struct.pack_into("<III", image, 0x2040, 0x1100, 0x1300, 0x2100)
    struct.pack_into("<III", image, 0x2050, 0x2080, 0x2090, 0x20A0)
    struct.pack_into("<HHH", image, 0x2060, 1, 0, 2)
    for at, text in ((0x2080, b"IofCallDriver"), (0x2090, b"DbgPrint"), (0x20A0, b"Forwarded")):
        image[at : at + len(text)] = text
    memory = Memory({BASE: bytes(image)})
    symbols = Symbols([Module(r"\SystemRoot\ntoskrnl.exe", BASE, len(image), memory.read, Finder([]))])
    assert symbols.address_of("nt!DbgPrint") == BASE + 0x1100
    assert symbols.describe(BASE + 0x1305).name == "ntoskrnl!IofCallDriver+0x5"
    assert symbols.describe(BASE + 0x1005).name == "ntoskrnl+0x1005"
    assert [each.name for _, each in symbols.matching("nt!*")] == ["DbgPrint", "IofCallDriver"]


def test_with_neither_a_place_in_the_module_is_named(memory: Memory) -> None:
    module = Module("example-buffered.sys", BASE, len(memory.pieces[BASE]), memory.read, Finder([]))
    assert Symbols([module]).describe(BASE + 0x5010).name == "example-buffered+0x5010"


@pytest.mark.parametrize("name", ["../secret.pdb", "a/b.pdb", "..", "x" * 300, ""])
def test_a_name_from_the_target_does_not_leave_the_directories(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.pdb").write_bytes(b"x")
    (tmp_path / "inner").mkdir()
    assert Finder([tmp_path / "inner"]).image(name, 1) == (None, [])


def test_what_is_no_pdb_is_refused_in_words(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pdb"
    bad.write_bytes(b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0" + bytes(100))
    with pytest.raises(BadImageError, match="is no PDB"):
        Pdb(bad)


def test_a_damaged_pdb_never_ends_in_anything_but_an_error(driver_file: Path, tmp_path: Path) -> None:
    whole = driver_file.with_suffix(".pdb").read_bytes()
    bad = tmp_path / "bad.pdb"
    for at in range(0, len(whole), len(whole) // 60):
        data = bytearray(whole)
        data[at : at + 64] = bytes((each * 7 + at) & 0xFF for each in range(64))
        bad.write_bytes(bytes(data))
        try:
            pdb = Pdb(bad)
            pdb.functions  # noqa: B018
            pdb.lines(0x5010)
            pdb.parameters("Example_Write")
            for name in pdb.types.names():
                structure = pdb.types.structure(name)
                for each in structure.fields if structure else ():
                    assert each.type.size >= 0
        except BadImageError:
            continue


def test_files_are_found_in_any_spelling_and_in_a_symbol_store(driver_file: Path, tmp_path: Path) -> None:
    image = Image.from_file(driver_file)
    assert image.pdb is not None
    key = f"{image.pdb.guid.hex}{image.pdb.age:x}"
    for name, inside, source in (
        ("Example-Buffered.SYS", f"{image.timestamp:X}{image.size:x}", driver_file),
        ("EXAMPLE-BUFFERED.PDB", key, driver_file.with_suffix(".pdb")),
    ):
        (tmp_path / name / inside).mkdir(parents=True)
        (tmp_path / name / inside / name).write_bytes(source.read_bytes())
    finder = Finder([tmp_path])
    assert finder.image("example-buffered.sys", image.size, image.timestamp)[0] is not None
    assert finder.pdb(image.pdb)[0] is not None


def test_the_module_at_an_address_among_thousands() -> None:
    modules = [Module(f"m{i}.sys", BASE + i * 0x10000, 0x8000, lambda *_: b"", Finder([])) for i in range(5000)]
    symbols = Symbols(modules)
    assert symbols.module_at(BASE + 4321 * 0x10000 + 0x7FFF) is modules[4321]
    assert symbols.module_at(BASE + 4321 * 0x10000 + 0x8000) is None
    assert symbols.module_at(BASE - 1) is None
    over = Module("over.sys", BASE + 0x100, 0x100, lambda *_: b"", Finder([]))
    assert Symbols([*modules, over]).module_at(BASE + 0x300) is modules[0]
