"""DEBUG_IO messages: text that the target prints, and questions that it asks and waits for."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.kd.errors import MalformedMessageError

PRINT_STRING = 0x3230
GET_STRING = 0x3231
_HEADER = struct.Struct("<IHHII")
HEADER_SIZE = _HEADER.size
MAX_ANSWER = 512
EXTENDED_LEVEL = 0x4C4B
"""A processor level that no processor has ("KL"): the target says in the field at 12 where a print comes from."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a print comes from. `process` is the id of the user process that the driver serves; None for none."""

    component: int
    level: int
    process: int | None


@dataclass(frozen=True, slots=True)
class PrintString:
    """Text printed by the target. `junk` is the header field that targets leave uninitialised."""

    level: int
    processor: int
    text: bytes
    junk: int = 0

    @property
    def origin(self) -> Origin | None:
        """None for targets that do not tell, which are nearly all.

        In `junk` bits 0-7 are the DbgPrintEx component, bits 8-12 its level, bits 16-31 the process id / 4.
        """
        if self.level != EXTENDED_LEVEL:
            return None
        return Origin(self.junk & 0xFF, self.junk >> 8 & 0x1F, (self.junk >> 16) * 4 or None)

    def encode(self) -> bytes:
        return _HEADER.pack(PRINT_STRING, self.level, self.processor, len(self.text), self.junk) + self.text


@dataclass(frozen=True, slots=True)
class GetString:
    """A question. The target waits for ever until an answer of at most `answer_limit` bytes arrives."""

    level: int
    processor: int
    prompt: bytes
    answer_limit: int

    def encode(self) -> bytes:
        header = _HEADER.pack(GET_STRING, self.level, self.processor, len(self.prompt), self.answer_limit)
        return header + self.prompt

    def answer(self, text: bytes) -> bytes:
        """Payload of the DEBUG_IO packet that answers it, cut to what the target has room for."""
        text = text[: min(self.answer_limit, MAX_ANSWER)]
        return _HEADER.pack(GET_STRING, self.level, self.processor, 0, len(text)) + text


def decode(payload: bytes) -> PrintString | GetString:
    """Raises MalformedMessageError when it is neither. A length beyond the packet is cut to the packet."""
    if len(payload) < HEADER_SIZE:
        raise MalformedMessageError(f"DEBUG_IO of {len(payload)} bytes")
    api, level, processor, length, extra = _HEADER.unpack_from(payload)
    text = payload[HEADER_SIZE : HEADER_SIZE + length]
    if api == PRINT_STRING:
        return PrintString(level, processor, text, extra)
    if api == GET_STRING:
        return GetString(level, processor, text, extra)
    raise MalformedMessageError(f"DEBUG_IO with unknown API {api:#x}")
