"""`lab.yaml`: which driver images, service, device, programs and IOCTLs the lab tests, on which guest."""

from __future__ import annotations

import shlex
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.debugger import Debugger, read_debugger
from lab.document import Document, FileError, Problem, shown, suggestion
from lab.errors import UsageError
from lab.structure import check_structure
from lab.yaml_file import read_document

CONFIG_NAME = "lab.yaml"
MAIN_VM = "vm"

_FORMATS = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i8": "b", "i16": "h", "i32": "i", "i64": "q"}


@dataclass(frozen=True)
class DriverSpec:
    """A driver image and the service that loads it."""

    name: str
    file: Path
    """Absolute; need not exist before it is built."""
    service: str


@dataclass(frozen=True)
class ModelSpec:
    """A reference model of the driver: a class in a Python file."""

    file: Path
    """Absolute."""
    name: str

    def __str__(self) -> str:
        return f"{self.file.name}:{self.name}"


@dataclass(frozen=True)
class CoverageSpec:
    """Images that count what of them runs."""

    images: Path
    """The folder with one for each driver, of the same file name. Absolute; need not exist before they are built."""
    sources: Path
    """The folder that they are compiled in."""
    build: str = ""
    """The command that makes them; empty: that of all."""
    without: tuple[str, ...] = ()
    """Files of `sources` that are shown, and do not count."""


@dataclass(frozen=True)
class ReactosSpec:
    """Images for a ReactOS of one architecture."""

    images: Path
    """The folder with one for each driver and program, of the same file name. Absolute; need not exist yet."""
    build: str = ""
    """The command that makes them; empty: that of all."""


@dataclass(frozen=True)
class FaultSpec:
    """A fault that a driver plants when an IOCTL tells it to, for tests of the tests."""

    name: str
    driver: str
    ioctl: str
    input: Mapping[str, int]
    found_by: tuple[Path, ...] = ()
    """Scenarios that pass because they notice the fault; absolute."""
    requires: frozenset[str] = frozenset()
    """Capabilities of a guest in which it can be noticed at all."""
    verifier: str = ""
    """What Driver Verifier has to check for it to be noticed; empty: nothing."""


@dataclass(frozen=True)
class IoctlField:
    """One integer of an IOCTL's input or output structure, little-endian, without padding."""

    name: str
    type: str

    @property
    def format(self) -> str:
        return _FORMATS[self.type]

    @property
    def bounds(self) -> tuple[int, int]:
        """Smallest and largest value that fits."""
        bits = int(self.type[1:])
        return (0, (1 << bits) - 1) if self.type[0] == "u" else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


@dataclass(frozen=True)
class IoctlSpec:
    """A device control code by name, with its structures."""

    name: str
    code: int
    input: tuple[IoctlField, ...] = ()
    output: tuple[IoctlField, ...] = ()

    @property
    def input_size(self) -> int:
        """Bytes."""
        return struct.calcsize(_layout(self.input))

    @property
    def output_size(self) -> int:
        """Bytes."""
        return struct.calcsize(_layout(self.output))

    def pack(self, values: Mapping[str, int]) -> bytes:
        """The input structure; fields that `values` does not name are 0."""
        return struct.pack(_layout(self.input), *(values.get(item.name, 0) for item in self.input))

    def unpack(self, data: bytes) -> dict[str, int] | None:
        """The output structure, or None when `data` is too short for it."""
        if len(data) < self.output_size:
            return None
        values = struct.unpack_from(_layout(self.output), data)
        return {item.name: value for item, value in zip(self.output, values, strict=True)}


def _layout(fields: tuple[IoctlField, ...]) -> str:
    return "<" + "".join(item.format for item in fields)


@dataclass(frozen=True)
class Config:
    """A checked `lab.yaml`; all paths are absolute."""

    path: Path
    root: Path
    guest: str
    image: str
    """Name of a Windows guest's image."""
    device: str
    drivers: Mapping[str, DriverSpec]
    default_driver: str
    programs: Mapping[str, Path] = field(default_factory=dict)
    """By file name, as scenarios call them."""
    ioctls: Mapping[str, IoctlSpec] = field(default_factory=dict)
    debugger: Debugger = field(default_factory=Debugger)
    """What the kernel debugger does by itself where a scenario does not say otherwise."""
    model: ModelSpec | None = None
    build: str = ""
    """The command that makes driver and programs, run in `root`; empty: there is none."""
    coverage: CoverageSpec | None = None
    reactos: Mapping[str, ReactosSpec] = field(default_factory=dict)
    """By architecture, i386 or amd64; where there is none, the images are those of all guests."""
    clean: Document | None = None
    """This file, if its `clean:` says what `expect: {end: clean}` stands for in scenarios."""
    faults: Mapping[str, FaultSpec] = field(default_factory=dict)
    vm: str = MAIN_VM
    """Which of this lab's VMs: the name of its directory in `.lab`."""

    @property
    def is_worker(self) -> bool:
        """Whether the VM is one of several, which end with the process that uses them."""
        return self.vm != MAIN_VM

    @property
    def driver(self) -> DriverSpec:
        """The default driver."""
        return self.drivers[self.default_driver]


