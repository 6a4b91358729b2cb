"""A target with symbols: stacks, arguments and structures of the driver that stands still."""

from __future__ import annotations

from pathlib import Path

from lab.errors import UsageError
from lab.kd.context import Context
from lab.kd.events import StopEvent
from lab.kd.expression import Operand, as_number, evaluate
from lab.kd.page_cache import PageCache
from lab.kd.state_change import STATUS_BREAKPOINT, Machine
from lab.kd.target import Target
from lab.symbols.arguments import Arguments, arguments_of
from lab.symbols.errors import NoSymbolError
from lab.symbols.finder import Finder
from lab.symbols.memory import read_number
from lab.symbols.module import Module
from lab.symbols.symbols import Place, Symbols
from lab.symbols.types import Type
from lab.symbols.unwind import MAX_FRAMES, Frame, unwind
from lab.symbols.value import Value

INT3 = b"\xcc"


class Debugger:
    """What is known of a stopped target in its driver's own words. Nothing is kept from one stop to the next but
    the modules."""

    def __init__(self, target: Target, symbol_directories: list[Path]) -> None:
        self.target = target
        self._finder = Finder(symbol_directories)
        self._memory = PageCache(target.read)
        self._modules: dict[tuple[str, int, int], Module] = {}
        self._symbols: Symbols | None = None
        self._context: Context | None = None
        self._arguments: Arguments | None = None

    def forget(self) -> None:
        """The target ran: what was read is not true any more."""
        self._memory.forget()
        self._symbols = None
        self.forget_registers()

    def stepped(self) -> None:
        """One instruction was executed: it loaded no module."""
        self._memory.forget()
        self.forget_registers()

    def forget_registers(self) -> None:
        """Another processor, or registers were written."""
        self._context = None
        self._arguments = None

    # --- what stands there ---

    @property
    def context(self) -> Context:
        """The registers. Raises UsageError when the target runs."""
        if self._context is None:
            self._context = self.target.registers()
        return self._context

    @property
    def registers(self) -> dict[str, int]:
        return self.context.registers

    @property
    def wide(self) -> bool:
        """A 64-bit target."""
        return self.context.machine is Machine.AMD64

    @property
    def program_counter(self) -> int:
        return self.context.program_counter

    @property
    def symbols(self) -> Symbols:
        """Of all modules that are loaded now."""
        if self._symbols is None:
            known = {}
            for each in self.target.modules():
                key = (each.path, each.base, each.timestamp)
                # 32-bit targets extend addresses by the sign; their registers hold 32 bits.
                base = each.base if self.wide else each.base & 0xFFFFFFFF
                known[key] = self._modules.get(key) or Module(
                    each.path or each.name, base, each.size, self.read, self._finder, each.timestamp or None
                )
            self._modules = known
            self._symbols = Symbols(known.values())
        return self._symbols

    def read(self, address: int, count: int) -> bytes:
        """Up to `count` bytes of memory."""
        return self._memory.read(address, count)

    def write(self, address: int, data: bytes) -> None:
        """Write memory. Raises UsageError when some of it cannot be written."""
        try:
            self.target.write(address, data)
        finally:
            self._memory.forget()

    def is_late_break_in(self, stop: StopEvent) -> bool:
        """A break-in answered when it was no longer waited for: there is no breakpoint, of ours or in the code."""
        here = self.program_counter
        if stop.code != STATUS_BREAKPOINT or any(
            each.address == stop.program_counter for each in self.target.breakpoints
        ):
            return False
        return INT3 not in (self.read(here, 1), self.read(here - 1, 1))

    # --- in words ---

    def stack(self, limit: int = MAX_FRAMES) -> list[Frame]:
        """The call stack of the processor that stopped, innermost frame first."""
        return unwind(self.registers, self.read, self.symbols, limit)

    def where(self, address: int | None = None) -> Place:
        """What lies at an address; by default where the processor stands."""
        return self.symbols.describe(self.program_counter if address is None else address)

    @property
    def arguments(self) -> Arguments:
        """Of the function whose first instruction comes next. Raises NoSymbolError elsewhere, or when not known."""
        if self._arguments is None:
            place = self.where()
            if place.function is None or place.offset or not self.wide:
                raise NoSymbolError(
                    f"arguments are known at a function's first instruction, and this is {place.name}",
                    "set a breakpoint at the function and let it be hit",
                )
            parameters = self.symbols.parameters(self.program_counter)
            self._arguments = arguments_of(parameters, self.registers, self.read, self.symbols.type)
        return self._arguments

    def evaluate(self, text: str) -> Operand:
        """The value of an expression: see `lab.kd.expression`. Raises UsageError."""
        return evaluate(text, self)

    def address(self, text: str) -> int:
        """The number that an expression means."""
        return as_number(self.evaluate(text))

    # --- what an expression's names mean ---

    def register(self, name: str) -> int | None:
        return self.registers.get(name)

    def variable(self, name: str) -> Value | None:
        try:
            return self.arguments[name]
        except UsageError:
            return None

    def symbol(self, name: str) -> int:
        return self.symbols.address_of(name)

    def type(self, name: str) -> Type:
        return self.symbols.type(name)

    def value(self, kind: Type, address: int) -> Value:
        return Value(kind, address, self.read, self.symbols.type)

    def pointer(self, address: int) -> int:
        return read_number(self.read, address, 8 if self.wide else 4)
