"""The guest's reports are found among whatever else is on the serial port."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm_images.windows.serial_report import Report, SerialReports

LINE = b'LAB {"event":"begin","stage":"winrm","text":"a \\u00fc"}\r\n'


def test_reports_are_found_amid_the_firmwares_text() -> None:
    noise = b'\x1b[2J\x1b[01;01HBdsDxe: starting Boot0002 "UEFI QEMU DVD-ROM"\r\n'
    assert SerialReports().feed(noise + LINE + noise + b"\x1b[0m" + LINE) == [Report("begin", "winrm", "a ü")] * 2


@given(st.lists(st.integers(0, len(LINE) * 2)))
def test_how_the_bytes_are_cut_does_not_matter(cuts: list[int]) -> None:
    reports, data = SerialReports(), LINE * 2
    found, start = [], 0
    for end in [*sorted(cuts), len(data)]:
        found += reports.feed(data[start:end])
        start = max(start, end)
    assert found == [Report("begin", "winrm", "a ü")] * 2


@pytest.mark.parametrize(
    "line",
    [b"LAB {", b"LAB {}", b"LAB []", b'LAB {"event":"other","stage":"x","text":""}', b'LAB {"event":"end","stage":1}'],
)
def test_what_is_damaged_is_passed_over(line: bytes) -> None:
    assert SerialReports().feed(line + b"\n" + LINE) == [Report("begin", "winrm", "a ü")]


@given(st.binary(max_size=300))
def test_no_bytes_of_a_guest_upset_the_reader(data: bytes) -> None:
    SerialReports().feed(data + b"\n")


def test_a_line_without_end_is_bounded() -> None:
    reports = SerialReports()
    for _ in range(40):
        reports.feed(b"x" * 10_000)
    assert reports.feed(b"\n" + LINE) == [Report("begin", "winrm", "a ü")]


def test_answers_are_what_the_check_read_back() -> None:
    assert Report("check", "check", '{"build": 26100}').answers() == {"build": 26100}
    assert Report("check", "check", "[1]").answers() == {}
    assert Report("check", "check", "unreadable").answers() == {}