def find_config(start: Path) -> Path:
    """The nearest `lab.yaml` at or above `start`. Raises UsageError when there is none."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
    raise UsageError(
        f"no {CONFIG_NAME} in {start} or above it",
        "run in the repository's folders, or write a lab.yaml that names your driver",
    )


def load_config(path: Path) -> Config:
    """Read and check a `lab.yaml`. Raises FileError (a UsageError) with all of its problems."""
    path = path.resolve()
    document = read_document(path)
    problems = check_structure(document, "lab", "lab.schema.json")
    debugger = Debugger()
    if not problems:
        problems = _check_meaning(document)
        debugger = read_debugger(document, path.parent, problems)
    if problems:
        raise FileError(problems)
    return _config(path, document, debugger)


def _check_meaning(document: Document) -> list[Problem]:
    data = document.data
    problems = []
    drivers = data["drivers"]
    default = data.get("default_driver")
    if default is not None and default not in drivers:
        right = suggestion(default, drivers)
        problems.append(document.problem(("default_driver",), f"{shown(default)} is not a driver", right))
    if default is None and len(drivers) > 1:
        right = f"`default_driver: {next(iter(drivers))}`"
        problems.append(document.problem((), "several drivers and none is the default", right))
    problems += _check_build(document)
    problems += _check_programs(document)
    problems += _check_faults(document)
    for name, ioctl in data.get("ioctls", {}).items():
        for side in ("input", "output"):
            problems += _check_fields(document, name, side, ioctl.get(side, []))
    return problems


def _check_build(document: Document) -> list[Problem]:
    try:
        shlex.split(document.data.get("build", ""))
    except ValueError as error:
        return [document.problem(("build",), f"is no command: {error}", "`build: make -s`")]
    return []


def _check_programs(document: Document) -> list[Problem]:
    seen: dict[str, int] = {}
    problems = []
    for i, program in enumerate(document.data.get("programs", [])):
        name = Path(program).name.lower()
        if name in seen:
            what = f"{shown(Path(program).name)} has the file name of programs[{seen[name] + 1}]"
            problems.append(document.problem(("programs", i), what, "a file name of its own"))
        seen[name] = i
    return problems


def _check_faults(document: Document) -> list[Problem]:
    data = document.data
    problems = []
    for name, fault in data.get("faults", {}).items():
        for key, known in (("driver", data["drivers"]), ("ioctl", data.get("ioctls", {}))):
            if fault[key] not in known:
                where = ("faults", name, key)
                problems.append(
                    document.problem(where, f"{shown(fault[key])} is not in lab.yaml", suggestion(fault[key], known))
                )
    return problems


def _check_fields(document: Document, ioctl: str, side: str, fields: list[str]) -> list[Problem]:
    seen = set()
    problems = []
    for i, text in enumerate(fields):
        name = text.split()[0]
        if name in seen:
            where = ("ioctls", ioctl, side, i)
            problems.append(document.problem(where, f"field {shown(name)} stands twice", "a name of its own"))
        seen.add(name)
    return problems


def _config(path: Path, document: Document, debugger: Debugger) -> Config:
    root, data = path.parent, document.data
    drivers = {
        name: DriverSpec(name, (root / spec["file"]).resolve(), spec["service"])
        for name, spec in data["drivers"].items()
    }
    programs = [(root / program).resolve() for program in data.get("programs", [])]
    ioctls = {
        name: IoctlSpec(name, spec["code"], _fields(spec.get("input", [])), _fields(spec.get("output", [])))
        for name, spec in data.get("ioctls", {}).items()
    }
    return Config(
        path=path,
        root=root,
        guest=data.get("guest", "wine"),
        image=data.get("image", "windows"),
        device=data["device"],
        drivers=drivers,
        default_driver=data.get("default_driver", next(iter(drivers))),
        programs={program.name: program for program in programs},
        ioctls=ioctls,
        debugger=debugger,
        model=_model(root, data["model"]) if "model" in data else None,
        build=data.get("build", ""),
        coverage=_coverage(root, data["coverage"]) if "coverage" in data else None,
        reactos={name: _reactos(root, spec) for name, spec in data.get("reactos", {}).items()},
        clean=document if "clean" in data else None,
        faults={name: _fault(root, name, spec) for name, spec in data.get("faults", {}).items()},
    )


def _model(root: Path, text: str) -> ModelSpec:
    file, _, name = text.rpartition(":")
    return ModelSpec((root / file).resolve(), name)


def _coverage(root: Path, data: dict[str, Any]) -> CoverageSpec:
    sources = (root / data.get("sources", ".")).resolve()
    without = tuple(data.get("without", ()))
    return CoverageSpec((root / data["images"]).resolve(), sources, data.get("build", ""), without)


def _reactos(root: Path, data: dict[str, Any]) -> ReactosSpec:
    return ReactosSpec((root / data["images"]).resolve(), data.get("build", ""))


def _fault(root: Path, name: str, spec: dict[str, Any]) -> FaultSpec:
    return FaultSpec(
        name=name,
        driver=spec["driver"],
        ioctl=spec["ioctl"],
        input=spec.get("input", {}),
        found_by=tuple((root / file).resolve() for file in spec.get("found_by", [])),
        requires=frozenset(spec.get("requires", [])),
        verifier=spec.get("verifier", ""),
    )


def _fields(texts: list[str]) -> tuple[IoctlField, ...]:
    return tuple(IoctlField(*text.split()) for text in texts)
