from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.config import ModelSpec
from lab.errors import UsageError
from lab.traffic.history import Operation
from lab.traffic.linearizability import Decision, check
from lab.traffic.model import load_model

from . import pipes

MODEL = pipes.model()
OPENED = replace(pipes.opening(), actor="a", t0=0, t1=1)


def is_explained(*operations: Operation) -> bool:
    """One after the other, in one process that has the pipe open."""
    own = [replace(each, actor="a", t0=10 * i + 10, t1=10 * i + 11) for i, each in enumerate(operations)]
    return all(part.decision is Decision.LINEARIZABLE for part in check([OPENED, *own], MODEL))


def failed(operation: Operation, error: int) -> Operation:
    return replace(operation, ok=False, error=error, moved=0)


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (pipes.change(pipes.SET_SIZE, 0), 87),
        (pipes.change(pipes.SET_SIZE, 65537), 87),
        (pipes.change(pipes.SET_MODE, 2), 87),
        (replace(pipes.change(pipes.SET_SIZE, 1), argument=pipes.write(b"abc").argument), 24),
        (replace(pipes.statistics(), asked=23, target="23"), 122),
        (replace(pipes.statistics(), code=0x222FFC), 1),
        (replace(pipes.write(b"x"), op="flush", argument=None), 1),
        (replace(pipes.read(9), target="bad:9"), 998),
        (replace(pipes.opening(pipes.PIPE + "N" * 255), t0=10), 206),
    ],
)
def test_what_must_fail_fails_with_that_error_and_no_other(operation: Operation, error: int) -> None:
    assert is_explained(failed(operation, error))
    assert not is_explained(failed(operation, 1450))
    assert not is_explained(replace(operation, ok=True, error=0, moved=0))


@pytest.mark.parametrize("error", [5, 998, 1784])
def test_of_two_reasons_to_refuse_a_read_either_may_be_told(error: int) -> None:
    nowhere = replace(failed(pipes.read(9), error), target="null:9", access="w", actor="a", t0=10, t1=11)
    opened = replace(OPENED, access="w")
    assert all(part.decision is Decision.LINEARIZABLE for part in check([opened, nowhere], MODEL))


def test_a_size_is_set_while_nothing_is_held() -> None:
    written = replace(pipes.write(b"x"), moved=1)
    assert is_explained(written, failed(pipes.change(pipes.SET_SIZE, 8), 170))
    assert not is_explained(written, replace(pipes.change(pipes.SET_SIZE, 8), moved=0))
    assert not is_explained(failed(pipes.change(pipes.SET_SIZE, 8), 170))


@pytest.mark.parametrize(("spec", "what"), [("none.py:A", "there is no file"), ("bad.py:A", "ZeroDivisionError")])
def test_a_model_that_cannot_be_used_is_the_users_mistake(tmp_path: Path, spec: str, what: str) -> None:
    (tmp_path / "bad.py").write_text("1 / 0\n")
    file, _, name = spec.partition(":")
    with pytest.raises(UsageError, match=what):
        load_model(ModelSpec(tmp_path / file, name), pipes.DEVICE)
