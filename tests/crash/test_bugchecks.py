"""Bug checks in words."""

from __future__ import annotations

import pytest

from lab.crash.bugchecks import Hint, explain, known_codes
from lab.crash.exceptions import exception_name, exception_text, status_name
from lab.crash.scene import ExceptionRecord

DRIVERS_CAUSE = [
    0x1, 0xA, 0x19, 0x1A, 0x1E, 0x24, 0x35, 0x36, 0x39, 0x3B, 0x44, 0x48, 0x4E, 0x50, 0x76, 0x77, 0x7A, 0x7B, 0x7E,
    0x7F, 0x8E, 0x93, 0x9C, 0x9F, 0xA0, 0xBE, 0xC1, 0xC2, 0xC4, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE,
    0xD0, 0xD1, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xDA, 0xE2, 0xE6, 0xEA, 0xF7, 0xFC, 0xFE, 0x101, 0x109, 0x10D,
    0x116, 0x119, 0x124, 0x133, 0x139, 0x13A, 0x13B, 0x157, 0x15F,
]  # fmt: skip


def test_the_codes_that_drivers_cause_are_known() -> None:
    assert set(DRIVERS_CAUSE) <= set(known_codes())
    assert len(known_codes()) >= 60


@pytest.mark.parametrize("code", known_codes())
def test_every_entry_can_be_shown_whatever_its_parameters_are(code: int) -> None:
    for value in (0, 1, 2, 7, 0x24, 0x1000, (1 << 64) - 1):
        explanation = explain(code, [value] * 4)
        assert explanation.name.isupper()
        assert explanation.what
        assert explanation.source.startswith("https://learn.microsoft.com/")
        assert "{" not in "".join(each.meaning + each.word for each in explanation.parameters)


def test_an_access_at_a_raised_irql_is_told_in_words() -> None:
    explanation = explain(0xA, [0x10, 2, 1, 0xFFFFF80011236356])
    assert explanation.name == "IRQL_NOT_LESS_OR_EQUAL"
    assert [each.word for each in explanation.parameters] == ["", "DISPATCH_LEVEL", "write", ""]
    assert explanation.of(Hint.FAULT) == 0xFFFFF80011236356
    assert explanation.source.endswith("/bug-check-0xa--irql-not-less-or-equal")


@pytest.mark.parametrize(
    ("code", "parameters", "what", "meanings"),
    [
        (0xC2, [7, 0, 0x40B, 0xFFFF8000], "freed already", {4: "block being freed"}),
        (0xC2, [0xC, 1, 0x31676154, 3], "quota", {3: "its tag"}),
        (0x19, [0x24, 1, 2, 3], "changed after it was freed", {2: ""}),
        (0xC1, [0x1000, 0x1040, 0, 0x24], "behind its end", {1: "address being freed", 2: "address of the damage"}),
        (0xC4, [0x62, 1, 0, 9], "not freed all of its pool", {4: "allocations not freed, paged and nonpaged"}),
        (0xC4, [0x59, 1, 0, 9], "written past its end", {2: "start of the allocation"}),
        (0x139, [3, 1, 2, 0], "LIST_ENTRY", {2: "trap frame"}),
        (0x9F, [3, 1, 2, 3], "kept a power IRP", {4: "the IRP"}),
        (0x133, [0, 1, 2, 0], "single DPC", {2: "time that it took, in ticks"}),
        (0x7F, [8, 0, 0, 0], "double fault", {}),
    ],
)
def test_a_parameter_selects_what_happened_and_what_the_others_mean(
    code: int, parameters: list[int], what: str, meanings: dict[int, str]
) -> None:
    explanation = explain(code, parameters)
    assert what in explanation.what
    for number, meaning in meanings.items():
        assert explanation.parameters[number - 1].meaning == meaning


def test_pool_tags_and_statuses_are_told_in_words() -> None:
    tagged = explain(0xC2, [0xA, 0x1000, 0x6C707845, 0])
    assert tagged.parameters[2].word == "'Expl'"
    raised = explain(0x1E, [0xFFFFFFFFC0000005, 0x1000, 1, 0])
    assert raised.parameters[0].word == "STATUS_ACCESS_VIOLATION"
    assert status_name(0xC0001234) == "0xc0001234"


def test_what_selects_is_told_only_where_it_is_no_address() -> None:
    assert explain(0xC2, [7]).selector == 7
    assert explain(0x1A, [0x61948]).selector == 0x61948
    assert explain(0x7A, [0xFFFFF6FB40001234]).selector is None
    assert explain(0xA, [0x10, 2]).selector is None


def test_an_unknown_code_is_shown_as_what_it_is() -> None:
    explanation = explain(0xDEAD, [1, 2, 3, 4])
    assert not explanation.is_known
    assert explanation.name == "bug check 0xdead"
    assert [each.value for each in explanation.parameters] == [1, 2, 3, 4]


def test_the_code_of_a_filtered_exception_means_the_same() -> None:
    explanation = explain(0x1000007E, [0xC0000005, 1, 2, 3])
    assert explanation.name == "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M"
    assert explanation.of(Hint.CONTEXT) == 3
    assert explanation.source.endswith("/bug-check-0x7e--system-thread-exception-not-handled")


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (ExceptionRecord(0xC0000005, 0, 1, (1, 0)), "access violation writing 0x0"),
        (ExceptionRecord(0xC0000005, 0, 1, (8, 0x10)), "access violation executing 0x10"),
        (ExceptionRecord(0xC0000005, 0, 1, ()), "access violation"),
        (ExceptionRecord(0xC0000094, 0, 1), "integer divide by zero"),
        (ExceptionRecord(0x12345678, 0, 1, (1, 2)), "exception 0x12345678 (0x1, 0x2)"),
    ],
)
def test_an_exception_is_told_in_words(record: ExceptionRecord, text: str) -> None:
    assert exception_text(record) == text
    assert exception_name(0xC0000005) == "STATUS_ACCESS_VIOLATION (0xc0000005)"
