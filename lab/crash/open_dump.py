"""Opens any dump."""

from __future__ import annotations

from pathlib import Path

from lab.crash import kernel_header, minidump_streams
from lab.crash.dump_file import BadDumpError, DumpFile
from lab.crash.kept_scene import load_scene
from lab.crash.kernel_dump import TRIAGE, read_kernel_dump
from lab.crash.kernel_header import read_header
from lab.crash.minidump import read_minidump
from lab.crash.scene import Scene
from lab.crash.triage_dump import read_triage_dump
from lab.crash.unpacked import open_unpacked

KEPT = ".scene.json.gz"
"""What the lab calls the scenes that it keeps."""
_KNOWN = "64-bit kernel dumps (triage, kernel, full, bitmap) and user-mode minidumps are read, also as .gz and .zst"
_OTHERS = {
    kernel_header.SIGNATURE_32: "a kernel dump of a 32-bit machine",
    b"\x7fELF": "an ELF file, not a dump of Windows",
    b"KDUMP": "a compressed dump of Linux",
    b"MZ": "a program, not a dump",
}


def open_dump(path: Path) -> Scene:
    """The scene of a dump file, or one that the lab kept. A dump's memory is read from the file when it is asked for:
    the file must stay.

    Raises BadDumpError, which says at which offset what is wrong; UsageError when the file cannot be read;
    InfrastructureError when there is no room to unpack it.
    """
    if path.name.endswith(KEPT):
        return load_scene(path)
    file = open_unpacked(path)
    start = file.read(0, 8)
    if start.startswith(minidump_streams.SIGNATURE):
        return read_minidump(file)
    if start == kernel_header.SIGNATURE:
        header = read_header(file)
        return read_triage_dump(file, header) if header.kind == TRIAGE else read_kernel_dump(file, header)
    raise _no_dump(file, start)


def _no_dump(file: DumpFile, start: bytes) -> BadDumpError:
    if not start:
        return BadDumpError(f"{file.path}: the file is empty", "whatever wrote it did not get far")
    what = next((words for magic, words in _OTHERS.items() if start.startswith(magic)), None)
    if what is None and not any(start):
        what = "begins with zeros: it was created, but never written"
    return BadDumpError(f"{file.path}: {what or f'begins with {start!r}: no dump'}", _KNOWN)
