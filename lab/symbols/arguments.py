"""The arguments of a function at its first instruction, by the AMD64 calling convention of Windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lab.symbols.errors import NoSymbolError
from lab.symbols.memory import ReadMemory
from lab.symbols.pdb import Parameter
from lab.symbols.types import Pointer, Structure, Type
from lab.symbols.value import Value

_REGISTERS = ("rcx", "rdx", "r8", "r9")
_FIRST_ON_STACK = 0x28
"""Above the return address and the home space of four registers."""


class Arguments(Sequence[Value]):
    """By position or by name: `arguments[1]`, `arguments["Irp"]`, `arguments.Irp`."""

    def __init__(self, names: Sequence[str], values: Sequence[Value]) -> None:
        self.names = tuple(names)
        self._values = tuple(values)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, which: int | str) -> Value:  # type: ignore[override]
        if isinstance(which, str):
            if which not in self.names:
                raise NoSymbolError(f"no parameter {which!r}", f"it has: {', '.join(self.names) or 'none'}")
            return self._values[self.names.index(which)]
        return self._values[which]

    def __getattr__(self, name: str) -> Value:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __str__(self) -> str:
        from lab.symbols.show import summary

        return ", ".join(
            f"{name or i} = {summary(value)}" for i, (name, value) in enumerate(zip(self.names, self, strict=True))
        )


def arguments_of(
    parameters: Sequence[Parameter],
    registers: Mapping[str, int],
    read: ReadMemory,
    find_type: Callable[[str], Type],
) -> Arguments:
    """The arguments of a function that has not run yet: `registers` are those at its first instruction."""
    values = []
    for i, parameter in enumerate(parameters):
        kind = parameter.type
        if isinstance(kind, Structure) and kind.size not in (1, 2, 4, 8):
            # The caller made a copy and passes its address.
            pointer = Pointer(f"{kind.name}*", 8, 0, kind.table)
            address = int.from_bytes(_argument(i, pointer, registers, read, find_type).raw, "little")
            values.append(Value(kind, address, read, find_type))
        else:
            values.append(_argument(i, kind, registers, read, find_type))
    return Arguments([each.name for each in parameters], values)


def _argument(
    position: int, kind: Type, registers: Mapping[str, int], read: ReadMemory, find_type: Callable[[str], Type]
) -> Value:
    if position < len(_REGISTERS):
        held = registers[_REGISTERS[position]].to_bytes(8, "little")[: kind.size]
        return Value(kind, 0, read, find_type, held)
    at = registers["rsp"] + _FIRST_ON_STACK + (position - len(_REGISTERS)) * 8
    return Value(kind, at, read, find_type)
