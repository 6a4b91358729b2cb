"""The plan of a scenario as lanes and barriers, and in words."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

from lab.scenario.drawing import draw_svg, draw_text
from lab.scenario.explain import in_words
from lab.scenario.model import Scenario
from lab.scenario.picture import picture_of

Parse = Callable[[str], list[Scenario]]

MEETING = """\
lab: 1
steps:
  - writer: {open: X}
  - parallel:
      writer: [{write: a}, {barrier: go}, {repeat: {times: 9, steps: [{write: b}, {flush: }]}}]
      reader: [{open: X}, {write: c}, {write: d}, {barrier: go}, {read: 5}]
      conductor: [{sleep: 5ms}, {kill: writer}]
"""


def drawn(scenario: Scenario, width: int = 120) -> list[str]:
    return [line.plain.rstrip() for line in draw_text(picture_of(scenario), width)]


def test_lanes_meet_where_the_last_of_them_has_come(parse: Parse) -> None:
    (scenario,) = parse(MEETING)
    assert drawn(scenario) == [
        "            the lab                writer               reader",
        "      load  load example-buffered",
        r"         1                         open \\.\Example\X",
        "         2  ┌─────────────────────────────────────────────────────────────┐",
        r"            sleep 5 ms             write 1 bytes 'a'    open \\.\Example\X",
        "            kill writer                                 write 1 bytes 'c'",
        "                                                        write 1 bytes 'd'",
        "                                   ╪ go ════════════════╪ go ═══════════════",
        "                                   9 times:             read 5 bytes",
        "                                     write 1 bytes 'b'",
        "                                     flush h",
        "            └─────────────────────────────────────────────────────────────┘",
    ]


def test_a_narrow_terminal_names_the_lanes_that_it_has_no_room_for(parse: Parse) -> None:
    (scenario,) = parse(MEETING)
    lines = drawn(scenario, 40)
    assert all(len(line) <= 40 for line in lines[:-1])
    assert lines[-1] == "(no room for reader: a wider terminal or --svg shows them)"


def test_the_svg_has_every_operation_and_what_names_do_to_it_is_escaped(parse: Parse) -> None:
    (scenario,) = parse("lab: 1\nsteps: [{a: {open: '<b>&'}}, {parallel: {a: [{barrier: x}], b: [{barrier: x}]}}]")
    root = ET.fromstring(draw_svg(picture_of(scenario)))  # noqa: S314 - made here
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert r"open \\.\Example\<b>&" in texts
    assert texts.count("x") == 2


def test_words_say_what_is_needed_done_and_wanted(parse: Parse) -> None:
    (scenario,) = parse(
        "lab: 1\ndescription: All of it\nseed: 7\ntags: [smoke]\nrequires: [irql]\n"
        "steps: [{a: {open: X, expect: {error: 5, duration: 2s}}}, {repeat: {times: 3, steps: [{b: [open, close]}]}}]\n"
        "expect: {log: {contains: x, count: {y: {min: 1}}, pairs: {a: b}}, crash: {code: 0xE2, parameters: [1, null]}}"
    )
    text = "\n".join(in_words(scenario))
    for line in (
        "case: All of it",
        "  driver   example-buffered, loaded anew first",
        "  seed     7",
        "     load  the lab: load example-buffered",
        r"        1  a: open \\.\Example\X -> ERROR_ACCESS_DENIED (5), at most 2000 ms",
        "           3 times:",
        "  2#1.1.2    b: close h",
        "  the kd log contains 'y' at least 1 times",
        "  the kd log has 'b' for every 'a'",
        "  the guest ends in bugcheck 0xe2 (0x1, any)",
    ):
        assert line in text, text
