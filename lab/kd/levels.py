"""Names of DbgPrintEx levels and components, as far as somebody would filter by them."""

from __future__ import annotations

from lab.errors import UsageError

LEVELS = {"error": 0, "warning": 1, "trace": 2, "info": 3}
"""`DPFLTR_..._LEVEL` (dpfilter.h). Numbers up to 31 select a bit of a component's mask."""
HIGHEST_LEVEL = 31
COMPONENTS = {
    "ntfs": 3,
    "classpnp": 8,
    "disk": 9,
    "acpi": 24,
    "tcpip": 30,
    "fltmgr": 47,
    "pci": 66,
    "ihvdriver": 77,
    "ihvvideo": 78,
    "ihvaudio": 79,
    "ihvnetwork": 80,
    "ihvstreaming": 81,
    "ihvbus": 82,
    "ldr": 85,
    "storport": 89,
    "verifier": 93,
    "default": 101,
}
"""`DPFLTR_..._ID` (dpfilter.h); 101 is plain DbgPrint."""


def level_number(text: str) -> int:
    """A level by name or number. Raises UsageError."""
    if text.lower() in LEVELS:
        return LEVELS[text.lower()]
    if text.isdecimal() and int(text) <= HIGHEST_LEVEL:
        return int(text)
    raise UsageError(f"{text!r} is no level", f"one of {', '.join(LEVELS)}, or a number up to {HIGHEST_LEVEL}")
