from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from lab.errors import GuestLostError, UsageError
from lab.kd.log import KdLog
from lab.kd.show import add_arguments, show, show_log

MARKER = '\x01lab {"step":"3","actor":"writer","pid":0,"edge":"begin"}\n'
NTOS, EXAMPLE = 0xFFFFF80000000000, 0xFFFFF80001000000


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = KdLog(tmp_path)
    log.write("print", 0, "boot\n", {})
    log.marker("begin", scenario="full buffer keeps what fits")
    log.write("print", 0, "Example", {})
    log.write("print", 0, "Write [bold]called\n", {})
    log.write("bugcheck", 1, "bugcheck 0xd1", {"driver": "example.sys"})
    log.marker("end of it")
    log.write("print", 0, "\x1b[31mred\n", {})
    log.close()
    return log.path


@pytest.fixture
def rich_log(tmp_path: Path) -> Path:
    """With modules, levels, steps and actors."""
    log = KdLog(tmp_path)
    log.write("module", 0, "load", {"name": r"\SystemRoot\system32\ntoskrnl.exe", "base": NTOS, "size": 0x1000})
    log.write("module", 0, "load", {"name": r"\??\C:\lab\Example.sys", "base": EXAMPLE, "size": 0x1000})
    log.marker("begin", scenario="s")
    log.write("print", 0, "DriverEntry Called\n", {"level": 3, "component": 101})
    log.write("print", 0, MARKER, {})
    log.write("print", 0, "in step\n", {"level": 2, "component": 77})
    log.write("stop", 0, "stop in ntoskrnl", {"pc": NTOS + 0x10})
    log.write("stop", 0, "stop in example", {"pc": EXAMPLE + 0xFFF})
    log.write("print", 0, "Driver at fault: example.sys.\n", {"level": 0})
    log.write("module", 0, "unload", {"name": "EXAMPLE.SYS", "base": EXAMPLE, "size": 0x1000, "unload": True})
    log.write("stop", 0, "stop where example was", {"pc": EXAMPLE})
    log.write("print", 0, "example_system says hello\n", {})
    log.close()
    return log.path


