"""Incidents on disk: what was told, by whom, and what nobody has put right yet."""

from __future__ import annotations

from pathlib import Path

from lab.crash.seen import crash_of
from lab.errors import Cause
from lab.incidents import INCIDENTS, Incident, Journal, Kind, incidents_end, read_incidents, undone


def test_what_was_told_is_read_from_where_one_wants(tmp_path: Path) -> None:
    assert (list(read_incidents(tmp_path)), incidents_end(tmp_path)) == ([], 0)
    journal = Journal(tmp_path)
    journal.tell(Kind.EXCEPTION, "access violation", code=0xC0000005)
    start = incidents_end(tmp_path)
    journal.tell(Kind.QEMU_ENDED, "QEMU was killed")
    first, second = read_incidents(tmp_path)
    assert (first.kind, first.cause, first.extras) == (Kind.EXCEPTION, Cause.CRASHED, {"code": 0xC0000005})
    assert second.cause is Cause.GUEST_LOST
    assert [each.text for each in read_incidents(tmp_path, start)] == ["QEMU was killed"]
    journal.close()
    journal.tell(Kind.PANIC, "too late")
    assert len(list(read_incidents(tmp_path))) == 2


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.tell(Kind.PANIC, "panic")
    with (tmp_path / INCIDENTS).open("a") as stream:
        stream.write('{"t": 1, "kind": "gue')
    assert [each.text for each in read_incidents(tmp_path)] == ["panic"]


def test_a_return_to_a_snapshot_undoes_what_was_before(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.tell(Kind.HOST_DEATH, "gone", code=0xEF, parameters=[1, 2, 3, 4])
    assert [each.text for each in undone(tmp_path)] == ["gone"]
    journal.tell(Kind.RESTORED, "back")
    assert undone(tmp_path) == []
    journal.tell(Kind.SCENE, "no ending")
    assert undone(tmp_path) == []


def incident(kind: str, **extras: object) -> Incident:
    return Incident(1.0, kind, f"the text of {kind}", dict(extras))


def test_the_stop_code_says_more_of_a_crash_than_what_came_first() -> None:
    seen = crash_of(
        [
            incident(Kind.EXCEPTION, code=0xC0000005),
            incident(Kind.BUGCHECK, code=0x1E, parameters=[1, 2, 3, 4]),
            incident(Kind.BUGCHECK_STOP),
            incident(Kind.QEMU_ENDED),
        ]
    )
    assert seen
    assert (seen.text, seen.code, seen.parameters) == ("the text of bugcheck", 0x1E, (1, 2, 3, 4))


def test_a_crash_without_a_stop_code_has_the_words_of_who_noticed() -> None:
    seen = crash_of([incident(Kind.PANIC), incident(Kind.RESET)])
    assert seen
    assert (seen.text, seen.code) == ("the text of guest-panic", None)
    assert crash_of([incident(Kind.RESET), incident(Kind.QEMU_ENDED)]) is None
