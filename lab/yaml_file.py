"""Reads a YAML file with the line of every value, without YAML's surprises.

`lab.yaml` and scenarios are read with this. Values follow the YAML 1.2 core schema: `yes`, `off`, `12:30`
and dates stay text; what different readers take for different numbers (`010`), duplicate keys, tags and merge
keys are refused. Nothing in a file can run code or grow without bound.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from lab.document import Document, FileError, Location, Problem, display_path, field_name, printable, shown

MAX_FILE_BYTES = 1 << 20
MAX_VALUES = 100_000
MAX_DEPTH = 64
MAX_DIGITS = 20


def read_document(path: Path) -> Document:
    """Read one YAML file. Raises FileError with every problem of spelling in it."""
    name = display_path(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise FileError([_whole(name, f"cannot be read ({error.strerror})", "a readable YAML file")]) from None
    return parse_document(raw, name)


def parse_document(raw: bytes, name: str) -> Document:
    """Like `read_document`, of bytes already read."""
    if len(raw) > MAX_FILE_BYTES:
        raise FileError([_whole(name, "is larger than 1 MiB", "a file written by hand")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FileError([Problem(name, line, "file", "is not UTF-8", "save it as UTF-8")]) from None
    node = _compose(text, name)
    if node is None:
        raise FileError([_whole(name, "is empty", "start with `lab: 1`")])
    reader = _Reader(name)
    document = Document(name, reader.value(node, (), 0), reader.lines)
    if reader.problems:
        raise FileError(reader.problems)
    return document


def _whole(name: str, what: str, right: str) -> Problem:
    return Problem(name, 1, "file", what, right)


class _CoreLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's parser with the YAML 1.2 core schema in place of its 1.1 guesses."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012


_CoreLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^(?:[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+)$"), list("-+0123456789")
)
_CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def _compose(text: str, name: str) -> Any:
    try:
        _check_depth(text, name)
        loader = _CoreLoader(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = printable(error.problem or error.context or "is not YAML", 200)
        right = "one document to a file" if "another document" in what else _syntax_advice(what)
        raise FileError([Problem(name, line, "file", what, right)]) from None
    except yaml.YAMLError as error:
        what = printable(str(error), 200)
        raise FileError([_whole(name, what, "plain text without control characters")]) from None


def _check_depth(text: str, name: str) -> None:
    """The C parser composes by recursion without a bound: deep nesting would overflow the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_CoreLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                line = event.start_mark.line + 1 if event.start_mark else 1
                right = f"at most {MAX_DEPTH} levels"
                raise FileError([Problem(name, line, "file", "is nested too deeply", right)])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _syntax_advice(what: str) -> str:
    if "mapping values are not allowed" in what:
        return "quote a text that contains ': ', and indent keys of one mapping alike"
    if "cannot start any token" in what:
        return "indent with spaces; quote a text that starts with a special character"
    if "escape" in what:
        return r"use single quotes around a path with backslashes, '\\.\MyDevice'"
    return "YAML; look at brackets, quotes and indentation on this line and the one before"


class _Reader:
    """Turns composed nodes into plain values, and notes lines and problems on the way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []
        self._count = 0

    def _bad(self, node: yaml.Node, where: Location, what: str, right: str) -> None:
        line = node.start_mark.line + 1
        self.problems.append(Problem(self.name, line, field_name(where), what, right))

    def value(self, node: yaml.Node, where: Location, depth: int) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            raise FileError([_whole(self.name, f"holds over {MAX_VALUES} values", "a smaller file, fewer aliases")])
        if depth > MAX_DEPTH:  # An alias can lead back into its own value.
            self._bad(node, where, "is nested too deeply", f"at most {MAX_DEPTH} levels, no alias inside itself")
            return None
        self.lines.setdefault(where, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where, depth)
        if isinstance(node, yaml.SequenceNode):
            if not node.tag.startswith("tag:yaml.org,2002:seq"):
                self._bad_tag(node, where)
            return [self.value(item, (*where, i), depth + 1) for i, item in enumerate(node.value)]
        return self._scalar(node, where)

    def _bad_tag(self, node: yaml.Node, where: Location) -> None:
        self._bad(
            node,
            where,
            f"has the tag {shown(node.tag)}",
            "leave tags out; quote text that looks like a number",
        )

    def _mapping(self, node: yaml.MappingNode, where: Location, depth: int) -> dict[str, Any]:
        if node.tag != "tag:yaml.org,2002:map":
            self._bad_tag(node, where)
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, where)
            if key is None:
                continue
            here = (*where, key)
            line = key_node.start_mark.line + 1
            if key in result:
                first = self.lines[here]
                self._bad(
                    key_node,
                    here,
                    "stands twice in this mapping",
                    f"one of them (the other is in line {first})",
                )
                continue
            self.lines[here] = line
            result[key] = self.value(value_node, here, depth + 1)
        return result

    def _key(self, node: yaml.Node, where: Location) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._bad(node, where, "has a list or a mapping as a key", "a name")
            return None
        if node.value == "<<" and not node.style:
            self._bad(node, where, "has a merge key '<<'", "write the fields out")
            return None
        if node.tag != "tag:yaml.org,2002:str":
            right = f"quote it: '{printable(node.value)}'"
            self._bad(node, (*where, node.value), "is a key that YAML does not read as text", right)
        return str(node.value)

    def _scalar(self, node: yaml.Node, where: Location) -> Any:
        text = str(node.value)
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind == "str":
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return self._integer(node, where, text)
        if kind == "float":
            number = float(text)
            # A schema takes 1e3 for a whole number, as a person does.
            return int(number) if number.is_integer() and abs(number) < 1 << 63 else number
        self._bad_tag(node, where)
        return None

    def _integer(self, node: yaml.Node, where: Location, text: str) -> int | None:
        if len(text) > MAX_DIGITS:
            self._bad(node, where, f"is a number of {len(text)} digits", "a 64-bit number, or text in quotes")
            return None
        digits = text.lstrip("+-")
        if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
            plain = digits.lstrip("0") or "0"
            octal = f"0o{plain} for octal, " if set(plain) <= set("01234567") else ""
            right = f"write {plain}, {octal}or '{text}' for text"
            self._bad(node, where, f"{text} is octal for some readers and decimal for others", right)
            return None
        return int(text, 0)
