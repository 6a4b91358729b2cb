"""A long history at a glance: how much each process did in each slice of time, and where something went wrong.

For histories that are too long to be drawn operation by operation (`lab.traffic.lanes` does that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from rich.text import Text

from lab.document import printable
from lab.traffic.history import NEVER, Operation, Status

SLICES = 40
_LEFT = 100
_CELL = 24
_ROW = 16
_SHADES = " ░▒▓█"
_NAME = 12
"""Columns that a name may take."""
_STYLE = (
    "text{font:11px DejaVu Sans Mono,Consolas,monospace;fill:#222}.time{fill:#777}.count{font-size:8px;fill:#555}"
    ".done{fill:#7a93b5}.failed{fill:#e0a030}.lost{fill:#c0392b}"
)


@dataclass
class Cell:
    """What one process did in one slice: operations that returned, those of them that failed, those that never did."""

    returned: int = 0
    failed: int = 0
    lost: int = 0


@dataclass
class Overview:
    """Cells by slice and lane."""

    names: tuple[str, ...]
    begin: int
    """Microseconds since the traffic began."""
    width: int
    """Microseconds of one slice."""
    operations: int
    cells: dict[tuple[int, int], Cell] = field(default_factory=dict)

    @property
    def most(self) -> int:
        return max((cell.returned + cell.lost for cell in self.cells.values()), default=1)

    def row(self, number: int) -> list[Cell]:
        return [self.cells.get((number, lane), Cell()) for lane in range(len(self.names))]

    def time(self, number: int) -> str:
        """When the slice begins, in milliseconds."""
        return f"{(self.begin + number * self.width) / 1000:10.3f}"

    def sums(self) -> tuple[int, int, int]:
        """Operations that returned, failed, never returned."""
        cells = self.cells.values()
        return sum(c.returned for c in cells), sum(c.failed for c in cells), sum(c.lost for c in cells)


def overview_of(operations: Sequence[Operation]) -> Overview:
    """Count the operations that were called; one belongs where it returned, or was called if it never did."""
    shown = [each for each in operations if each.status is not Status.REFUSED]
    lanes: dict[str, int] = {}
    for each in sorted(shown, key=lambda each: (each.t0, each.number)):
        lanes.setdefault(each.actor, len(lanes))
    begin = min((each.t0 for each in shown), default=0)
    end = max((_moment(each) for each in shown), default=0)
    found = Overview(tuple(lanes), begin, max(1, -(-(end - begin + 1) // SLICES)), len(shown))
    for each in shown:
        place = ((_moment(each) - begin) // found.width, lanes[each.actor])
        cell = found.cells.setdefault(place, Cell())
        if each.has_result:
            cell.returned += 1
            cell.failed += not each.ok
        else:
            cell.lost += 1
    return found


def _moment(operation: Operation) -> int:
    return operation.t0 if operation.t1 == NEVER else operation.t1


def _summary(overview: Overview) -> str:
    returned, failed, lost = overview.sums()
    seconds = SLICES * overview.width / 1e6
    return (
        f"{overview.operations} operations of {len(overview.names)} processes in {seconds:.3f} s: "
        f"{returned} returned, {failed} of them with an error, {lost} did not return"
    )


def draw_overview_text(overview: Overview, width: int = 120) -> list[Text]:
    """Lines for a terminal: numbers, or shades where there are many processes; errors yellow, what was lost red."""
    column = 1 + max((min(_NAME, max(6, len(name))) for name in overview.names), default=6)
    has_room = column * len(overview.names) <= width - 11
    column = column if has_room else 1
    room = (width - 11) // column
    lines = [Text(_summary(overview))]
    if has_room:
        lines.append(
            Text("        ms " + "".join(f"{printable(name)[: column - 1]:>{column}}" for name in overview.names))
        )
    else:
        lines.append(Text(f"        ms a column each, from left to right: {', '.join(map(printable, overview.names))}"))
    for number in range(SLICES):
        line = Text(f"{overview.time(number)} ", no_wrap=True)
        for cell in overview.row(number)[:room]:
            line.append(
                _in_column(cell, column, overview.most), "red" if cell.lost else "yellow" if cell.failed else ""
            )
        line.rstrip()
        lines.append(line)
    return lines


def _in_column(cell: Cell, column: int, most: int) -> str:
    count = cell.returned + cell.lost
    if column > 1:
        return f"{count or '':>{column}}"
    return _SHADES[-(-count * (len(_SHADES) - 1) // most)]


def draw_overview_svg(overview: Overview, title: str = "") -> str:
    """A picture that stands alone: the darker, the more; yellow with errors, red where something did not return."""
    top = 150
    width = max(_LEFT + _CELL * len(overview.names) + 10, 900)
    height = top + _ROW * SLICES + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<style>{_STYLE}</style><rect width="{width}" height="{height}" fill="white"/>',
        _svg_text(8, 16, title),
        _svg_text(8, 32, _summary(overview)),
    ]
    for lane, name in enumerate(overview.names):
        x = _LEFT + _CELL * lane + 15
        parts.append(f'<g transform="translate({x} {top - 6}) rotate(-60)">{_svg_text(0, 0, name)}</g>')
    for number in range(SLICES):
        y = top + _ROW * number
        parts.append(_svg_text(6, y + 12, overview.time(number), "time"))
        for lane, cell in enumerate(overview.row(number)):
            if cell.returned + cell.lost:
                parts.append(_svg_cell(_LEFT + _CELL * lane, y, cell, overview.most))
    return "\n".join([*parts, "</svg>\n"])


def _svg_cell(x: int, y: int, cell: Cell, most: int) -> str:
    count = cell.returned + cell.lost
    kind = "lost" if cell.lost else "failed" if cell.failed else "done"
    what = f"{cell.returned} returned, {cell.failed} of them with an error, {cell.lost} did not return"
    box = (
        f'<rect class="{kind}" x="{x + 1}" y="{y + 1}" width="{_CELL - 2}" height="{_ROW - 2}" '
        f'fill-opacity="{0.2 + 0.8 * count / most:.2f}"/>'
    )
    return f"<g><title>{what}</title>{box}{_svg_text(x + 3, y + 11, str(count), 'count')}</g>"


def _svg_text(x: int, y: int, text: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x}" y="{y}" xml:space="preserve">{escape(printable(text, 500))}</text>'
