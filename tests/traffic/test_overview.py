from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

from lab.traffic.history import NEVER, Operation, Status
from lab.traffic.overview import SLICES, draw_overview_svg, draw_overview_text, overview_of

from . import pipes


def eventful(processes: int) -> list[Operation]:
    """A thousand microseconds of each process; one operation fails, one does not return."""
    write = replace(pipes.write(b"x"), moved=1)
    history = [
        replace(write, actor=f"p{process}", t0=time, t1=time + 1, number=time)
        for process in range(processes)
        for time in range(0, 1000, 10)
    ]
    history[1] = replace(history[1], ok=False, error=5)
    return [*history, replace(write, actor="p0", t0=995, t1=NEVER, ok=False, status=Status.PENDING)]


def text(operations: Sequence[Operation], width: int) -> list[str]:
    return [line.plain for line in draw_overview_text(overview_of(operations), width)]


def test_numbers_in_a_terminal_that_is_wide_enough() -> None:
    lines = text(eventful(2), 60)
    assert lines[0] == (
        "201 operations of 2 processes in 0.001 s: 200 returned, 1 of them with an error, 1 did not return"
    )
    assert lines[1].split() == ["ms", "p0", "p1"]
    assert len(lines) == 2 + SLICES
    assert sum(int(number) for line in lines[2:] for number in line.split()[1:]) == 201


def test_shades_where_there_is_no_room_for_numbers() -> None:
    lines = text(eventful(64), 80)
    assert "p0, p1, p2" in lines[1]
    assert max(len(line) for line in lines[2:]) <= 80
    assert set("".join(lines[2:])) <= set("0123456789. ░▒▓█")


def test_what_failed_and_what_was_lost_is_seen() -> None:
    lines = draw_overview_text(overview_of(eventful(2)), 60)
    styles = [str(span.style) for line in lines for span in line.spans]
    assert (styles.count("yellow"), styles.count("red")) == (1, 1)


def test_the_picture_is_small_and_well_formed_however_long_the_history() -> None:
    history = [replace(each, actor="</svg><script>\x00") for each in eventful(1)] * 20
    picture = draw_overview_svg(overview_of(history), "<title>")
    root = ElementTree.fromstring(picture)  # noqa: S314
    kinds = [str(each.get("class")) for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("class")]
    assert len(picture) < 50_000
    assert (kinds.count("failed"), kinds.count("lost")) == (1, 1)


def test_nothing_at_all() -> None:
    assert text([], 80)[0].startswith("0 operations of 0 processes")
