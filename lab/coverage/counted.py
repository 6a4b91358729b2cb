"""A driver image built with clang's profile counters: which counters belong to which function.

The layout is LLVM's (compiler-rt's InstrProfData.inc): `.lprfd` has one record for each function, `.lprfn` their names.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pefile

from lab.errors import UsageError

_RECORD = struct.Struct("<QQQQQI")
"""NameRef, FuncHash, CounterPtr (relative to the record), FunctionPointer, Values, NumCounters."""
_RECORD_SIZE = 48
"""With two kinds of value sites, as of LLVM 14 to 17."""
_COUNTER = 8
_MAX_NAMES = 16 << 20
ADVICE = "build it with -fprofile-instr-generate -fcoverage-mapping and coverage.c: docs/coverage.md"


@dataclass(frozen=True)
class CountedFunction:
    """One function, and where its counters are."""

    name: str
    """As clang calls it: of a static one with its file, `ring.c:Ring_Discard`."""
    hash: int
    """Of its control flow: counters of another build of it do not fit."""
    first: int
    """Index of its first counter in the image."""
    count: int


@dataclass(frozen=True)
class CountedImage:
    """The functions of one image."""

    path: Path
    functions: tuple[CountedFunction, ...]

    @property
    def counters(self) -> int:
        return max((each.first + each.count for each in self.functions), default=0)

    def profile(self, counts: list[int]) -> str:
        """The counts in LLVM's text format, for `llvm-profdata merge`."""
        parts = []
        for each in self.functions:
            own = counts[each.first : each.first + each.count]
            parts.append("\n".join([each.name, str(each.hash), str(each.count), *map(str, own)]) + "\n")
        return "\n".join(parts)


def read_counted(path: Path) -> CountedImage:
    """Raises UsageError for an image that is missing, is none, or was not built to count."""
    try:
        with pefile.PE(str(path), fast_load=True) as pe:
            sections = {
                each.Name.rstrip(b"\0"): (each.VirtualAddress, each.get_data()[: each.Misc_VirtualSize])
                for each in pe.sections
            }
        counters, _ = sections[b".lprfc"]
        records, data = sections[b".lprfd"]
        names = dict(_names(sections[b".lprfn"][1]))
        return CountedImage(path, tuple(_functions(data, records - counters, names)))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "build it") from None
    except (pefile.PEFormatError, KeyError, IndexError, struct.error, ValueError, zlib.error) as error:
        what = f"{type(error).__name__}: {error}"
        raise UsageError(f"{path} was not built to count what runs ({what})", ADVICE) from None


def _functions(data: bytes, at: int, names: dict[int, str]) -> Iterator[CountedFunction]:
    """`at`: where `data` lies, from the first counter on."""
    for offset in range(0, len(data) - _RECORD_SIZE + 1, _RECORD_SIZE):
        name, flow, pointer, _, _, count = _RECORD.unpack_from(data, offset)
        if name == 0:
            continue
        # The difference of two addresses of the image; only its lower half is relocated.
        start = (at + offset + pointer) & 0xFFFFFFFF
        # The first one is the marker that coverage.c puts before them.
        yield CountedFunction(names[name], flow, start // _COUNTER - 1, count)


def _names(data: bytes) -> Iterator[tuple[int, str]]:
    """Chunks of names, each plain or compressed, with padding between; by the hash that records have."""
    at = 0
    while at < len(data):
        if data[at] == 0:
            at += 1
            continue
        plain, at = _number(data, at)
        packed, at = _number(data, at)
        chunk = data[at : at + (packed or plain)]
        at += len(chunk)
        if packed:
            chunk = zlib.decompressobj().decompress(chunk, _MAX_NAMES)
        for name in chunk.split(b"\x01"):
            digest = hashlib.md5(name, usedforsecurity=False).digest()
            yield int.from_bytes(digest[:8], "little"), name.decode()


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A ULEB128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at
