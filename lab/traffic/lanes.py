"""A history as a picture: a lane for each process, time runs downwards, an operation reaches from call to return.

Distances are not to scale: each call and each return has a place of its own, so that microseconds and seconds can
stand in one picture. The times are written beside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from rich.text import Text

from lab.document import printable
from lab.traffic.history import NEVER, Operation, Status

_ROW = 15
_BOX = 34
_LANE = 210
_LEFT = 84
_CHARACTERS = 27
"""Of one line in a box of the SVG picture."""

_STYLE = (
    "text{font:11px DejaVu Sans Mono,Consolas,monospace;fill:#222}.time{fill:#777}.lane{font-weight:bold}"
    ".op{fill:#eef3fa;stroke:#7a93b5}.core{fill:#fdebea;stroke:#c0392b;stroke-width:2}"
    ".lost{stroke-dasharray:4 3}.line{stroke:#ddd}"
)


@dataclass(frozen=True)
class Lanes:
    """Operations in lanes. A process has a second lane where operations of it overlap (it died amid them)."""

    names: tuple[str, ...]
    lane_of: dict[int, int]
    """By position in `operations`."""
    operations: tuple[Operation, ...]
    core: frozenset[int]
    """Numbers of the operations to point out."""


def lanes_of(operations: Iterable[Operation], core: Collection[int] = ()) -> Lanes:
    """Arrange operations that were called in a lane each, in the order of the processes' first calls."""
    shown = sorted(
        (each for each in operations if each.status is not Status.REFUSED), key=lambda each: (each.t0, each.number)
    )
    names: list[str] = []
    free_at: list[int] = []
    lane_of: dict[int, int] = {}
    for position, operation in enumerate(shown):
        own = [lane for lane, name in enumerate(names) if name == operation.actor]
        lane = next((lane for lane in own if free_at[lane] <= operation.t0), None)
        if lane is None:
            lane = len(names)
            names.append(operation.actor)
            free_at.append(0)
        free_at[lane] = operation.t1
        lane_of[position] = lane
    order = sorted(range(len(names)), key=lambda lane: (names.index(names[lane]), lane))
    place = {lane: number for number, lane in enumerate(order)}
    return Lanes(
        names=tuple(names[lane] for lane in order),
        lane_of={position: place[lane] for position, lane in lane_of.items()},
        operations=tuple(shown),
        core=frozenset(core),
    )


def events_of(lanes: Lanes) -> list[tuple[int, bool, int]]:
    """Time, whether it is a return, and the operation's position; of one process each return before the next call."""
    events = []
    for position, operation in enumerate(lanes.operations):
        events.append((operation.t0, False, position))
        if operation.t1 != NEVER:
            events.append((operation.t1, True, position))
    return sorted(events, key=lambda event: _rank(event, lanes))


def _rank(event: tuple[int, bool, int], lanes: Lanes) -> tuple[int, int, bool]:
    """At one instant, an operation that took no time has its call directly before its return."""
    time, is_return, position = event
    operation = lanes.operations[position]
    kind = 1 if operation.t0 == operation.t1 else 2 * (not is_return)
    return time, kind * (len(lanes.operations) + 1) + position, is_return


