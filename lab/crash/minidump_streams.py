"""The streams of a user-mode minidump.

Layout: minidumpapiset.h of the Windows SDK. Streams of kinds that are not known (Wine's, Crashpad's) are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lab.crash.dump_file import DumpFile
from lab.crash.segments import Segment
from lab.symbols.image import PdbIdentity, codeview_identity

SIGNATURE = b"MDMP"
THREADS, MODULES, MEMORY, EXCEPTION, SYSTEM, THREADS_EX, MEMORY64 = 3, 4, 5, 6, 7, 8, 9
COMMENT_A, COMMENT_W, UNLOADED, MISC, THREAD_NAMES = 10, 11, 14, 15, 24
MAX_STREAMS, MAX_THREADS, MAX_MODULES, MAX_SEGMENTS = 4096, 16384, 16384, 1 << 20
MAX_STRING = 4096
"""Bytes."""
_MODULE = struct.Struct("<QIIII52xII")
_THREAD = struct.Struct("<I4x4x4x8x8x8xII")
_MODULE_SIZE, _THREAD_SIZE, _THREAD_EX_SIZE = 108, 48, 64


@dataclass(frozen=True, slots=True)
class Stream:
    """A part of the file."""

    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class ModuleEntry:
    path: str
    base: int
    size: int
    checksum: int
    timestamp: int
    pdb: PdbIdentity | None


@dataclass(frozen=True, slots=True)
class ThreadEntry:
    identity: int
    context: bytes


@dataclass(frozen=True, slots=True)
class SystemInfo:
    architecture: int
    processors: int
    product: int
    version: tuple[int, int, int]
    platform: int
    service_pack: str


class Streams:
    """The directory of a minidump, and what its streams hold. Everything raises BadDumpError."""

    def __init__(self, file: DumpFile) -> None:
        self.file = file
        signature, count, at, time = file.unpack("<4s4xII4xI", 0, "the header of a minidump")
        if signature != SIGNATURE:
            raise file.bad(0, f"begins with {signature!r}, not MDMP")
        if count > MAX_STREAMS:
            raise file.bad(8, f"the header claims {count} streams")
        self.time = datetime.fromtimestamp(time, UTC) if time else None
        self._streams: dict[int, Stream] = {}
        for kind, size, offset in struct.iter_unpack("<III", file.take(at, count * 12, "the directory of streams")):
            self._streams.setdefault(kind, Stream(size, offset))

    def __contains__(self, kind: int) -> bool:
        return kind in self._streams

    def system(self) -> SystemInfo | None:
        stream = self._streams.get(SYSTEM)
        if stream is None:
            return None
        form = "<HHHBBIIIII"
        architecture, _, _, processors, product, major, minor, build, platform, text = self.file.unpack(
            form, stream.offset, "the system's description"
        )
        return SystemInfo(architecture, processors, product, (major, minor, build), platform, self.text(text))

    def modules(self) -> Iterator[ModuleEntry]:
        for raw in self._list(MODULES, _MODULE_SIZE, MAX_MODULES, "the list of modules"):
            base, size, checksum, timestamp, name, pdb_size, pdb = _MODULE.unpack_from(raw)
            record = self.file.read(pdb, min(pdb_size, 0x1000)) if pdb else b""
            yield ModuleEntry(self.text(name), base, size, checksum, timestamp, codeview_identity(record))

    def unloaded(self) -> Iterator[ModuleEntry]:
        stream = self._streams.get(UNLOADED)
        if stream is None:
            return
        what = "the list of unloaded modules"
        header, entry, count = self.file.unpack("<III", stream.offset, what)
        if entry < 24 or header < 12 or count > MAX_MODULES:
            raise self.file.bad(stream.offset, f"{what} has {count} entries of {entry} bytes")
        raw = self.file.take(stream.offset + header, count * entry, what)
        for at in range(0, len(raw), entry):
            base, size, checksum, timestamp, name = struct.unpack_from("<QIIII", raw, at)
            yield ModuleEntry(self.text(name), base, size, checksum, timestamp, None)

    def threads(self) -> Iterator[ThreadEntry]:
        kind, size = (THREADS, _THREAD_SIZE) if THREADS in self else (THREADS_EX, _THREAD_EX_SIZE)
        for raw in self._list(kind, size, MAX_THREADS, "the list of threads"):
            identity, context_size, context = _THREAD.unpack_from(raw)
            yield ThreadEntry(identity, self.file.read(context, min(context_size, 0x2000)))

    def thread_names(self) -> dict[int, str]:
        return {
            identity: self.text(name)
            for identity, name in (
                struct.unpack("<IQ", raw)
                for raw in self._list(THREAD_NAMES, 12, MAX_THREADS, "the list of thread names")
            )
        }

    def memory(self) -> Iterator[Segment]:
        """Only pieces that the file has whole."""
        for raw in self._list(MEMORY, 16, MAX_SEGMENTS, "the list of memory"):
            yield Segment(*struct.unpack("<QII", raw))
        stream = self._streams.get(MEMORY64)
        if stream is None:
            return
        what = "the list of memory (64-bit)"
        count, at = self.file.unpack("<QQ", stream.offset, what)
        if count > MAX_SEGMENTS:
            raise self.file.bad(stream.offset, f"{what} has {count} pieces")
        for address, size in struct.iter_unpack("<QQ", self.file.take(stream.offset + 16, count * 16, what)):
            yield Segment(address, size, at)
            at += size

    def exception(self) -> tuple[int, bytes, bytes] | None:
        """Thread, exception record, context; that is empty when the file has none at the exception."""
        stream = self._streams.get(EXCEPTION)
        if stream is None:
            return None
        thread, record, size, context = self.file.unpack("<I4x152sII", stream.offset, "the exception")
        return thread, record, self.file.read(context, min(size, 0x2000)) if context else b""

    def process(self) -> int | None:
        """Its number."""
        stream = self._streams.get(MISC)
        if stream is None:
            return None
        _, flags, identity = self.file.unpack("<III", stream.offset, "the miscellaneous information")
        return int(identity) if flags & 1 else None

    def comment(self) -> str:
        for kind, encoding in ((COMMENT_W, "utf-16-le"), (COMMENT_A, "latin-1")):
            stream = self._streams.get(kind)
            if stream is not None:
                data = self.file.read(stream.offset, min(stream.size, MAX_STRING))
                return data.decode(encoding, "replace").split("\0", 1)[0]
        return ""

    def text(self, at: int) -> str:
        """A MINIDUMP_STRING; empty when it is not there."""
        if not at:
            return ""
        size = int.from_bytes(self.file.read(at, 4), "little")
        return self.file.read(at + 4, min(size, MAX_STRING) & ~1).decode("utf-16-le", "replace").split("\0", 1)[0]

    def _list(self, kind: int, entry: int, most: int, what: str) -> Iterator[bytes]:
        """The entries of a list that begins with their number, which some writers align to 8 bytes."""
        stream = self._streams.get(kind)
        if stream is None:
            return
        (count,) = self.file.unpack("<I", stream.offset, what)
        aligned = kind != THREAD_NAMES and stream.size == count * entry + 8
        if count > most:
            raise self.file.bad(stream.offset, f"{what} has {count} entries")
        raw = self.file.take(stream.offset + (8 if aligned else 4), count * entry, what)
        for i in range(count):
            yield raw[i * entry : (i + 1) * entry]
