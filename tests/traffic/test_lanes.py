from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

from lab.traffic.history import NEVER, Operation, Status
from lab.traffic.lanes import draw_svg, draw_text, lanes_of

from . import pipes

SVG = "{http://www.w3.org/2000/svg}"


def overlapping() -> list[Operation]:
    """A write beside a read that gets its data, then one that does not return."""
    first = replace(pipes.write(b"hello"), actor="writer", t0=1000, t1=3000, moved=5, number=0, id="1")
    second = replace(pipes.read(9), actor="reader", t0=2000, t1=2500, moved=5, data=b"hello", number=1, id="2")
    third = replace(pipes.read(9), actor="writer", t0=4000, t1=NEVER, ok=False, status=Status.PENDING, number=2)
    return [first, second, third]


def text(operations: Sequence[Operation], width: int = 80) -> list[str]:
    return [line.plain for line in draw_text(lanes_of(operations), width)]


def test_lanes_in_a_terminal() -> None:
    assert text(overlapping()) == [
        "        ms writer                            reader",
        "     1.000 ╭ write 5 bytes 'hello'",
        "     2.000 │                                 ╭ read 9",
        "     2.500 │                                 ╰ 5 bytes 'hello'",
        "     3.000 ╰ 5 bytes",
        "     4.000 ╭ read 9",
        "           ╎ not returned",
    ]


def test_processes_without_room_are_named() -> None:
    history = [replace(each, actor=f"actor{number}") for number, each in enumerate(overlapping())]
    lines = text(history, width=45)
    assert lines[-1] == "(no room for actor2: a wider terminal shows them)"
    assert max(len(line) for line in lines[:-1]) <= 45


def test_operations_of_one_process_that_overlap_get_a_second_lane() -> None:
    lost = [replace(each, actor="dead", t0=5, t1=9, status=Status.GONE) for each in overlapping()[:2]]
    assert lanes_of(lost).names == ("dead", "dead")


def test_returns_come_before_calls_of_the_same_microsecond() -> None:
    one = replace(pipes.write(b"x"), actor="a", t0=1, t1=7, moved=1, number=0)
    other = replace(one, t0=7, t1=7, number=1)
    assert [line.split()[1] for line in text([one, other])[1:]] == ["╭", "╰", "╭", "╰"]


def test_the_picture_is_well_formed_whatever_the_guest_sent() -> None:
    evil = replace(overlapping()[0], actor="</svg><script>\x00&", handle="<h>")
    root = ElementTree.fromstring(draw_svg(lanes_of([evil, *overlapping()[1:]], {0}), "<title>", ["a & b"]))  # noqa: S314
    assert not list(root.iter(f"{SVG}script"))
    boxes = [box for box in root.iter(f"{SVG}rect") if box.get("class")]
    assert sorted(str(box.get("class")) for box in boxes) == ["core", "op", "op lost"]


def test_boxes_of_one_lane_do_not_touch_and_have_room_for_two_lines() -> None:
    history = pipes.traffic(300, 4, 2, seed=5)
    root = ElementTree.fromstring(draw_svg(lanes_of(history)))  # noqa: S314
    lanes: dict[int, list[tuple[int, int]]] = {}
    for box in root.iter(f"{SVG}rect"):
        if box.get("class"):
            y, height = int(box.get("y", 0)), int(box.get("height", 0))
            assert height >= 30
            lanes.setdefault(int(box.get("x", 0)), []).append((y, y + height))
    assert len(lanes) == 4
    for boxes in lanes.values():
        boxes.sort()
        assert all(above[1] < below[0] for above, below in itertools.pairwise(boxes))


def test_nothing_at_all_can_be_drawn() -> None:
    assert text([]) == ["        ms"]
    assert ElementTree.fromstring(draw_svg(lanes_of([]))).tag == f"{SVG}svg"  # noqa: S314
