"""Which entries of a kd log belong to one driver or other module."""

from __future__ import annotations

import re
from typing import Any

from lab.kd.levels import COMPONENTS


class ModuleFilter:
    """Decides entry by entry, in the order of the log: where modules lie in memory is known from their loading."""

    def __init__(self, name: str) -> None:
        """`name`: a file with or without path and ending, or a DbgPrintEx component as `IHVDRIVER`."""
        self._stem = _stem(name)
        self._component = COMPONENTS.get(name.lower())
        self._named = re.compile(rf"(?<![\w.-]){re.escape(self._stem)}\.(sys|dll|exe)(?!\w)", re.IGNORECASE)
        self._loaded: dict[int, int] = {}
        """Base and size of the module's images in memory."""

    def fits(self, fields: dict[str, Any]) -> bool:
        """Does the entry belong to the module?"""
        match fields["kind"]:
            case "module":
                return self._module(fields)
            case "stop":
                return self._covers(fields.get("pc")) or _stem(fields.get("module")) == self._stem
            case "bugcheck":
                return _stem(fields.get("driver")) == self._stem or self._names(fields)
            case "resync":
                self._loaded.clear()
                return False
            case "print":
                component = fields.get("component")
                return (component is not None and component == self._component) or self._names(fields)
        return False

    def _names(self, fields: dict[str, Any]) -> bool:
        return self._named.search(fields["text"]) is not None

    def _module(self, fields: dict[str, Any]) -> bool:
        if _stem(fields.get("name") or fields["text"]) != self._stem:
            return False
        base, size = fields.get("base"), fields.get("size")
        if isinstance(base, int) and isinstance(size, int):
            if fields.get("unload"):
                self._loaded.pop(base, None)
            else:
                self._loaded[base] = size
        return True

    def _covers(self, address: object) -> bool:
        if not isinstance(address, int):
            return False
        return any(base <= address < base + size for base, size in self._loaded.items())


def _stem(name: object) -> str:
    """`my` of `\\??\\C:\\lab\\drivers\\My.sys`."""
    if not isinstance(name, str):
        return ""
    file = re.split(r"[\\/]", name)[-1].lower()
    return file.rpartition(".")[0] if file.endswith((".sys", ".dll", ".exe")) else file
