"""What a run leaves as a whole: run.json, junit.xml, report.html."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from lab.errors import UsageError
from lab.report.run_files import finish_run, write_run
from lab.report.run_record import Outcome, RunRecord, read_run
from report.browser import Browser
from report.left import EVIL, Page, leave, operation, printed

CAME_FROM = {"drivers": {"d": "ab" * 32}, "guest": "wine", "image": "cd" * 32}


def leave_run(directory: Path, scenarios: int = 3, lines: int = 2) -> Path:
    """The scenarios of a run: each third one crashed, all with prints and operations."""
    directory.mkdir()
    for number in range(scenarios):
        operations = [operation(str(i), f"actor{i % 4}", i * 1000, i * 1000 + 900) for i in range(lines // 4 + 1)]
        entries = [
            printed(i, 100 + i / 1e3, f"Write Called, line {i} of {number}\n", step=str(i // 4)) for i in range(lines)
        ]
        more: dict[str, Any] = {"cause": "passed", "reason": ""}
        if number % 3 == 0:
            more = {"cause": "crashed", "reason": "bugcheck", "signature": {"hash": "01234567", "text": "BAD in d!F"}}
        leave(
            directory / f"s{number}", operations, entries, scenario=f"s[{number}]", began=1e9 + number, driver="d",
            timings={"traffic": 1.5, "check": 0.5}, seed=number, **more, **{"from": CAME_FROM},
        )  # fmt: skip
        if number % 3 == 0:
            (directory / f"s{number}" / "crash.txt").write_text("BAD (0xC2) in d!F file.c:3\n")
    return directory


@pytest.fixture
def run(tmp_path: Path) -> RunRecord:
    made = finish_run(leave_run(tmp_path / "20260102-030405"), 1e9, seed=7)
    assert made
    return made


def test_run_json_says_what_was_run_and_where_it_comes_from(run: RunRecord) -> None:
    data = json.loads((run.directory / "run.json").read_text())
    assert (data["v"], data["seed"], data["counts"]) == (1, 7, {"crashed": 1, "passed": 2})
    assert data["from"]["image"] == "cd" * 32
    first = data["outcomes"][0]
    assert (first["scenario"], first["seconds"], first["driver_hash"]) == ("s[0]", 2.0, "ab" * 32)
    again = read_run(run.directory)
    assert again.outcomes == run.outcomes
    assert again.id == run.id


def test_a_run_that_was_killed_is_read_from_its_scenarios(run: RunRecord) -> None:
    (run.directory / "run.json").unlink()
    (run.directory / ".s9.partial").mkdir()
    again = read_run(run.directory)
    assert again.outcomes == run.outcomes
    assert read_run(run.directory).id == again.id


def test_scenarios_that_left_nothing_are_counted(tmp_path: Path) -> None:
    assert finish_run(tmp_path / "a", 1e9) is None
    assert not (tmp_path / "a").exists()
    lost = [Outcome("s", "infrastructure", "no lab")]
    run = finish_run(tmp_path / "b", 1e9, without_directory=lost)
    assert run
    assert run.counts == {"infrastructure": 1}
    assert "no lab" in (tmp_path / "b" / "report.html").read_text()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"v": 99}')
    with pytest.raises(UsageError, match="version 1"):
        read_run(tmp_path)


def test_nonsense_in_run_json_does_no_harm(tmp_path: Path) -> None:
    data = {"v": 1, "began": "x", "seed": [], "from": 3, "outcomes": [3, {"scenario": 4, "seconds": -1, "seed": "x"}]}
    (tmp_path / "run.json").write_text(json.dumps(data))
    assert read_run(tmp_path).outcomes == (Outcome("", "", verifier=""),)


@pytest.mark.parametrize("name", ["..", "../elsewhere", "/etc"])
def test_run_json_leads_to_nothing_outside_of_its_directory(tmp_path: Path, name: str) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"v": 1, "outcomes": [{"scenario": "s", "directory": name}]}))
    assert read_run(tmp_path).outcomes[0].directory == ""


def test_junit_tells_cause_driver_image_and_signature(run: RunRecord) -> None:
    suite = Xml.parse(run.directory / "junit.xml").getroot().find("testsuite")  # noqa: S314
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "0")
    case = suite.find("testcase")
    assert case is not None
    told = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert told["cause"] == "crashed"
    assert (told["signature"], told["driver_hash"], told["image"]) == ("01234567", "ab" * 32, "cd" * 32)
    assert case.find("failure") is not None


def test_the_page_has_failures_first_and_runs_nothing_but_its_own_script(run: RunRecord) -> None:
    text = (run.directory / "report.html").read_text()
    page = Page(text)
    assert text.index("s[0]") < text.index("s[1]")
    assert "BAD (0xC2) in d!F file.c:3" in text
    assert "script-src 'sha256-" in text
    assert page.handlers == []
    assert not {"iframe", "img", "link", "object", "embed"} & set(page.tags)
    assert all((run.directory / link).exists() for link in page.links)


def test_hostile_text_is_escaped_in_all_files(tmp_path: Path) -> None:
    directory = leave_run(tmp_path / "run", 1)
    leave(
        directory / "evil", [operation("1", EVIL, 0, 10, path=EVIL)], [printed(1, 1.0, EVIL, step="1", actor=EVIL)],
        scenario=EVIL, cause=EVIL, reason=EVIL, driver=EVIL, details=[EVIL],
        signature={"hash": EVIL, "text": EVIL}, failures=[{"step": EVIL, "line": 1, "what": EVIL, "got": EVIL}],
        **{"from": {"drivers": {EVIL: EVIL}, EVIL: EVIL}},
    )  # fmt: skip
    (directory / "evil" / "crash.txt").write_text("</pre></script>" + EVIL)
    run = finish_run(directory, 1e9)
    assert run
    plain = (leave_run(tmp_path / "plain", 2), finish_run(tmp_path / "plain", 1e9))[0]
    scripts = [Page((each / "report.html").read_text()).tags.count("script") for each in (directory, plain)]
    assert scripts[0] == scripts[1]
    assert Page((directory / "report.html").read_text()).handlers == []
    Xml.parse(directory / "junit.xml")  # noqa: S314


@pytest.mark.slow
def test_a_page_of_five_hundred_scenarios_opens_and_is_searched_at_once(tmp_path: Path, browser: Browser) -> None:
    directory = leave_run(tmp_path / "run", 500, 200)
    begin = time.process_time()  # Of this process: other work on the machine does not count.
    write_run(read_run(directory))
    took = time.process_time() - begin
    size = (directory / "report.html").stat().st_size
    ready = min(_opened(browser, directory / "report.html") for _ in range(4))
    searched = []
    for asked in ("write", "line 1", "no such line"):
        browser.value(f"document.getElementById('grep').value = {asked!r}; search()")
        searched.append(float(browser.value("document.body.dataset.searched")))
    print(f"built in {took:.1f} s, {size / 1e6:.1f} MB, ready in {ready:.0f} ms, searched in {max(searched):.0f} ms")
    assert browser.value("document.getElementById('found').textContent") == "0 of 100000 lines"
    assert took < 10
    assert size < 20e6
    assert ready < 1000
    assert max(searched) < 1000
    assert browser.complaints == []


def _opened(browser: Browser, page: Path) -> float:
    """Milliseconds until everything on the page is at hand."""
    browser.open(Path("/dev/null"))
    browser.open(page)
    return float(browser.wait_for("document.body.dataset.ready"))


@pytest.mark.slow
def test_the_page_does_what_it_shows_in_a_browser(run: RunRecord, browser: Browser) -> None:
    browser.width(390)
    browser.open(run.directory / "report.html", "log=of+1")
    browser.wait_for("document.body.dataset.ready")
    browser.wait_for("document.querySelectorAll('.card[open] svg.timeline').length == 1")
    assert browser.value("document.getElementById('found').textContent") == "2 of 6 lines"
    assert browser.value("document.querySelector('#lines mark').textContent") == "of 1"
    assert browser.value("document.documentElement.scrollWidth") <= 390
    browser.value("document.querySelector('[value=crashed]').click()")
    assert browser.value("document.querySelectorAll('.card:not([hidden])').length") == 2
    browser.value("document.querySelectorAll('.to-log')[1].click()")
    browser.value("document.getElementById('grep').value = ''; search()")
    assert browser.value("document.querySelectorAll('#lines tr').length") == 2
    assert browser.complaints == []


@pytest.mark.slow
def test_text_of_the_guest_runs_nothing_in_a_browser(tmp_path: Path, browser: Browser) -> None:
    evil = "</script><img src=x onerror=document.title='evil'><script>document.title='evil'</script>"
    directory = tmp_path / "run"
    directory.mkdir()
    entries = [printed(1, 1.0, evil, step="1", actor=evil)]
    leave(directory / "s", [operation("1", evil, 0, 10, path=evil)], entries, scenario=evil, reason=evil)
    assert finish_run(directory, 1e9)
    browser.open(directory / "report.html")
    browser.wait_for("document.body.dataset.ready")
    browser.wait_for("document.querySelectorAll('svg.timeline').length")
    assert browser.value("document.title.includes('evil')") is False
    assert browser.value("document.querySelectorAll('img').length") == 0
