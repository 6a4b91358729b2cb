"""A timeline as a picture for the HTML report: a lane for each process, the driver's prints beside them.

Distances are not to scale: each moment has a row of its own. Colours come from the page's style, so that the picture
is light or dark with it.
"""

from __future__ import annotations

from html import escape

from lab.document import printable
from lab.report.timeline import Kind, Row, Timeline
from lab.traffic.history import Operation

_ROW = 16
_BOX = 36
_BAND = 24
_LEFT = 78
_LANE = 196
_PRINTS = 560
_TOP = 30
_LANE_LETTERS = 26
_PRINT_LETTERS = 82
_STEP_LETTERS = 4
_LETTER = 6.63
"""Pixels that a character of the picture's font is wide."""
_COLOURS = 8
_MAX_TITLE = 1000


def draw(timeline: Timeline) -> str:
    """The picture as an `<svg>` element to stand inside of a page."""
    return _Picture(timeline).svg()


class _Picture:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._lanes = timeline.lanes
        self._prints_at = _LEFT + _LANE * len(self._lanes.names)
        self._width = self._prints_at + _PRINTS
        self._begins: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._parts: list[str] = []
        self._y = _TOP

    def svg(self) -> str:
        for row in self._timeline.rows:
            self._place(row)
        bottom = max([self._y + 14, *(begin + _BOX + 8 for begin in self._begins.values())])
        boxes = [self._box(position, bottom) for position in self._begins]
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="timeline" role="img" aria-label="timeline"'
            f' width="{self._width}" height="{bottom + 8}" viewBox="0 0 {self._width} {bottom + 8}">'
        )
        return "\n".join([head, *self._head(bottom), *boxes, *self._parts, "</svg>"])

    def _head(self, bottom: int) -> list[str]:
        parts = [_text(6, 18, "ms", "time")]
        for number, name in enumerate([*self._lanes.names, "prints"]):
            x = _LEFT + _LANE * number
            colour = f" c{number % _COLOURS}" if number < len(self._lanes.names) else ""
            parts.append(f'<line class="rule" x1="{x}" y1="26" x2="{x}" y2="{bottom}"/>')
            parts.append(_text(x + 6, 18, _short("the lab" if name == "-" else name, _LANE_LETTERS), f"lane{colour}"))
        return parts

    def _place(self, row: Row) -> None:
        if row.kind is Kind.CALL:
            lane = self._lanes.lane_of[row.position]
            own = [self._ends[each] for each in self._ends if self._lanes.lane_of[each] == lane]
            self._y = max(self._y + _ROW, max(own, default=0) + 4)
            self._begins[row.position] = self._y
            self._time(row, self._y + 4)
        elif row.kind is Kind.RETURN:
            self._y = max(self._y + _ROW, self._begins[row.position] + _BOX)
            self._ends[row.position] = self._y
            self._time(row, self._y + 4)
        elif row.kind is Kind.TROUBLE:
            running = [begin for position, begin in self._begins.items() if position not in self._ends]
            self._y = max(self._y + _BAND, max(running, default=0) + _BOX + 14)
            self._trouble(row)
        else:
            self._y += _ROW
            self._print(row)

    def _time(self, row: Row, y: int) -> None:
        self._parts.append(_text(_LEFT - 8, y, f"{row.time / 1000:.3f}", "time end"))

    def _trouble(self, row: Row) -> None:
        letters = int((self._width - 20) / _LETTER)
        is_focus = self._timeline.focus is not None and self._timeline.rows[self._timeline.focus] is row
        mark = ' id="focus"' if is_focus else ""
        band = f'<rect class="trouble" x="0" y="{self._y - 13}" width="{self._width}" height="19"/>'
        self._parts.append(f"<g{mark}>{_title(row.text)}{band}{_text(8, self._y + 1, _short(row.text, letters))}</g>")
        self._y += 6

    def _print(self, row: Row) -> None:
        names = self._lanes.names
        x, y = self._prints_at, self._y + 4
        kind = "event" if row.kind is Kind.EVENT else "print"
        dot = ""
        if row.actor in names:
            lane = names.index(row.actor)
            colour = f"c{lane % _COLOURS}"
            at = _LEFT + _LANE * lane
            dot = (
                f'<line class="tie {colour}" x1="{at}" y1="{y - 4}" x2="{x}" y2="{y - 4}"/>'
                f'<circle class="{colour}" cx="{x}" cy="{y - 4}" r="3.5"/>'
            )
        self._parts.append(f"<g>{_title(row.text)}{dot}{_text(x + 8, y, _short(row.text, _PRINT_LETTERS), kind)}</g>")

    def _box(self, position: int, bottom: int) -> str:
        operation = self._lanes.operations[position]
        lane = self._lanes.lane_of[position]
        x, y = _LEFT + _LANE * lane + 6, self._begins[position]
        end = self._ends.get(position, bottom)
        kind = "box" + (" core" if operation.number in self._lanes.core else "")
        kind += "" if operation.has_result else " lost"
        step = f"{operation.id}: " if 0 < len(operation.id) <= _STEP_LETTERS else ""
        lines = (step + operation.call_text, f"= {operation.result_text}")
        texts = "".join(_text(x + 8, y + 14 + 14 * i, _short(line, _LANE_LETTERS)) for i, line in enumerate(lines))
        return (
            f'<g>{_title(_whole(operation))}<rect class="{kind}" x="{x}" y="{y}" width="{_LANE - 14}"'
            f' height="{end - y}" rx="3"/><rect class="edge c{lane % _COLOURS}" x="{x}" y="{y}" width="3"'
            f' height="{end - y}"/>{texts}</g>'
        )


def _whole(operation: Operation) -> str:
    step = f"step {operation.id}: " if operation.id else ""
    return f"{operation.actor}, {step}{operation.call_text} -> {operation.result_text}"


def _title(text: str) -> str:
    return f"<title>{escape(printable(text, _MAX_TITLE))}</title>"


def _short(text: str, letters: int) -> str:
    text = printable(text, letters + 200)
    return text if len(text) <= letters else text[: letters - 1] + "…"


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x}" y="{y}" xml:space="preserve">{escape(text)}</text>'
