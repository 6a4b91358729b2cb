"""Files of the host given to a target that asks for them: a driver is replaced without touching the guest's disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.kd import file_io
from lab.kd.events import FileRequestEvent, KdEvent, NoteEvent
from lab.kd.file_io import FileRequest
from lab.kd.guest_path import canonical, is_bare

MAX_OPEN = 32
"""Files open at once: a target that opens more gets an error, and uses its own."""


@dataclass
class _Open:
    """A host file that the target reads. It stays the one that was opened, even if it is replaced or removed."""

    name: str
    path: Path
    descriptor: int
    sent: int = 0


class FileServer:
    """Answers FILE_IO requests from a map of guest path to host file. What is not in the map is refused."""

    def __init__(self, emit: Callable[[KdEvent], None]) -> None:
        self._emit = emit
        self._files: dict[str, Path] = {}
        self._open: dict[int, _Open] = {}
        self._next_handle = 1

    def serve(self, files: Mapping[str, Path]) -> None:
        """From now on give these. A key is a path in any of the guest's notations, or a file's name alone."""
        self._files = {canonical(name): path for name, path in files.items()}

    def answer(self, request: FileRequest) -> bytes:
        """Payload of the FILE_IO packet to send."""
        if request.api == file_io.CREATE:
            return self._create(request)
        file = self._open.get(request.handle)
        if file is None:
            return request.refuse()
        if request.api == file_io.READ:
            return self._read(file, request)
        if request.api == file_io.CLOSE:
            del self._open[request.handle]
            self._close(file)
            return request.answer(file_io.STATUS_SUCCESS)
        return request.answer(file_io.STATUS_ACCESS_DENIED)

    def close(self) -> None:
        """The target restarted, or is gone: nothing is open any more."""
        files, self._open = self._open, {}
        for file in files.values():
            self._close(file)

    def _create(self, request: FileRequest) -> bytes:
        path = self._find(request.name)
        if path is None:
            self._emit(FileRequestEvent(name=request.name))
            return request.refuse()
        if len(self._open) >= MAX_OPEN:
            self._emit(NoteEvent(text=f"file request: {request.name!r} (refused: {MAX_OPEN} files are open)"))
            return request.answer(file_io.STATUS_TOO_MANY_OPENED_FILES)
        try:
            descriptor, size = _open(path)
        except OSError as error:
            self._emit(NoteEvent(text=f"file request: {request.name!r} (host file {path}: {error.strerror})"))
            return request.refuse()
        handle = self._next_handle
        self._next_handle += 1
        self._open[handle] = _Open(request.name, path, descriptor)
        self._emit(FileRequestEvent(name=request.name, served=str(path), size=size))
        return request.opened(handle, size)

    def _find(self, name: str) -> Path | None:
        wanted = canonical(name)
        exact = self._files.get(wanted)
        if exact is not None:
            return exact
        return self._files.get(wanted.rpartition("\\")[2]) if wanted and not is_bare(wanted) else None

    def _read(self, file: _Open, request: FileRequest) -> bytes:
        wanted = min(request.length, file_io.MAX_DATA)
        try:
            # An offset beyond what a file can have is the target's to ask for, too.
            data = os.pread(file.descriptor, wanted, request.offset) if request.offset < 1 << 63 else b""
        except OSError as error:
            self._emit(NoteEvent(text=f"host file {file.path} cannot be read: {error.strerror}"))
            return request.answer(file_io.STATUS_FILE_INVALID)
        if not data and wanted:
            return request.answer(file_io.STATUS_END_OF_FILE)
        file.sent += len(data)
        return request.read(data)

    def _close(self, file: _Open) -> None:
        os.close(file.descriptor)
        self._emit(NoteEvent(text=f"served driver {file.name} from host file {file.path}, {file.sent} bytes"))


def _open(path: Path) -> tuple[int, int]:
    """Descriptor and size of a regular file. Raises OSError; never waits, not even for a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise OSError(None, "not a regular file")
    return descriptor, status.st_size
