"""Draws the picture of a plan: in the terminal and as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from rich.text import Text

from lab.document import printable
from lab.scenario.picture import Kind, Picture, Row, lane_name

_LABEL = 12
"""Columns for the numbers of steps."""
_NARROWEST = 14
_WIDEST = 60
_LINES = tuple("═╪─┌└")

_SVG_ROW = 26
_SVG_LANE = 240
_SVG_LEFT = 110
_SVG_CHARACTERS = 31
_STYLE = (
    "text{font:11px DejaVu Sans Mono,Consolas,monospace;fill:#222}.label{fill:#777}.lane{font-weight:bold}"
    ".op{fill:#eef3fa;stroke:#7a93b5}.lab{fill:#f3f0e6;stroke:#b5a77a}.block{fill:#f7f7f7;stroke:#bbb}"
    ".line{stroke:#ddd}.barrier{stroke:#b5651d;stroke-width:3}.meets{fill:#b5651d;font-weight:bold}"
)


def draw_text(picture: Picture, width: int = 100) -> list[Text]:
    """Lines for a terminal of `width` columns; lanes that there is no room for are named in the last one."""
    columns = _columns(picture, width - _LABEL)
    lines = [_line("", [(lane_name(lane), "bold") for lane in columns], columns)]
    for row in picture.rows:
        label = "" if row.kind in (Kind.INSIDE, Kind.BLOCK_ENDS) else row.step
        lines.append(_line(label, list(_cells(row, columns)), columns))
    if len(columns) < len(picture.lanes):
        hidden = ", ".join(lane_name(lane) for lane in picture.lanes if lane not in columns)
        lines.append(Text(f"(no room for {hidden}: a wider terminal or --svg shows them)"))
    return lines


def _columns(picture: Picture, width: int) -> dict[str, int]:
    """The lanes that there is room for, each as wide as its texts where all have room so, else all alike."""
    wanted = {
        lane: 2 + max(len(lane_name(lane)), *(len(row.cells.get(lane, row.barrier)) for row in picture.rows))
        for lane in picture.lanes
    }
    wanted = {lane: max(_NARROWEST, min(_WIDEST, each)) for lane, each in wanted.items()}
    if sum(wanted.values()) <= width:
        return wanted
    shown = picture.lanes[: max(1, width // _NARROWEST)]
    return dict.fromkeys(shown, min(_WIDEST, width // len(shown)))


def _cells(row: Row, columns: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """What stands in each lane, and its style."""
    is_edge = row.kind in (Kind.BLOCK_BEGINS, Kind.BLOCK_ENDS)
    inside = [i for i, lane in enumerate(columns) if lane in (row.cells if is_edge else row.meets)]
    for i, (lane, column) in enumerate(columns.items()):
        between = bool(inside) and inside[0] <= i <= inside[-1]
        if is_edge:
            ends = "┌┐" if row.kind is Kind.BLOCK_BEGINS else "└┘"
            yield (_frame(ends, column, is_first=i == inside[0], is_last=i == inside[-1]) if between else "", "dim")
        elif lane in row.meets:
            yield _short(f"╪ {row.barrier} ", column - 1).ljust(column, "═"), "yellow"
        elif between and lane not in row.cells:
            yield "═" * column, "yellow"
        else:
            yield row.cells.get(lane, ""), ""


def _frame(ends: str, column: int, *, is_first: bool, is_last: bool) -> str:
    line = "─" * column
    if is_first:
        line = ends[0] + line[1:]
    return line[:-2] + ends[1] + " " if is_last else line


def _line(label: str, cells: list[tuple[str, str]], columns: Mapping[str, int]) -> Text:
    line = Text(f"{_short(label, _LABEL - 2):>{_LABEL - 2}}  ", no_wrap=True)
    for (what, style), column in zip(cells, columns.values(), strict=True):
        is_line = what[:1] in _LINES
        line.append(what.ljust(column) if is_line else _short(printable(what, 200), column - 1).ljust(column), style)
    line.rstrip()
    return line


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def draw_svg(picture: Picture) -> str:
    """A picture that stands alone."""
    width = _SVG_LEFT + _SVG_LANE * len(picture.lanes) + 10
    top = 58
    height = top + _SVG_ROW * len(picture.rows) + 14
    size = f'width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}"><style>{_STYLE}</style>',
        f'<rect {size} fill="white"/>',
        _svg_text(8, 20, picture.title),
    ]
    parts += _svg_blocks(picture, top)
    for number, lane in enumerate(picture.lanes):
        x = _SVG_LEFT + _SVG_LANE * number
        parts.append(f'<line class="line" x1="{x + 8}" y1="{top - 6}" x2="{x + 8}" y2="{height - 8}"/>')
        parts.append(_svg_text(x + 8, top - 12, lane_name(lane), "lane"))
    for number, row in enumerate(picture.rows):
        parts += _svg_row(row, picture.lanes, top + _SVG_ROW * number)
    return "\n".join([*parts, "</svg>\n"])


def _svg_blocks(picture: Picture, top: int) -> Iterator[str]:
    begin = 0
    for number, row in enumerate(picture.rows):
        if row.kind is Kind.BLOCK_BEGINS:
            begin = number
        elif row.kind is Kind.BLOCK_ENDS:
            inside = [i for i, lane in enumerate(picture.lanes) if lane in row.cells]
            x, y = _SVG_LEFT + _SVG_LANE * inside[0] - 4, top + _SVG_ROW * begin + _SVG_ROW // 2
            width = _SVG_LANE * (inside[-1] - inside[0] + 1)
            yield f'<rect class="block" x="{x}" y="{y}" width="{width}" height="{_SVG_ROW * (number - begin)}" rx="6"/>'


def _svg_row(row: Row, lanes: tuple[str, ...], y: int) -> Iterator[str]:
    if row.kind in (Kind.STEP, Kind.BLOCK_BEGINS):
        yield _svg_text(8, y + 17, _short(row.step, 14), "label")
    places = {lane: _SVG_LEFT + _SVG_LANE * i for i, lane in enumerate(lanes)}
    if row.meets:
        meeting = [places[lane] for lane in row.meets]
        first, last = min(meeting) + 2, max(meeting) + _SVG_LANE - 14
        yield f'<line class="barrier" x1="{first}" y1="{y + 18}" x2="{last}" y2="{y + 18}"/>'
        for x in meeting:
            yield _svg_text(x + 14, y + 14, row.barrier, "meets")
    if row.kind in (Kind.STEP, Kind.INSIDE):
        for lane, text in row.cells.items():
            yield _svg_box(text, places[lane], y, "lab" if lane_name(lane) != lane else "op")


def _svg_box(text: str, x: int, y: int, kind: str) -> str:
    whole = escape(printable(text, 500))
    shown = _svg_text(x + 8, y + 17, _short(text, _SVG_CHARACTERS))
    box = f'<rect class="{kind}" x="{x + 2}" y="{y + 2}" width="{_SVG_LANE - 16}" height="{_SVG_ROW - 4}" rx="4"/>'
    return f"<g><title>{whole}</title>{box}{shown}</g>"


def _svg_text(x: int, y: int, text: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x}" y="{y}" xml:space="preserve">{escape(printable(text, 500))}</text>'
