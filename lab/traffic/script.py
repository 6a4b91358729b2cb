"""Writes scripts for the traffic program (version 1; `driver/traffic/README.md` describes them)."""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.traffic.order import Turn
    from lab.traffic.schedule import Schedule

VERSION = 1
CONDUCTOR = "-"
MAX_INPUT = 32768

_PLAIN = frozenset((string.ascii_letters + string.digits + r"_.:,\/=+@*()$#!?-").encode())


def encode_token(text: str | bytes) -> str:
    """One token: bytes that could separate or confuse are %XX, the empty token is `%`.

    >>> encode_token("C:\\\\lab\\\\a b")
    'C:\\\\lab\\\\a%20b'
    """
    raw = text.encode() if isinstance(text, str) else text
    if not raw:
        return "%"
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in raw)


def decode_token(token: str) -> bytes:
    """The bytes of a token. Raises ValueError for anything `encode_token` would not write."""
    if token == "%":  # noqa: S105
        return b""
    raw = bytearray()
    i = 0
    while i < len(token):
        if token[i] == "%":
            raw.append(int(token[i + 1 : i + 3], 16))
            i += 3
        else:
            raw.append(ord(token[i]))
            i += 1
    if encode_token(bytes(raw)) != token:
        raise ValueError(f"not a token: {token!r}")
    return bytes(raw)


def bytes_token(data: bytes) -> str:
    """Data given byte by byte."""
    return f"hex:{data.hex()}"


class Script:
    """Collects the lines of one script.

    >>> script = Script(5000)
    >>> script.actor("writer")
    >>> script.step("1", "writer", 1000, "open", "h", r"\\\\.\\MyDevice", "rw")
    >>> print(script.text)
    traffic 1
    deadline 5000
    actor writer
    step 1 writer 1000 open h \\\\.\\MyDevice rw
    <BLANKLINE>
    """

    def __init__(self, deadline_ms: int, *, markers: bool = False, schedule: Schedule | None = None) -> None:
        """With `markers` the steps announce themselves to the kernel debugger; `schedule` is for all blocks."""
        self._lines = [f"traffic {VERSION}", f"deadline {deadline_ms}"]
        if markers:
            self._line("markers", "on")
        if schedule:
            self._line("schedule", *schedule.tokens)
        self._in_block = False

    def comment(self, text: str) -> None:
        self._lines.append("# " + text.encode("ascii", "backslashreplace").decode().replace("\n", " "))

    def actor(self, name: str) -> None:
        """A process of the traffic program's own."""
        self._line("actor", name)

    def program(self, name: str, path: str, args: tuple[str, ...]) -> None:
        """A process of the user's own program, with pipes for its input and output."""
        self._line("actor", name, "program", path, *args)

    def user(self, actor: str, name: str) -> None:
        """The actor runs as another user of the guest."""
        self._line("user", actor, name)

    def variable(self, program: str, name: str, value: str) -> None:
        """Stands in the program's environment."""
        self._line("variable", program, name, value)

    def input(self, program: str, data: bytes) -> None:
        """All that the program finds on its standard input: at most MAX_INPUT bytes."""
        self._line("input", program, bytes_token(data))

    def step(self, step_id: str, actor: str, timeout_ms: int, op: str, *args: str) -> None:
        self._line("step", step_id, actor, str(timeout_ms), op, *args)

    def parallel(self, block_id: str, timeout_ms: int) -> None:
        """Steps from here to `end` run side by side, one lane for each actor."""
        if self._in_block:
            raise ValueError("parallel blocks do not nest")
        self._in_block = True
        self._line("parallel", block_id, str(timeout_ms))

    def order(self, turns: Iterable[Turn]) -> None:
        """The turns of the open block, where an order is replayed."""
        for turn in turns:
            self._line("turn", turn.script_actor, turn.event.value)

    def end(self) -> None:
        self._in_block = False
        self._line("end")

    def _line(self, *tokens: str) -> None:
        self._lines.append(" ".join(encode_token(token) for token in tokens))

    @property
    def text(self) -> str:
        return "\n".join(self._lines) + "\n"
