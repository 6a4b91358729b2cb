"""Addresses and values as people write them: numbers, registers, symbols, `poi(...)`, and C paths of members."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from lab.symbols.errors import NoSymbolError
from lab.symbols.memory import MASK64
from lab.symbols.types import Type
from lab.symbols.value import Value

MAX_DEPTH = 30
_TOKEN = re.compile(
    r"\s*(?:(?P<symbol>[\w.$-]+![\w@?$]+)|(?P<number>0x[0-9a-fA-F`]+|0n[0-9]+)|@(?P<register>\w+)"
    r"|(?P<word>[\w`?$]+)|(?P<sign>->|[-+*()\[\].&]))"
)
_HEX = re.compile(r"[0-9a-fA-F][0-9a-fA-F`]*")

Operand = Value | int


class Scope(Protocol):
    """What names mean at the moment."""

    def register(self, name: str) -> int | None:
        """The value of a register; None when there is none of that name."""

    def variable(self, name: str) -> Value | None:
        """A parameter of the function that is about to run."""

    def symbol(self, name: str) -> int:
        """The address of a symbol. Raises NoSymbolError."""

    def type(self, name: str) -> Type:
        """The type of that name. Raises NoSymbolError."""

    def value(self, kind: Type, address: int) -> Value:
        """Something of that type at an address."""

    def pointer(self, address: int) -> int:
        """The pointer stored at an address. Raises UnreadableError."""


def evaluate(text: str, scope: Scope) -> Operand:
    """The value of an expression. Numbers are hexadecimal, as in WinDbg; `0n10` is ten.

    Raises UsageError: NoSymbolError for names and mistakes, UnreadableError for memory that is not there.
    """
    parser = _Parser(text, scope)
    result = parser.sum()
    parser.expect_end()
    return result


def as_number(operand: Operand) -> int:
    """A number, a pointer's target, a structure's own address."""
    if isinstance(operand, int):
        return operand & MASK64
    try:
        return operand.number & MASK64
    except NoSymbolError:
        return operand.address


class _Parser:
    def __init__(self, text: str, scope: Scope) -> None:
        self._text = text
        self._scope = scope
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def sum(self) -> Operand:
        result = self._factor()
        while self._peek() in ("+", "-"):
            sign = self._next()
            other = as_number(self._factor())
            result = (as_number(result) + (other if sign == "+" else -other)) & MASK64
        return result

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise NoSymbolError(f"{self._peek()!r} was not expected in {self._text!r}")

    def _factor(self) -> Operand:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NoSymbolError("too deeply nested")
        cast = self._cast()
        result = self._path(self._term()) if cast is None else _take_for(self._factor(), cast, self._scope)
        self._depth -= 1
        return result

    def _cast(self) -> str | None:
        """`(NAME*)` in front of something; the tokens are taken only if it is that."""
        ahead = [value for _, value in self._tokens[self._at : self._at + 4]]
        if len(ahead) == 4 and ahead[0] == "(" and ahead[2] == "*" and ahead[3] == ")":
            self._at += 4
            return ahead[1]
        return None

    def _term(self) -> Operand:
        if self._at >= len(self._tokens):
            raise NoSymbolError(f"something is missing at the end of {self._text!r}")
        kind, value = self._tokens[self._at]
        self._at += 1
        if value == "(":
            return self._closed()
        if kind == "number":
            return int(value[2:]) if value.startswith("0n") else int(value.replace("`", ""), 16)
        if kind == "register":
            number = self._scope.register(value.lower())
            if number is None:
                raise NoSymbolError(f"no register {value!r}")
            return number
        if kind == "symbol":
            return self._scope.symbol(value)
        if kind == "word" and value.lower() == "poi" and self._peek() == "(":
            self._next()
            return self._scope.pointer(as_number(self._closed()))
        if kind == "word":
            return self._word(value)
        raise NoSymbolError(f"{value!r} was not expected in {self._text!r}")

    def _closed(self) -> Operand:
        result = self.sum()
        if self._peek() != ")":
            raise NoSymbolError(f"a ) is missing in {self._text!r}")
        self._next()
        return result

    def _word(self, word: str) -> Operand:
        choices: list[Callable[[str], Operand | None]] = [
            self._scope.variable,
            lambda name: self._scope.register(name.lower()),
        ]
        for choice in choices:
            found = choice(word)
            if found is not None:
                return found
        if _HEX.fullmatch(word):
            return int(word.replace("`", ""), 16) & MASK64
        return self._scope.symbol(word)

    def _path(self, result: Operand) -> Operand:
        while self._peek() in ("->", ".", "["):
            if not isinstance(result, Value):
                raise NoSymbolError(
                    f"a number has no members in {self._text!r}", "say what it is: ((TYPE*)...)->Member"
                )
            if self._next() == "[":
                result = result.element(as_number(self._bracketed()))
            else:
                result = result.member(self._next())
        return result

    def _bracketed(self) -> Operand:
        index = self.sum()
        if self._peek() != "]":
            raise NoSymbolError(f"a ] is missing in {self._text!r}")
        self._next()
        return index

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        value = self._peek()
        if not value:
            raise NoSymbolError(f"something is missing at the end of {self._text!r}")
        self._at += 1
        return value


def _take_for(operand: Operand, name: str, scope: Scope) -> Value:
    """A pointer taken for a pointer to that type."""
    return scope.value(scope.type(name), as_number(operand))


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise NoSymbolError(f"{text[at:].strip()[:20]!r} is no part of an expression")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tokens
