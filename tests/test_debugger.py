from __future__ import annotations

from pathlib import Path

import pytest

from lab.config import load_config
from lab.debugger import Debugger, Prompt
from lab.document import FileError
from lab.errors import UsageError
from lab.kd.policy import Policy, Reaction
from lab.structure import load_schema

LAB = r"""
lab: 1
device: '\\.\Example'
drivers: {example: {file: build/example.sys, service: Example}}
"""


def debugger(tmp_path: Path, section: str) -> Debugger:
    path = tmp_path / "lab.yaml"
    path.write_text(LAB + section)
    return load_config(path).debugger


def wrong(tmp_path: Path, section: str) -> str:
    with pytest.raises(FileError) as caught:
        debugger(tmp_path, section)
    return str(caught.value).replace(str(tmp_path), "")


def test_without_a_section_everything_goes_on_and_nothing_is_served(tmp_path: Path) -> None:
    settings = debugger(tmp_path, "")
    assert Policy.from_json(settings.policy()) == Policy()
    assert settings.files() == {}
    assert settings.forbidden("Break, Ignore (bi)?") is None


def test_a_section_becomes_a_policy(tmp_path: Path) -> None:
    settings = debugger(
        tmp_path,
        """
debugger:
  prompts:
    - {match: 'Break, Ignore', answer: b}
    - {match: '^Terminate', answer: fail}
  stops: {exception: hold, user-exception: hold}
""",
    )
    policy = Policy.from_json(settings.policy())
    assert policy.exception is policy.user_exception is Reaction.HOLD
    assert policy.breakpoint is policy.bugcheck is Reaction.CONTINUE
    assert policy.answer("(Break, Ignore)?")[0] == "b"
    assert policy.answer("Terminate?")[0] == "i"


def test_hold_alone_is_every_stop_but_those_of_programs(tmp_path: Path) -> None:
    policy = Policy.from_json(debugger(tmp_path, "debugger: {stops: hold}").policy())
    assert policy.exception is policy.breakpoint is policy.bugcheck is Reaction.HOLD
    assert policy.user_exception is Reaction.CONTINUE


def test_the_first_rule_that_fits_says_whether_a_prompt_is_forbidden() -> None:
    settings = Debugger((Prompt("expected", "i"), Prompt("Break", "fail")))
    assert settings.forbidden("Break, Ignore?") == Prompt("Break", "fail")
    assert settings.forbidden("Break? (expected)") is None
    assert settings.forbidden("something else") is None


def test_served_files_are_relative_to_the_file_and_must_be_there(tmp_path: Path) -> None:
    settings = debugger(tmp_path, r"debugger: {serve: {'\??\C:\lab\x.sys': build/x.sys, y.sys: /elsewhere/y.sys}}")
    assert settings.serve == {r"\??\C:\lab\x.sys": tmp_path / "build/x.sys", "y.sys": Path("/elsewhere/y.sys")}
    with pytest.raises(UsageError, match="does not exist"):
        settings.files()
    (tmp_path / "build").mkdir()
    (tmp_path / "build/x.sys").write_bytes(b"MZ")
    assert Debugger(serve={"x.sys": tmp_path / "build/x.sys"}).files() == {"x.sys": str(tmp_path / "build/x.sys")}


def test_a_scenario_has_its_own_settings_before_those_of_the_lab() -> None:
    lab = Debugger((Prompt("a", "b"),), {"exception": "hold", "bugcheck": "hold"}, {"x.sys": Path("/x")})
    own = Debugger((Prompt("a", "i"),), {"exception": "continue"}, {"y.sys": Path("/y")})
    both = own.over(lab)
    assert both.prompts == (Prompt("a", "i"), Prompt("a", "b"))
    assert both.stops == {"exception": "continue", "bugcheck": "hold"}
    assert both.serve == {"x.sys": Path("/x"), "y.sys": Path("/y")}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{}", "/lab.yaml:5: debugger: is empty: `prompts:`, `stops:` or `serve:`"),
        ("{stop: hold}", "/lab.yaml:5: debugger.stop: is not a known field here: did you mean 'stops'?"),
        (
            "{stops: stay}",
            "/lab.yaml:5: debugger.stops: 'stay' is malformed: continue or hold, "
            "or one of these by kind of stop, as in {exception: hold}",
        ),
        (
            "{stops: {exception: hodl}}",
            "/lab.yaml:5: debugger.stops.exception: 'hodl' is not known: did you mean 'hold'?",
        ),
        (
            "{prompts: [{match: '(', answer: i}]}",
            "/lab.yaml:5: debugger.prompts[1].match: is no regular expression: missing ), unterminated subpattern at "
            "position 0: put a backslash before each special character",
        ),
        (
            "{prompts: [{match: x}]}",
            "/lab.yaml:5: debugger.prompts[1]: 'answer' is missing: "
            "`answer: i`, what to type, as in i (ignore) or b (break), or fail",
        ),
        (
            "{serve: {'C:/x.sys': x.sys}}",
            "/lab.yaml:5: debugger.serve.C:/x.sys: is not a name: a path in the guest in single quotes, "
            r"as in 'C:\lab\drivers\my.sys', or a file's name",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(tmp_path: Path, section: str, message: str) -> None:
    assert wrong(tmp_path, f"debugger: {section}").endswith(message)


def test_lab_and_scenario_write_it_alike() -> None:
    lab, scenario = load_schema("lab", "lab.schema.json"), load_schema("lab.scenario", "schema.json")
    assert lab["$defs"]["debugger"] == scenario["$defs"]["debugger"]