def options_of(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


def text_of(path: Path, *arguments: str, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False, soft_wrap=True, force_terminal=colour, no_color=not colour)
    show_log([path], options_of(*arguments), console)
    return out.getvalue()


def lines_of(path: Path, *arguments: str) -> list[str]:
    """What is shown without time, processor, origin and boundaries."""
    shown = [line for line in text_of(path, *arguments).splitlines() if "──" not in line]
    return [re.sub(r"^[\d:.]{12} \S+ (\[[^]]*\] )?", "", line) for line in shown]


def test_lines_are_put_together_and_scenarios_separated(log: Path) -> None:
    text = text_of(log)
    assert "ExampleWrite [bold]called\n" in text
    assert text.index("boot") < text.index(" full buffer keeps what fits ─") < text.index("ExampleWrite")
    assert text.index("bugcheck: bugcheck 0xd1") < text.index(" end of it ─") < text.index("red")


def test_what_a_guest_prints_does_not_reach_the_terminal_as_it_is(log: Path) -> None:
    assert "\\x1b[31mred" in text_of(log)
    assert "\x1b" not in text_of(log)
    assert "\x1b[31mred" not in text_of(log, "--grep", "31", colour=True)


def test_entries_are_selected_by_scenario_text_and_kind(log: Path) -> None:
    assert "boot" not in text_of(log, "--scenario", "full buffer")
    assert "called" in text_of(log, "--scenario", "full buffer")
    assert lines_of(log, "--grep", "^bo+t") == ["boot"]
    assert lines_of(log, "--grep", "bold]c") == ["Write [bold]called"]
    assert lines_of(log, "--kind", "bugcheck") == ["bugcheck: bugcheck 0xd1"]
    assert lines_of(log, "--kind", "bugcheck", "--kind", "print", "--grep", "r") == [
        "Write [bold]called",
        "\\x1b[31mred",
    ]


def test_a_hit_is_pointed_out_on_a_terminal(log: Path) -> None:
    assert "\x1b[1;7mcall\x1b[0med" in text_of(log, "--grep", "call", colour=True)


def test_steps_and_actors_are_shown_and_selected_and_markers_hidden(rich_log: Path) -> None:
    assert "[3 writer] in step\n" in text_of(rich_log)
    assert "lab {" not in text_of(rich_log)
    assert "step: begin 3 writer\n" in text_of(rich_log, "--markers")
    assert lines_of(rich_log, "--step", "3", "--kind", "print")[:2] == ["in step", "Driver at fault: example.sys."]
    assert lines_of(rich_log, "--step", "2") == []
    assert lines_of(rich_log, "--actor", "writer", "--grep", "in step") == ["in step"]
    assert lines_of(rich_log, "--actor", "writ") == []


@pytest.mark.parametrize("name", ["example", "EXAMPLE.sys", r"C:\lab\example.sys"])
def test_a_module_is_where_it_is_loaded_stopped_in_or_named(rich_log: Path, name: str) -> None:
    assert lines_of(rich_log, "--module", name) == [
        "module: load",
        "stop: stop in example",
        "Driver at fault: example.sys.",
        "module: unload",
    ]


def test_a_component_is_a_module_too(rich_log: Path) -> None:
    assert lines_of(rich_log, "--module", "ihvdriver") == ["in step"]


def test_a_bugcheck_belongs_to_the_driver_at_fault(log: Path) -> None:
    assert lines_of(log, "--module", "example") == ["bugcheck: bugcheck 0xd1"]


@pytest.mark.parametrize("level", ["trace", "2"])
def test_a_level_leaves_graver_prints_and_what_stopped_the_target(rich_log: Path, level: str) -> None:
    shown = lines_of(rich_log, "--level", level)
    assert [line for line in shown if not line.startswith("stop")] == ["in step", "Driver at fault: example.sys."]
    assert len(shown) == 5


def test_a_log_without_levels_says_so(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines_of(log, "--level", "info") == ["bugcheck: bugcheck 0xd1"]
    assert "has a level" in capsys.readouterr().err


def test_entries_around_a_fitting_one_are_shown_once_and_gaps_marked(tmp_path: Path) -> None:
    log = KdLog(tmp_path)
    for number in range(20):
        log.write("print", 0, f"{number}\n", {})
        log.write("print", 0, MARKER, {})
    log.close()
    assert lines_of(log.path, "--grep", "^(5|8|15)$", "--around", "2") == [
        *("3", "4", "5", "6", "7", "8", "9", "10"),
        *("--", "13", "14", "15", "16", "17"),
    ]
    assert lines_of(log.path, "--grep", "^(0|5|19)$", "--around", "2", "--tail", "4") == ["7", "--", "17", "18", "19"]
    assert lines_of(log.path, "--grep", "^7$", "--around", "0") == ["7"]


@pytest.mark.parametrize("more", [(), ("--module", "nothing"), ("--around", "1")])
def test_the_tail_is_the_last_that_fit(tmp_path: Path, more: tuple[str, ...]) -> None:
    log = KdLog(tmp_path)
    for number in range(30000):
        log.write("print", 0, f"{number}\n", {})
    log.close()
    if "--module" in more:
        assert lines_of(log.path, "--tail", "2", *more) == []
    elif "--around" in more:
        assert lines_of(log.path, "--tail", "3", "--grep", "9990", *more) == ["29989", "29990", "29991"]
    else:
        assert lines_of(log.path, "--tail", "2") == ["29998", "29999"]
        assert lines_of(log.path, "--tail", "2", "--grep", "77$") == ["29877", "29977"]
        assert lines_of(log.path, "--tail", "0") == []


def test_json_is_what_the_log_holds(log: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    show_log([log], options_of("--json", "--kind", "print"))
    written = capfdbinary.readouterr().out
    assert [json.loads(line)["text"] for line in written.splitlines()] == [
        *("boot\n", "Example", "Write [bold]called\n", "\x1b[31mred\n")
    ]
    assert set(written.splitlines()) < set(log.read_bytes().splitlines())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--grep", "("), "no regular expression"),
        (("--level", "loud"), "no level"),
        (("--level", "32"), "no level"),
        (("--kind", "prints"), "of kind 'prints'"),
    ],
)
def test_a_bad_option_is_the_callers_mistake(log: Path, arguments: tuple[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        text_of(log, *arguments)
    assert caught.value.advice


def written(directory: Path, *texts: str) -> None:
    log = KdLog(directory)
    for text in texts:
        log.write("print", 0, text, {})
    log.close()


def printed(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str) -> list[str]:
    show(options_of(*arguments), lambda: root)
    return [line.split(maxsplit=2)[2] for line in capsys.readouterr().out.splitlines()]


def test_a_log_is_found_by_run_by_start_and_by_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, start = tmp_path / "artifacts" / "20260102-030405", tmp_path / ".lab" / "vm" / "logs" / "20260101-000000-7"
    written(tmp_path / "artifacts" / "20250101-000000" / "old", "old\n")
    written(run / "z-first", "first\n")
    written(run / "a-second", "second\n")
    written(run / ".c.partial", "not yet\n")
    written(start, "vm\n")
    (start.parent / "current").symlink_to(start.name)
    for name in (run.name, "latest", str(run)):
        assert printed(capsys, tmp_path, name) == ["first", "second"]
    assert printed(capsys, tmp_path, "latest", "--tail", "1") == ["second"]
    for arguments in ([], [start.name], [str(start)], [str(start / "kd.jsonl")]):
        assert printed(capsys, tmp_path, *arguments) == ["vm"]


@pytest.mark.parametrize("name", ["missing", "missing/kd.jsonl", "latest", "."])
def test_a_name_of_nothing_is_the_callers_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        show(options_of(name), lambda: tmp_path)
    assert caught.value.advice


def test_a_lab_that_was_never_up_has_no_log(tmp_path: Path) -> None:
    with pytest.raises(GuestLostError, match="no kd log yet"):
        show(options_of(), lambda: tmp_path)


def test_a_reader_that_has_enough_ends_it_quietly(tmp_path: Path) -> None:
    written(tmp_path, *(f"{number}\n" for number in range(20000)))
    command = f"{sys.executable} -m lab kd show {tmp_path / 'kd.jsonl'} | head -1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert result.stdout.endswith(" 0\n")
    assert result.stderr == ""
