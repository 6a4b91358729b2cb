"""Makes up cases, with Hypothesis: which processes do what, at which names, one after another or side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from lab.config import IoctlField, IoctlSpec
from lab.explore.case import HANDLES, Call, Case, Kill, Step, Together
from lab.explore.ground import Ground
from lab.traffic.model import Interests

ACTORS = 4
LONGEST_CASE = 6
"""Steps, and blocks of steps side by side."""
LONGEST_BLOCK = 6
"""Runs side by side."""
RUNS = (1, 1, 1, 1, 2, 3, 6)
"""Times that an operation is done in a row."""
MAX_LENGTH = 40
"""Bytes, where no length is of interest."""

Words = st.SearchStrategy[Mapping[str, Any]]


def cases(ground: Ground) -> st.SearchStrategy[Case]:
    """Cases on this ground. Processes die seldom: to start one takes as long as some dozen operations."""
    runs = st.builds(_run, _calls(ground), st.sampled_from(RUNS))
    blocks = st.builds(
        _together,
        st.lists(runs, min_size=2, max_size=LONGEST_BLOCK),
        st.sampled_from([True, True, False]),
        _weighted((24, st.none()), (1 if ground.kills else 0, st.integers(0, ACTORS - 1))),
        st.integers(0, 5),
    )
    kills = st.integers(0, ACTORS - 1).map(lambda actor: [Kill(actor)])
    parts = st.lists(
        _weighted((12, runs), (12, blocks), (1 if ground.kills else 0, kills)), min_size=1, max_size=LONGEST_CASE
    )
    return parts.map(lambda made: Case(tuple(step for part in made for step in part)))


def _weighted(*choices: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """One of them, so many times as often as another."""
    numbers = [number for number, (weight, _) in enumerate(choices) for _ in range(weight)]
    return st.sampled_from(numbers).flatmap(lambda number: choices[number][1])


def _run(call: Call, times: int) -> list[Step]:
    return [call] * times


def _together(runs: list[list[Call]], is_ready: bool, killed: int | None, after_ms: int) -> list[Step]:
    calls = tuple(call for run in runs for call in run)
    return [Together(calls, is_ready, killed, after_ms if killed is not None else 0)]


def _calls(ground: Ground) -> st.SearchStrategy[Call]:
    names = st.sampled_from([0, 0, *range(len(ground.names) or 1)])
    handles = st.sampled_from([0, 0, 0, 0, 0, 0, *range(1, len(HANDLES))])
    return st.builds(Call, st.integers(0, ACTORS - 1), names, _words(ground), handles)


def _words(ground: Ground) -> Words:
    near = st.sampled_from(ground.interests.lengths)
    lengths = _weighted((2, near), (1, st.integers(0, MAX_LENGTH)))
    nowhere = st.builds(lambda kind, size: {kind: size}, st.sampled_from(["no-buffer", "bad-pointer"]), near)
    ioctls = [_ioctl(spec, ground.interests) for spec in ground.ioctls]
    return _weighted(
        (8, lengths.map(lambda size: {"write": size})),
        (6, lengths.map(lambda size: {"read": size})),
        (6 if ioctls else 0, st.one_of(ioctls)),
        (2, st.just({"close": None})),
        (1, st.integers(1, 3).map(lambda ms: {"sleep": f"{ms}ms"})),
        (1, st.builds(lambda op, place: {op: place}, st.sampled_from(["read", "write"]), nowhere)),
        (1, st.just({"flush": None})),
    )


def _ioctl(spec: IoctlSpec, interests: Interests) -> Words:
    """Mostly as lab.yaml has it; sometimes with too little or too much input or room."""
    plain: dict[str, Any] = {"ioctl": spec.name}
    right: Words = st.just(plain)
    if spec.input:
        values = st.fixed_dictionaries({item.name: _value(item, interests) for item in spec.input})
        right = values.map(lambda given: plain | {"input": given})
    odd_input = st.binary(max_size=spec.input_size + 1).map(lambda data: plain | {"data": {"hex": data.hex(" ")}})
    rooms = st.sampled_from([0, max(0, spec.output_size - 1), spec.output_size + 8])
    odd_room = st.builds(lambda words, size: {**words, "output": size}, right, rooms)
    return _weighted((8, right), (1, odd_input), (1 if spec.output else 0, odd_room))


def _value(item: IoctlField, interests: Interests) -> st.SearchStrategy[int]:
    known = interests.values.get(item.name)
    if known:
        return st.sampled_from(known)
    low, high = item.bounds
    return st.sampled_from([0, 1, low, high]) | st.integers(low, high)
