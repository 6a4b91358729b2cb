"""The name in an EPROCESS, of which no offset is known without the kernel's symbols."""

from __future__ import annotations

import re

_NAME = re.compile(rb"[\x20-\x7e]{2,14}\0|[\x20-\x7e]{15}")
_LIKELY = re.compile(rb"(?i)(?:[^\x00]*\.(?:exe?|com|scr|e)?|System|Idle|Registry|smss|MemCompression|Secure System)\Z")


def find_name(process: bytes) -> str:
    """The one thing in it that looks like an image's name (16 bytes, aligned to 8, cut off at 15); empty when there is
    none, or more than one."""
    found = set()
    for match in _NAME.finditer(process):
        text = match[0].rstrip(b"\0")
        if match.start() % 8 == 0 and _LIKELY.match(text):
            found.add(text.decode("ascii"))
    return found.pop() if len(found) == 1 else ""
