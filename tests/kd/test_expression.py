"""Addresses and values as people write them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.kd.expression import as_number, evaluate
from lab.symbols.errors import NoSymbolError
from lab.symbols.memory import MASK64
from lab.symbols.types import Scalar, Type
from lab.symbols.value import Value


class Names:
    """A scope of two registers, one symbol and memory that holds its own addresses."""

    def register(self, name: str) -> int | None:
        return {"rax": 0x10, "rdx": 0x20}.get(name)

    def variable(self, name: str) -> Value | None:
        return Value(Scalar("long", 4, "signed"), 0x1000, self.read, self.type) if name == "Argument" else None

    def symbol(self, name: str) -> int:
        if name in ("my-driver!Entry", "Entry"):
            return 0x5000
        raise NoSymbolError(f"no symbol {name!r}")

    def type(self, name: str) -> Type:
        return Scalar(name, 4, "unsigned")

    def value(self, kind: Type, address: int) -> Value:
        return Value(kind, address, self.read, self.type)

    def pointer(self, address: int) -> int:
        return address + 1

    def read(self, address: int, count: int) -> bytes:
        return (address & 0xFF).to_bytes(1, "little") * count


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10", 0x10),
        ("0n10", 10),
        ("0x1f", 0x1F),
        ("fffff800`12345678", 0xFFFFF80012345678),
        ("rax+8", 0x18),
        ("@rdx - @rax", 0x10),
        ("my-driver!Entry+12", 0x5012),
        ("Entry", 0x5000),
        ("poi(poi(rax)+1)", 0x13),
        ("(1+2)-4", MASK64),
        ("(ULONG*)7", 0x07070707),
        ("fade", 0xFADE),
        ("Argument+1", 1),
    ],
)
def test_numbers_registers_symbols_and_sums(text: str, number: int) -> None:
    assert as_number(evaluate(text, Names())) == number


@pytest.mark.parametrize("text", ["", "1+", "(1", "poi(1", "@nothing", "1 2", "nothing", "5->Member", "!", "()", "1]"])
def test_mistakes_are_said(text: str) -> None:
    with pytest.raises(UsageError):
        evaluate(text, Names())


@given(st.text("0123456789abcdefrxpoi()[]+-*.>@! ", max_size=60) | st.text(max_size=30))
def test_any_text_gives_a_number_or_a_mistake(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert as_number(evaluate(text, Names())) >= 0
