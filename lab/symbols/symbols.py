"""Names and addresses over all modules of a target."""

from __future__ import annotations

import difflib
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lab.symbols.errors import BadImageError, NoSymbolError
from lab.symbols.module import Module
from lab.symbols.pdb import Function, Parameter, SourceLine
from lab.symbols.type_table import TypeTable
from lab.symbols.types import Structure, Type

_NAME = re.compile(r"(?:(?P<module>[\w.$-]+)!)?(?P<name>[\w@?$.<>~:]+)(?:\s*\+\s*(?P<offset>0x[0-9a-fA-F]+|[0-9]+))?")
_OVERLAPPING = 4
_KERNEL = ("ntoskrnl", "ntkrnlmp", "ntkrnlpa", "ntkrpamp", "ntkrla57")


@dataclass(frozen=True)
class Place:
    """An address in words."""

    address: int
    module: Module | None
    function: Function | None
    lines: tuple[SourceLine, ...]

    @property
    def offset(self) -> int:
        """Bytes from the beginning of the function, or else of the module."""
        base = self.module.base if self.module else self.address
        return self.address - base - (self.function.rva if self.function else 0)

    @property
    def name(self) -> str:
        """`module!function+0x12`, `module+0x1234` or the bare address."""
        if self.module is None:
            return f"{self.address:#x}"
        if self.function is None or not self.function.name:
            return f"{self.module.name}+{self.address - self.module.base:#x}"
        return f"{self.module.name}!{self.function.name}" + (f"+{self.offset:#x}" if self.offset else "")

    @property
    def source(self) -> str:
        """`file:line`, or nothing."""
        return str(self.lines[0]) if self.lines else ""

    def __str__(self) -> str:
        return f"{self.name} [{self.source}]" if self.source else self.name


class Symbols:
    """All that is known of the modules that are loaded."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = sorted(modules, key=lambda each: each.base)
        self._bases = [each.base for each in self.modules]

    def module_at(self, address: int) -> Module | None:
        """Modules do not overlap; of a damaged list's, the nearest ones are looked at."""
        last = bisect_right(self._bases, address)
        near = self.modules[max(0, last - _OVERLAPPING) : last]
        return next((each for each in reversed(near) if address in each), None)

    def module(self, name: str) -> Module | None:
        """By name, with or without suffix, in any case; `nt` is the kernel. WinDbg's `_` for `-` is understood."""
        wanted = _plain(name)
        for each in self.modules:
            if wanted in (_plain(each.name), _plain(each.file_name)):
                return each
        if wanted == "nt":
            return next((each for each in self.modules if each.name.lower() in _KERNEL), None)
        return None

    def address_of(self, text: str) -> int:
        """The address of `module!name`, `name` or either with `+0x12`. Raises NoSymbolError that says what is near."""
        match = _NAME.fullmatch(text.strip())
        if match is None:
            raise NoSymbolError(f"not a symbol: {text!r}", "write module!name, name or name+0x12")
        offset = int(match["offset"], 0) if match["offset"] else 0
        if match["module"]:
            module = self.module(match["module"])
            if module is None:
                raise NoSymbolError(f"no module {match['module']!r} is loaded", self._loaded())
            choices = [module]
        else:
            choices = self._likely_first()
            whole = self.module(match["name"])
            if whole and not any(each.find(match["name"]) for each in self._likely(choices)):
                return whole.base + offset
        for module in choices:
            found = module.find(match["name"])
            if found:
                return module.base + found.rva + offset
        raise self._unknown(match["name"], choices)

    def describe(self, address: int) -> Place:
        """What lies at an address."""
        module = self.module_at(address)
        if module is None:
            return Place(address, None, None, ())
        return Place(address, module, module.function_at(address), tuple(module.lines(address)))

    def matching(self, pattern: str) -> Iterator[tuple[Module, Function]]:
        """Names that fit `module!pat*` or `pat*`, without regard to case, in order of their addresses."""
        module_pattern, bang, name_pattern = pattern.rpartition("!")
        wanted = _plain(module_pattern) if bang else "*"
        for module in self.modules:
            if fnmatchcase(_plain(module.name), wanted) or (bang and self.module(module_pattern) is module):
                for each in sorted(module.names(), key=lambda function: function.rva):
                    if fnmatchcase(each.name.lower(), name_pattern.lower()):
                        yield module, each

    def type(self, name: str) -> Type:
        """The type of that name, `module!NAME` for one module's. Raises NoSymbolError."""
        module_name, bang, bare = name.rpartition("!")
        near: list[str] = []
        for table in self._type_tables(module_name if bang else ""):
            found = table.named(bare)
            if found is not None:
                return found
            near += table.names()
        raise NoSymbolError(f"no type {bare!r} in the PDBs of the loaded modules", _near(bare, near))

    def structure(self, name: str) -> Structure:
        """The structure or union of that name. Raises NoSymbolError."""
        found = self.type(name)
        if not isinstance(found, Structure):
            raise NoSymbolError(f"{name} is no structure but {found.name}")
        return found

    def parameters(self, address: int) -> list[Parameter]:
        """The parameters of the function that contains the address; empty when they are not known."""
        place = self.describe(address)
        if place.module is None or place.module.pdb is None or place.function is None:
            return []
        return place.module.pdb.parameters(place.function.name)

    def _type_tables(self, module_name: str) -> Iterator[TypeTable]:
        wanted = self.module(module_name) if module_name else None
        if module_name and wanted is None:
            raise NoSymbolError(f"no module {module_name!r} is loaded", self._loaded())
        for module in [wanted] if wanted else self._likely(self.modules):
            if module.pdb:
                try:
                    yield module.pdb.types
                except BadImageError:
                    continue

    def _likely(self, modules: Iterable[Module]) -> list[Module]:
        """Those of which a PDB may be at hand: to ask the others costs the target a page each."""
        return [each for each in modules if each.may_have_pdb]

    def _likely_first(self) -> list[Module]:
        return sorted(self.modules, key=lambda each: not each.may_have_pdb)

    def _loaded(self) -> str:
        return "loaded are: " + (", ".join(each.name for each in self.modules[:20]) or "none")

    def _unknown(self, name: str, choices: list[Module]) -> NoSymbolError:
        where = choices[0].name if len(choices) == 1 else "any module"
        near = _near(name, [each.name for module in self._likely(choices) for each in module.names()])
        why = "; ".join(f"{each.name}: {', '.join(each.complaints)}" for each in choices if each.complaints)
        return NoSymbolError(f"no symbol {name!r} in {where}", near or why)


def _near(name: str, known: Iterable[str]) -> str:
    names = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(names[each] for each in close)}?" if close else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