def draw_text(lanes: Lanes, width: int = 120) -> list[Text]:
    """Lines for a terminal of `width` columns; processes that there is no room for are named in the last one."""
    room = max(1, (width - 11) // 16)
    shown = lanes.names[:room]
    column = max(16, (width - 11) // max(1, len(shown)))
    lines = [_text_line("        ms", [(name, "bold") for name in shown], column)]
    running: dict[int, int] = {}
    for time, is_return, position in events_of(lanes):
        lane = lanes.lane_of[position]
        cells = [("│", "") if other in running else ("", "") for other in range(len(shown))]
        operation = lanes.operations[position]
        style = "red" if operation.number in lanes.core else "dim" if lanes.core else ""
        for other, held in running.items():
            if other < len(cells) and lanes.operations[held].number in lanes.core:
                cells[other] = ("│", "red")
        if is_return:
            running.pop(lane, None)
            what = f"╰ {operation.result_text}"
        else:
            running[lane] = position
            what = f"╭ {operation.call_text}"
        if lane < len(cells):
            cells[lane] = (what, style)
            lines.append(_text_line(f"{time / 1000:10.3f}", cells, column))
    if running:
        ends = [("╎ not returned", "yellow") if lane in running else ("", "") for lane in range(len(shown))]
        lines.append(_text_line("", ends, column))
    if len(lanes.names) > len(shown):
        lines.append(Text(f"(no room for {', '.join(lanes.names[len(shown) :])}: a wider terminal shows them)"))
    return lines


def _text_line(time: str, cells: Sequence[tuple[str, str]], column: int) -> Text:
    line = Text(f"{time:>10} ", no_wrap=True)
    for what, style in cells:
        line.append(_short(printable(what), column - 1).ljust(column), style)
    line.rstrip()
    return line


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def draw_svg(lanes: Lanes, title: str = "", before: Sequence[str] = ()) -> str:
    """A picture that stands alone; `title` and what was `before` stand above the lanes."""
    notes = [title, *(f"before: {state}" for state in before)] if title else []
    width = max(_LEFT + _LANE * len(lanes.names) + 10, 10 + 7 * max((len(note) for note in notes), default=0))
    top = 16 + 16 * len(notes)
    rows: list[tuple[int, int]] = []
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    y = top + 18
    for time, is_return, position in events_of(lanes):
        y += _ROW
        if is_return:
            y = max(y, begins[position] + _BOX)
            ends[position] = y
        else:
            own = [ends[other] for other in ends if lanes.lane_of[other] == lanes.lane_of[position]]
            y = max(y, max(own, default=0) + 4)
            begins[position] = y
        rows.append((time, y))
    bottom = max([y, *(begin + _BOX for begin in begins.values())]) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom + 8}"'
        f' viewBox="0 0 {width} {bottom + 8}"><style>{_STYLE}</style>'
        f'<rect width="{width}" height="{bottom + 8}" fill="white"/>'
    ]
    parts += [_svg_text(8, 16 + 16 * number, note) for number, note in enumerate(notes)]
    for number, name in enumerate(lanes.names):
        x = _LEFT + _LANE * number
        parts.append(f'<line class="line" x1="{x}" y1="{top + 10}" x2="{x}" y2="{bottom}"/>')
        parts.append(_svg_text(x + 6, top + 8, name, "lane"))
    parts += [_svg_text(6, y + 4, f"{time / 1000:10.3f}", "time") for time, y in rows]
    for position, operation in enumerate(lanes.operations):
        x = _LEFT + _LANE * lanes.lane_of[position] + 6
        begin = begins[position]
        parts.append(_svg_box(x, begin, ends.get(position, bottom), operation, operation.number in lanes.core))
    return "\n".join([*parts, "</svg>\n"])


def _svg_box(x: int, begin: int, end: int, operation: Operation, is_core: bool) -> str:
    kind = ("core" if is_core else "op") + ("" if operation.has_result else " lost")
    step = f"step {operation.id}: " if operation.id else ""
    whole = printable(f"{operation.actor}, {step}{operation.call_text} -> {operation.result_text}", 1000)
    lines = (operation.call_text, f"= {operation.result_text}")
    texts = "".join(_svg_text(x + 5, begin + 14 + 14 * i, _short(line, _CHARACTERS)) for i, line in enumerate(lines))
    box = f'<rect class="{kind}" x="{x}" y="{begin}" width="{_LANE - 14}" height="{end - begin}" rx="4"/>'
    return f"<g><title>{escape(whole)}</title>{box}{texts}</g>"


def _svg_text(x: int, y: int, text: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x}" y="{y}" xml:space="preserve">{escape(printable(text, 500))}</text>'
