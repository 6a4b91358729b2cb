"""A serial line as a kernel debugger link: a machine on the other end of a cable, or a pseudo terminal."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import termios
import tty
from pathlib import Path

from lab.errors import GuestLostError, UsageError
from lab.kd.transport import DescriptorTransport

DEFAULT_BAUD = 115200
_SPEEDS: dict[int, int] = {
    int(name[1:]): getattr(termios, name) for name in dir(termios) if re.fullmatch(r"B[1-9][0-9]*", name)
}
_GONE = {errno.EIO, errno.ENXIO, errno.ENODEV}
"""What reading says when the device was pulled out, or the pseudo terminal's other end closed."""


class SerialTransport(DescriptorTransport):
    """A serial device: raw, 8 data bits, no parity, 1 stop bit, no flow control, nobody else on it meanwhile.

    Raises UsageError for a device or a speed that cannot be used, GuestLostError when it is in use.
    """

    def __init__(self, device: Path, baud: int = DEFAULT_BAUD) -> None:
        if baud not in _SPEEDS:
            known = ", ".join(str(each) for each in sorted(_SPEEDS) if each >= 9600)
            raise UsageError(f"{device} cannot be set to {baud} baud", f"choose one of {known}")
        self._line = _open(device)
        try:
            fcntl.flock(self._line, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.ioctl(self._line, termios.TIOCEXCL)
            _make_raw(self._line, _SPEEDS[baud])
        except BlockingIOError:
            os.close(self._line)
            raise GuestLostError(f"{device} is in use", "end the other debugger on it first") from None
        except (OSError, termios.error) as error:
            os.close(self._line)
            what = f"{device} is no serial line: {error.args[-1]}"
            raise UsageError(what, "name a device like /dev/ttyS0") from error
        super().__init__(self._line, self._take, self._give, self._end)

    def _take(self, size: int) -> bytes:
        try:
            return os.read(self._line, size)
        except OSError as error:
            if error.errno in _GONE:
                return b""
            raise

    def _give(self, data: bytes) -> int:
        return os.write(self._line, data)

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._line, termios.TIOCNXCL)
        os.close(self._line)


def _open(device: Path) -> int:
    try:
        # Without O_NONBLOCK, opening waits for the carrier of a modem.
        return os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise GuestLostError(f"{device} is in use", "end the other debugger on it first") from error
        advice = "does it exist, and may you read and write it (group dialout)?"
        raise UsageError(f"cannot open {device}: {error.strerror}", advice) from error


def _make_raw(line: int, speed: int) -> None:
    tty.setraw(line, termios.TCSANOW)
    attributes = termios.tcgetattr(line)
    attributes[2] &= ~(termios.CRTSCTS | termios.CSTOPB)
    attributes[2] |= termios.CLOCAL | termios.CREAD
    attributes[4] = attributes[5] = speed
    attributes[6][termios.VMIN] = 1
    termios.tcsetattr(line, termios.TCSANOW, attributes)
