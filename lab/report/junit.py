"""`junit.xml` of a run, as CI servers read it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as Xml

from lab.document import printable
from lab.errors import Cause
from lab.report.run_record import Outcome, RunRecord

JUNIT = "junit.xml"
MAX_TEXT = 1000
_ERRORS = (Cause.INFRASTRUCTURE.value, Cause.USAGE.value)


def write_junit(run: RunRecord) -> Path:
    """Write the run's junit.xml: failures speak against the driver, errors against the lab. Raises OSError."""
    suites = Xml.Element("testsuites")
    bad, errors, skipped = (sum(map(of, run.outcomes)) for of in (_is_failure, _is_error, _is_skipped))
    suite = Xml.SubElement(
        suites, "testsuite", name=run.name, tests=str(len(run.outcomes)), failures=str(bad), errors=str(errors),
        skipped=str(skipped), time=f"{sum(each.seconds for each in run.outcomes):.3f}",
        timestamp=datetime.fromtimestamp(run.began, UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    for outcome in run.outcomes:
        _case(suite, outcome)
    path = run.directory / JUNIT
    Xml.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)
    return path


def properties_of(outcome: Outcome) -> dict[str, str]:
    """What is said of a test case besides its ending; what is not known is left out."""
    found = {
        "cause": outcome.cause,
        "signature": outcome.signature,
        "driver": outcome.driver,
        "driver_hash": outcome.driver_hash,
        "guest": outcome.guest,
        "image": outcome.image,
        "verifier": outcome.verifier,
        "seed": "" if outcome.seed is None else str(outcome.seed),
        "directory": outcome.directory,
    }
    return {name: value for name, value in found.items() if value}


def _case(suite: Xml.Element, outcome: Outcome) -> None:
    name = _clean(outcome.scenario)
    case = Xml.SubElement(
        suite, "testcase", classname=name.partition("[")[0], name=name, time=f"{outcome.seconds:.3f}"
    )  # fmt: skip
    properties = Xml.SubElement(case, "properties")
    for key, value in properties_of(outcome).items():
        Xml.SubElement(properties, "property", name=key, value=_clean(value))
    text = _clean(f"{outcome.cause}: {outcome.reason}" if outcome.reason else outcome.cause)
    if _is_skipped(outcome):
        Xml.SubElement(case, "skipped", message=text)
    elif _is_error(outcome):
        Xml.SubElement(case, "error", type=outcome.cause, message=text)
    elif _is_failure(outcome):
        failure = Xml.SubElement(case, "failure", type=_clean(outcome.cause), message=text)
        failure.text = _clean(outcome.signature_text) or text


def _is_failure(outcome: Outcome) -> bool:
    return outcome.cause != Cause.PASSED.value and not _is_error(outcome) and not _is_skipped(outcome)


def _is_error(outcome: Outcome) -> bool:
    return outcome.cause in _ERRORS


def _is_skipped(outcome: Outcome) -> bool:
    return outcome.cause == Cause.SKIPPED.value or outcome.known


def _clean(text: str) -> str:
    """Without what XML cannot hold."""
    return printable(text, MAX_TEXT)
