"""A crash report as JSON; lab/crash/report.py describes the fields."""

from __future__ import annotations

from typing import Any

from lab.crash.bugchecks import Explanation
from lab.crash.exceptions import exception_text, status_name
from lab.crash.report import MAX_TEXT, VERSION, CrashReport
from lab.crash.scene import ExceptionRecord, SceneModule
from lab.document import printable

MAX_MODULES = 2000


def report_object(report: CrashReport) -> dict[str, Any]:
    """The report's fields, ready for `json.dumps`."""
    scene = report.scene
    return {
        "v": VERSION,
        "headline": report.headline,
        "signature": {"hash": report.signature.hash, "text": report.signature.text},
        "source": printable(scene.source, MAX_TEXT),
        "system": printable(scene.system, MAX_TEXT),
        "machine": printable(scene.machine),
        "process": printable(scene.process, MAX_TEXT),
        "time": scene.time.isoformat() if scene.time else None,
        "bugcheck": _bugcheck(report.bugcheck, report) if report.bugcheck else None,
        "exception": _exception(report.exception, report) if report.exception else None,
        "fault": report.fault.to_json() if report.fault else None,
        "culprit": report.culprit.to_json() if report.culprit else None,
        "stacks": [
            {
                "label": stack.label,
                "faulting": stack.faulting,
                "waits_for": stack.waits_for,
                "frames": [call.to_json() for call in stack.calls],
            }
            for stack in report.stacks
        ],
        "registers": dict(report.registers),
        "excerpt": [{"line": each.line, "text": each.text, "here": each.here} for each in report.excerpt],
        "modules": [_module(each) for each in scene.modules[:MAX_MODULES]],
        "facts": {printable(name): printable(value, MAX_TEXT) for name, value in scene.facts.items()},
        "notes": list(report.notes),
    }


def _bugcheck(bugcheck: Explanation, report: CrashReport) -> dict[str, Any]:
    return {
        "code": bugcheck.code,
        "name": bugcheck.name,
        "what": bugcheck.what,
        "reference": bugcheck.source,
        "parameters": [
            {
                "value": each.value,
                "meaning": each.meaning,
                "word": each.word,
                "place": report.places.get(each.value, ""),
            }
            for each in bugcheck.parameters
        ],
    }


def _exception(exception: ExceptionRecord, report: CrashReport) -> dict[str, Any]:
    return {
        "code": exception.code,
        "name": status_name(exception.code),
        "flags": exception.flags,
        "address": exception.address,
        "parameters": list(exception.parameters),
        "what": exception_text(exception),
        "place": report.places.get(exception.address, ""),
    }


def _module(module: SceneModule) -> dict[str, Any]:
    return {
        "name": printable(module.name, MAX_TEXT),
        "path": printable(module.path, MAX_TEXT),
        "base": module.base,
        "size": module.size,
        "timestamp": module.timestamp,
        "unloaded": module.unloaded,
    }
