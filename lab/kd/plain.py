"""The kd log as plain text: what the target printed, as it printed it, and a line for everything else."""

from __future__ import annotations

# What a guest prints must not drive the terminal of whoever reads it.
_VISIBLE = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)] if chr(code) not in "\t\n"}


def visible(text: str) -> str:
    """The text with control characters made visible, except line feed and tab; CR LF becomes LF."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_VISIBLE)


class PlainText:
    """Renders entries one after the other."""

    def __init__(self) -> None:
        self._in_line = False

    def render(self, kind: str, text: str) -> bytes:
        """The bytes to append for an entry."""
        if kind == "print":
            if not text:
                return b""
            self._in_line = not text.endswith("\n")
            return visible(text).encode()
        begin = "\n" if self._in_line else ""
        self._in_line = False
        line = visible(text).replace("\n", "\\n")
        return f"{begin}--- {kind}: {line}\n".encode()
