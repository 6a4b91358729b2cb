"""Which step of a scenario a print belongs to, and which actor: told by the target, in its own stream of prints.

The traffic program announces what it does by OutputDebugString. Without a debugger of its own that is a DbgPrint on
Windows ("this function calls the DbgPrint function", Win32 `OutputDebugStringA`), so an announcement stands between
the prints of the driver exactly where it happened. A marker is one print, the whole of it:

    \x01lab {"step":"4","actor":"writer","pid":40,"edge":"begin"}

and a line feed; U+0001, ASCII, no more than `LONGEST` characters. `edge` is

- `begin`: the step begins, before anything that it causes is printed. `actor` is null for what no actor does and for
  a parallel block, where steps of many overlap.
- `end`: the step has returned. The beginning of another step says so too, and may come instead.
- `process`: process `pid` is the actor's; `step` is null.

`pid` is a Windows process id, 0 where it is not known (the process is yet to be started) or where there is none.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["LONGEST", "PREFIX", "Attribution"]

PREFIX = "\x01lab "
LONGEST = 400
"""Characters of a marker: less than the 512 that a DbgPrint of Windows holds, so it always comes in one piece."""

_EDGES = ("begin", "end", "process")
_MAX_PROCESSES = 1024
_MAX_PID = 0xFFFFFFFF
_NOTHING: dict[str, Any] = {}


class Attribution:
    """Follows the markers among the prints of a target and says for each print what is known of its origin.

    A print that looks like a marker but is not exactly one is a print like any other, and changes nothing.
    """

    def __init__(self) -> None:
        self._step: str | None = None
        self._actor: str | None = None
        self._by_process: dict[int, str] = {}

    def reset(self) -> None:
        """Forget everything: another scenario begins, or the target is not what it was (restored, booted)."""
        self._step = self._actor = None
        self._by_process.clear()

    def feed(self, text: str, process: int | None) -> dict[str, Any]:
        """Further fields for the log entry of a print: `marker`, or those of `step` and `actor` that are known.

        `process` is the id of the user process that the print was made for, None or 0 when not known.
        """
        if text.startswith(PREFIX):
            marker = _parse(text)
            if marker is not None:
                self._follow(marker)
                return {"marker": marker}
        if self._step is None and not process:
            return _NOTHING
        return self._origin(process)

    def _follow(self, marker: dict[str, Any]) -> None:
        actor, pid = marker["actor"], marker["pid"]
        if marker["edge"] == "begin":
            self._step, self._actor = marker["step"], actor
        elif marker["edge"] == "end":
            if marker["step"] == self._step:
                self._step = self._actor = None
        elif pid in self._by_process or len(self._by_process) < _MAX_PROCESSES:
            self._by_process[pid] = actor

    def _origin(self, process: int | None) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self._step is not None:
            fields["step"] = self._step
        # A process that is known but nobody's is not the step's actor, whatever else is going on.
        actor = self._by_process.get(process) if process else self._actor
        if actor is not None:
            fields["actor"] = actor
        return fields


def _parse(text: str) -> dict[str, Any] | None:
    """The marker that `text` is; None when it is none."""
    if len(text) > LONGEST or not text.endswith("}\n"):
        return None
    try:
        value = json.loads(text[len(PREFIX) :])
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or set(value) != {"step", "actor", "pid", "edge"}:
        return None
    step, actor, pid, edge = value["step"], value["actor"], value["pid"], value["edge"]
    if edge not in _EDGES or type(pid) is not int or not 0 <= pid <= _MAX_PID:
        return None
    if edge == "process":
        valid = step is None and _is_name(actor) and pid > 0
    else:
        valid = _is_name(step) and (actor is None or _is_name(actor))
    return {"step": step, "actor": actor, "pid": pid, "edge": edge} if valid else None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isprintable()
