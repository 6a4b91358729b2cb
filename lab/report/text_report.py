"""The report of one scenario as text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from lab.document import printable
from lab.report.record import Record
from lab.report.timeline import Kind, Row, Timeline

WIDTH = 160
AROUND = 30
"""Rows of the timeline before and after what went wrong."""
MAX_FAILURES = 20
MAX_CRASH_LINES = 120


def text_report(record: Record, timeline: Timeline) -> str:
    """Verdict, what was expected, the crash, the timeline around it, how to run it again."""
    return "\n".join(_lines(record, timeline)) + "\n"


def _lines(record: Record, timeline: Timeline) -> Iterator[str]:
    yield f"{printable(record.scenario, WIDTH)}: {printable(record.headline, 1000)}"
    if record.text("description"):
        yield f"  it should show: {printable(record.text('description'), 1000)}"
    for failure in record.failures[:MAX_FAILURES]:
        step = f"step {failure.step}, " if failure.step else ""
        yield ""
        yield f"scenario.yaml:{failure.line}: {printable(step + failure.what, WIDTH)}"
        yield f"    expected: {printable(failure.expected, 500)}"
        yield f"    got:      {printable(failure.got, 500)}"
    if len(record.failures) > MAX_FAILURES:
        yield f"and {len(record.failures) - MAX_FAILURES} more"
    if record.details:
        yield ""
        yield from (printable(each, 500) for each in record.details)
    if record.crash_text:
        yield from (
            "",
            f"--- {'where it hangs' if record.cause == 'hung' else 'crash'} ---",
            *record.crash_lines[:MAX_CRASH_LINES],
        )
    if timeline.rows:
        yield from ("", "--- timeline (ms) ---", *_timeline(timeline))
    yield from ("", *(f"not shown: {gap}" for gap in record.gaps))
    yield f"run it again: lab replay {shlex.quote(str(record.directory))}"


def _timeline(timeline: Timeline) -> Iterator[str]:
    focus = len(timeline.rows) - 1 if timeline.focus is None else timeline.focus
    first, last = max(0, focus - AROUND), min(len(timeline.rows), focus + AROUND)
    if first + timeline.left_out:
        yield f"({first + timeline.left_out} moments before or after these are left out)"
    yield from (_row(row, timeline) for row in timeline.rows[first:last])


def _row(row: Row, timeline: Timeline) -> str:
    time = f"{row.time / 1000:10.3f} "
    if row.kind is Kind.TROUBLE:
        return f"{time}*** {printable(row.text, WIDTH)}"
    if row.kind in (Kind.PRINT, Kind.EVENT):
        sign = "|" if row.kind is Kind.PRINT else "-"
        return f"{time}    {sign} {printable(row.text, WIDTH)}"
    operation = timeline.lanes.operations[row.position]
    step = f"{operation.id} " if operation.id else ""
    who = "the lab" if operation.actor == "-" else operation.actor
    if row.kind is Kind.CALL:
        return f"{time}{printable(f'{who}: {step}{operation.call_text}', WIDTH)}"
    return f"{time}{printable(f'{who}: {step}= {operation.result_text}', WIDTH)}"
