"""One PDB: functions by name and by address, source lines, parameters, types."""

from __future__ import annotations

import uuid
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from purepdb import PDB, PdbError, codeview

from lab.symbols.errors import BadImageError
from lab.symbols.image import PdbIdentity
from lab.symbols.source_lines import Function, SourceLine, SourceLines
from lab.symbols.type_records import Cursor, TypeRecords
from lab.symbols.type_table import TypeTable
from lab.symbols.types import Procedure, Type

__all__ = ["Function", "Parameter", "Pdb", "SourceLine"]

MAX_SIZE = 1 << 30
_TYPES_STREAM = 2
_PARAMETER = 1
_LOCAL = 0x113E
_REGISTER_RELATIVE = 0x1111
_OPENS = frozenset({0x1103, 0x114D, 0x115D})
"""Blocks and inlined functions: what they declare is not the function's own."""
_CLOSES = frozenset({0x0006, 0x114E, 0x114F})


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function; the name is empty when the PDB tells the type alone."""

    name: str
    type: Type


class Pdb:
    """Reads a PDB file. Raises BadImageError when it is none, or a damaged one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = SourceLines(path)
        try:
            if path.stat().st_size > MAX_SIZE:
                raise BadImageError(f"{path} is larger than {MAX_SIZE >> 20} MiB: not read")
            self._pdb = PDB.open(str(path), copy=True)
            information = self._pdb.info()
            self.guid = uuid.UUID(bytes_le=information.guid)
            self.age = max(information.age, 1)
        except OSError as error:
            raise BadImageError(f"cannot read {path}: {error.strerror}") from error
        except (PdbError, ValueError, EOFError) as error:
            raise BadImageError(f"{path} is no PDB: {error}") from error

    def belongs_to(self, identity: PdbIdentity) -> bool:
        """Whether it was made together with the image of this identity."""
        # The age in the PDB itself may be lower than the image's: the DBI stream's counts, and lld writes 1 to both.
        return self.guid == identity.guid and self.age <= identity.age

    @cached_property
    def functions(self) -> list[Function]:
        """Functions and import thunks, in the order of their addresses."""
        found = [
            Function(name, each.rva, each.code_size or 0)
            for each in self._pdb.functions()
            if each.rva is not None
            for name in each.names
        ]
        return sorted(found, key=lambda each: each.rva)

    @cached_property
    def by_name(self) -> dict[str, Function]:
        """Functions, and global data, by their names."""
        data = {
            each.name: Function(each.name, rva, 0)
            for each in self._pdb.data_symbols()
            if (rva := self._pdb.to_rva(each.segment, each.offset)) is not None
        }
        return data | {each.name: each for each in self.functions}

    def function_at(self, rva: int) -> Function | None:
        """The function that contains `rva`, or the nearest one before it when its size is not known."""
        index = bisect_right(self._starts, rva) - 1
        if index < 0:
            return None
        found = self.functions[index]
        return found if not found.size or rva < found.rva + found.size else None

    def lines(self, rva: int) -> list[SourceLine]:
        """Where the code comes from: the innermost inlined function first, the function itself last."""
        return self._lines.lines(rva)

    def parameters(self, name: str) -> list[Parameter]:
        """The parameters of a function, in order; empty for one that the PDB does not describe."""
        for module in self._pdb.dbi.modules:
            symbols = self._pdb.module_symbol_bytes(module)
            for procedure in codeview.extract_procs(symbols):
                if procedure.name == name:
                    return self._parameters(symbols, procedure)
        return []

    @cached_property
    def types(self) -> TypeTable:
        """Its types. Raises BadImageError when it has no type stream."""
        try:
            records = TypeRecords(self._pdb.msf.read_stream(_TYPES_STREAM))
            typedefs = {each.name: each.type_index for each in self._pdb.udts()}
        except PdbError as error:
            raise BadImageError(f"{self.path} has no types: {error}") from error
        return TypeTable(records, typedefs)

    def _parameters(self, symbols: bytes, procedure: codeview.ProcSymbol) -> list[Parameter]:
        kind = self.types.type(procedure.type_index)
        expected = kind.parameters if isinstance(kind, Procedure) else ()
        named = self._declared(symbols, procedure)[: len(expected) or None]
        if len(named) == len(expected):
            return named
        return [Parameter("", each) for each in expected] or named

    def _declared(self, symbols: bytes, procedure: codeview.ProcSymbol) -> list[Parameter]:
        """What the function declares at its outermost level: with optimisation parameters are marked, without they
        come first."""
        marked, others, depth = [], [], 0
        inside = False
        for record in codeview.iter_records(symbols):
            if not inside:
                inside = record.kind == procedure.kind and _is(procedure, record)
                continue
            if record.kind in _OPENS:
                depth += 1
            elif record.kind in _CLOSES:
                if not depth:
                    break
                depth -= 1
            elif depth == 0 and record.kind == _LOCAL:
                cursor = Cursor(record.payload)
                index, flags = cursor.take("<IH")
                if flags & _PARAMETER:
                    marked.append(Parameter(cursor.text(), self.types.type(index)))
            elif depth == 0 and record.kind == _REGISTER_RELATIVE:
                cursor = Cursor(record.payload)
                _, index, _ = cursor.take("<IIH")
                others.append(Parameter(cursor.text(), self.types.type(index)))
        return marked or others

    @cached_property
    def _starts(self) -> list[int]:
        return [each.rva for each in self.functions]


def _is(procedure: codeview.ProcSymbol, record: codeview.RawRecord) -> bool:
    other = codeview.decode_record(record.kind, record.payload)
    return bool(other and (other.segment, other.offset) == (procedure.segment, procedure.offset))
