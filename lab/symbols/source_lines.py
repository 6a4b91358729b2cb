"""Function names and source lines of one file with debug information: a PDB, or an image with DWARF."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from symbolic.debuginfo import Archive
from symbolic.symcache import SourceLocation, SymCache


@dataclass(frozen=True)
class Function:
    """A function or another named place of the image's code or data."""

    name: str
    rva: int
    size: int
    """Bytes; 0 when the PDB does not tell."""


@dataclass(frozen=True)
class SourceLine:
    """A place in the source. `function` is the one whose source it is, which may be inlined into another."""

    function: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class SourceLines:
    """What is not there, or damaged, has no lines: nothing here raises."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self, rva: int) -> list[SourceLine]:
        """Where the code comes from: the innermost inlined function first, the function itself last."""
        return [_line(each.symbol, each.full_path or "", each.line) for each in self._lookup(rva) if each.line]

    def function_at(self, rva: int) -> Function | None:
        """The function whose code is there; None when none is known."""
        places = self._lookup(rva)
        return Function(_plain(places[-1].symbol), places[-1].sym_addr, 0) if places else None

    @cached_property
    def has_dwarf(self) -> bool:
        """Does an image carry debug information, and not only a table of symbols?"""
        try:
            return any("debug" in each.features for each in Archive.open(str(self.path)).iter_objects())
        except Exception:  # Whatever a damaged file makes symbolic raise, here and below.
            return False

    def _lookup(self, rva: int) -> list[SourceLocation]:
        try:
            return list(self._cache.lookup(rva)) if self._cache else []  # type: ignore[no-untyped-call]
        except Exception:
            return []

    @cached_property
    def _cache(self) -> SymCache | None:
        try:
            return next(iter(Archive.open(str(self.path)).iter_objects())).make_symcache()
        except Exception:
            return None


def _plain(symbol: str) -> str:
    """Without the parameter types that symbolic adds to a C function's name."""
    return symbol.split("(", 1)[0] or symbol


def _line(symbol: str, file: str, line: int) -> SourceLine:
    return SourceLine(_plain(symbol), file.replace("\\", "/"), line)
