from __future__ import annotations

from pathlib import Path

import pytest

from lab.config import IoctlField, IoctlSpec, find_config, load_config
from lab.document import FileError
from lab.errors import UsageError

GOOD = r"""
lab: 1
device: '\\.\Example'
drivers: {one: {file: build/one.sys, service: One}}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "lab.yaml"
    path.write_text(text)
    return path


def test_the_smallest_config(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    assert config.root == tmp_path.resolve()
    assert config.guest == "wine"
    assert config.device == r"\\.\Example"
    assert config.driver.file == tmp_path.resolve() / "build" / "one.sys"
    assert config.driver.service == "One"
    assert (config.programs, config.ioctls) == ({}, {})


def test_programs_go_by_file_name_and_ioctls_by_name(tmp_path: Path) -> None:
    more = "programs: [a/b.exe, c.exe]\nioctls: {size: {code: 0x222000, input: [n u16], output: [a u32, b i64]}}\n"
    config = load_config(write(tmp_path, GOOD + more))
    assert config.programs == {"b.exe": tmp_path / "a" / "b.exe", "c.exe": tmp_path / "c.exe"}
    size = config.ioctls["size"]
    assert (size.code, size.input_size, size.output_size) == (0x222000, 2, 12)


def test_structures_are_little_endian_and_packed() -> None:
    spec = IoctlSpec("x", 1, (IoctlField("a", "u8"), IoctlField("b", "i32")), (IoctlField("c", "u16"),))
    assert spec.pack({"b": -2}).hex() == "00feffffff"
    assert spec.unpack(b"\x01\x02\xff") == {"c": 0x0201}
    assert spec.unpack(b"\x01") is None


def test_the_nearest_config_above_is_found(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    path = write(tmp_path, GOOD)
    assert find_config(deep) == path
    inner = write(tmp_path / "a", GOOD)
    assert find_config(deep) == inner


def test_without_a_config_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no lab\.yaml in .* or above it") as caught:
        find_config(tmp_path)
    assert "lab.yaml" in caught.value.advice


CASES = {
    "unknown field": (GOOD + "progams: []", "lab.yaml:5: progams: is not a known field here: did you mean 'programs'?"),
    "version": (GOOD.replace("lab: 1", "lab: 3"), "lab.yaml:2: lab: is 3: `lab: 1`, the version of this format"),
    "guest": (GOOD + "guest: wien", "lab.yaml:5: guest: 'wien' is not known: did you mean 'wine'?"),
    "device": (
        GOOD.replace(r"'\\.\Example'", "Example"),
        r"lab.yaml:3: device: 'Example' is malformed: the device's path in single quotes, as in '\\.\MyDevice'",
    ),
    "no drivers": (
        "lab: 1\ndevice: '\\\\.\\X'\ndrivers: {}",
        "lab.yaml:3: drivers: is empty: driver images by name, as in `my-driver: {file: build/my.sys, service: My}`",
    ),
    "no service": (
        "lab: 1\ndevice: '\\\\.\\X'\ndrivers: {a: {file: a.sys}}",
        "lab.yaml:3: drivers.a: 'service' is missing: `service: My`, the name of the driver's service, without spaces",
    ),
    "no default": (
        GOOD.replace("drivers: {", "drivers: {two: {file: b.sys, service: B}, "),
        "lab.yaml:2: file: several drivers and none is the default: `default_driver: two`",
    ),
    "unknown default": (
        GOOD + "default_driver: on",
        "lab.yaml:5: default_driver: 'on' is not a driver: did you mean 'one'?",
    ),
    "two programs": (
        GOOD + "programs: [a/x.exe, b/X.exe]",
        "lab.yaml:5: programs[2]: 'X.exe' has the file name of programs[1]: a file name of its own",
    ),
    "field type": (
        GOOD + "ioctls: {x: {code: 1, input: [size u33]}}",
        "lab.yaml:5: ioctls.x.input[1]: 'size u33' is malformed: "
        "`NAME TYPE`, the type one of u8 u16 u32 u64 i8 i16 i32 i64",
    ),
    "field twice": (
        GOOD + "ioctls: {x: {code: 1, output: [a u8, a u16]}}",
        "lab.yaml:5: ioctls.x.output[2]: field 'a' stands twice: a name of its own",
    ),
    "code": (
        GOOD + "ioctls: {x: {code: '0x1'}}",
        "lab.yaml:5: ioctls.x.code: cannot be '0x1': `code: 0x222000`, the number that CTL_CODE gives",
    ),
}


@pytest.mark.parametrize(("text", "message"), CASES.values(), ids=CASES.keys())
def test_mistakes(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError) as caught:
        load_config(write(tmp_path, text))
    assert str(caught.value) == message


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot be read \(No such file or directory\)"):
        load_config(tmp_path / "lab.yaml")


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        load_config(write(tmp_path, "lab: 9\ndevice: x\ndrivers: 5\nnonsense: 1\n"))
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3, 4]
