"""Where a kernel debugger target is, as people write it."""

from __future__ import annotations

import re
from pathlib import Path

from lab.errors import UsageError
from lab.kd.replay import ReplayTransport
from lab.kd.serial import DEFAULT_BAUD, SerialTransport
from lab.kd.transport import TcpTransport, Transport, UnixTransport

FORMS = "unix:PATH, tcp:HOST:PORT, a serial device (/dev/ttyS0, /dev/ttyS0@BAUD), or file:PATH (a recording)"


def open_address(address: str) -> Transport:
    """Connect to the target at `address`; see FORMS.

    Raises UsageError for an address that means nothing, GuestLostError when nobody is there.
    """
    scheme, colon, rest = address.partition(":")
    if address.startswith("/"):
        return _serial(address)
    if not colon or not rest:
        raise _meaningless(address, f"it must be {FORMS}")
    if scheme == "unix":
        return UnixTransport(Path(rest))
    if scheme == "tcp":
        return _tcp(address, rest)
    if scheme == "file":
        return _recording(Path(rest))
    raise _meaningless(address, f"it must be {FORMS}")


def parse_host_and_port(text: str) -> tuple[str, int] | None:
    """`HOST:PORT` or `[IPV6]:PORT`; None for anything else."""
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.%\w]+)\]|([^:\[\]\s]+)):([0-9]{1,5})", text)
    if match is None or int(match[3]) > 65535:
        return None
    return match[1] or match[2], int(match[3])


def _tcp(address: str, rest: str) -> Transport:
    place = parse_host_and_port(rest)
    if place is None or place[1] == 0:
        raise _meaningless(address, "write tcp:HOST:PORT with a port from 1 to 65535, such as tcp:127.0.0.1:4555")
    return TcpTransport(*place)


def _serial(address: str) -> Transport:
    device, at, speed = address.rpartition("@") if "@" in address else (address, "", "")
    if at and not re.fullmatch("[1-9][0-9]{0,7}", speed):
        raise _meaningless(address, f"write the speed in baud: {device}@{DEFAULT_BAUD}")
    path = Path(device)
    if path.is_socket():
        raise _meaningless(address, f"it is a socket: write unix:{device}")
    if path.is_file():
        raise _meaningless(address, f"it is a file: write file:{device} if it is a recording")
    return SerialTransport(path, int(speed) if speed else DEFAULT_BAUD)


def _recording(path: Path) -> Transport:
    if not path.is_file():
        raise UsageError(f"no recording at {path}", "name a file of raw bytes that a target sent")
    try:
        return ReplayTransport(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "may you read it?") from error


def _meaningless(address: str, advice: str) -> UsageError:
    return UsageError(f"{address!r} is no address of a kernel debugger target", advice)
