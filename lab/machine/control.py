"""How other processes talk to a VM's supervisor: one JSON line there, one JSON line back, over a Unix socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.errors import CrashedError, GuestLostError, HungError, InfrastructureError, LabError, UsageError
from lab.machine.instance import CONTROL_SOCKET, STATE, Instance
from lab.socket_address import socket_address

MAX_LINE = 1 << 20
ERRORS: dict[str, type[LabError]] = {
    each.cause.value: each for each in (CrashedError, GuestLostError, HungError, InfrastructureError, UsageError)
}


def call(instance: Instance, command: str, timeout: float = 10.0, **arguments: Any) -> dict[str, Any]:
    """Ask the supervisor of `instance` and return its answer.

    Raises the LabError that the supervisor answered with; GuestLostError when there is no supervisor (with the
    last words of the one that ended); HungError when it does not answer within `timeout` seconds.
    """
    request = json.dumps({"command": command, **arguments}) + "\n"
    try:
        with connect(instance.path(CONTROL_SOCKET), timeout) as connection:
            connection.sendall(request.encode())
            line = _read_line(connection)
    except TimeoutError:
        raise HungError(
            f"the VM's supervisor did not answer {command!r} within {timeout:.0f} s",
            f"see {instance.path('logs/current/supervisor.log')}, or start over: lab down; lab up",
        ) from None
    except OSError:
        raise _gone(instance) from None
    if not line:
        raise _gone(instance)
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise decode_error(answer["error"])
    return answer


def encode_error(error: LabError) -> dict[str, str]:
    return {"cause": error.cause.value, "what": str(error), "advice": error.advice}


def decode_error(data: dict[str, str]) -> LabError:
    """The exception that `encode_error` described."""
    kind = ERRORS.get(data.get("cause", ""), InfrastructureError)
    return kind(data.get("what", "unknown failure"), data.get("advice", ""))


@contextmanager
def connect(path: Path, timeout: float) -> Iterator[socket.socket]:
    """Connect to a Unix socket, however long its path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        with socket_address(path) as address:
            connection.connect(address)
        yield connection


def _read_line(connection: socket.socket) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = connection.recv(65536)
        if not piece or len(line) > MAX_LINE:
            return b""
        line += piece
    return bytes(line)


def _gone(instance: Instance) -> LabError:
    state = instance.read(STATE)
    if isinstance(state.get("error"), dict):
        return decode_error(state["error"])
    if state.get("phase", "stopped") == "stopped":
        return GuestLostError("the lab is down", "start it: lab up")
    return GuestLostError("the VM's supervisor is gone (killed?), and the VM with it", "start again: lab up")
