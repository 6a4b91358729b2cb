from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from lab.errors import UsageError
from lab.kd.log import KdLog
from lab.kd.show import add_arguments, show_log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = KdLog(tmp_path)
    log.write("print", 0, "boot\n", {})
    log.marker("begin", scenario="full buffer keeps what fits")
    log.write("print", 0, "Example", {})
    log.write("print", 0, "Write [bold]called\n", {})
    log.write("bugcheck", 1, "bugcheck 0xd1", {})
    log.marker("end")
    log.write("print", 0, "\x1b[31mred\n", {})
    log.close()
    return log.path


def show(path: Path, *arguments: str) -> str:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = io.StringIO()
    show_log(path, parser.parse_args(arguments), Console(file=out, width=80, highlight=False, color_system=None))
    return out.getvalue()


def test_lines_are_put_together_and_scenarios_separated(log: Path) -> None:
    text = show(log)
    assert "ExampleWrite [bold]called\n" in text
    assert text.index("boot") < text.index("─ full buffer keeps what fits ─") < text.index("ExampleWrite")
    assert text.index("bugcheck: bugcheck 0xd1") < text.index("─ no scenario ─") < text.index("red")


def test_what_a_guest_prints_does_not_reach_the_terminal_as_it_is(log: Path) -> None:
    assert "\\x1b[31mred" in show(log)
    assert "\x1b" not in show(log)


def test_entries_are_selected_by_scenario_text_and_kind(log: Path) -> None:
    assert "boot" not in show(log, "--scenario", "full buffer")
    assert "called" in show(log, "--scenario", "full buffer")
    assert show(log, "--grep", "^bo+t").count("\n") == 1
    assert "called" not in show(log, "--kind", "bugcheck")


def test_json_is_what_the_log_holds(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(log, "--json", "--kind", "print")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines] == ["boot\n", "Example", "Write [bold]called\n", "\x1b[31mred\n"]


def test_a_bad_pattern_is_the_callers_mistake(log: Path) -> None:
    with pytest.raises(UsageError, match="no regular expression"):
        show(log, "--grep", "(")
