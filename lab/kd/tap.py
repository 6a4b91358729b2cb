"""The raw bytes that come from a target, kept in a file as they came: a recording that can be played back."""

from __future__ import annotations

from pathlib import Path

from lab.errors import UsageError
from lab.kd.appender import Appender
from lab.kd.transport import Transport

FLUSH_BYTES = 1 << 16


class Tap:
    """A transport that writes down what it receives, before anybody sees it. What it sends it does not."""

    def __init__(self, transport: Transport, path: Path) -> None:
        """Append to `path`. Raises UsageError when it cannot be written."""
        self._transport = transport
        try:
            self._file = Appender(path)
        except OSError as error:
            what = f"cannot write the raw recording {path}: {error.strerror}"
            raise UsageError(what, "name a file in a directory that exists and may be written") from error
        self.lost_pieces = 0
        """Received while the disk took nothing, and too much to keep."""

    def recv(self, size: int, timeout: float | None) -> bytes | None:
        data = self._transport.recv(size, 0)
        if data is None:
            self._flush()  # nothing more is here: it may be long until there is
            data = self._transport.recv(size, timeout)
        if data:
            self._file.add(data)
            if self._file.size > FLUSH_BYTES:
                self._flush()
        return data

    def send(self, data: bytes) -> None:
        self._transport.send(data)

    def wake(self) -> None:
        self._transport.wake()

    @property
    def unread(self) -> int:
        return self._transport.unread

    def close(self) -> None:
        """Close the connection; the file is complete then."""
        self._transport.close()
        if self._file is not None:
            self._flush()

    def _flush(self) -> None:
        if self._file.size:
            self.lost_pieces += self._file.flush()
