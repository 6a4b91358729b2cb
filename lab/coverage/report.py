"""What a person reads of coverage: lines and branches missed in each file, as text and as HTML with the source."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from lab.coverage.lines import Coverage, FileCoverage

_STYLE = """body{font-family:sans-serif;margin:2em}pre{margin:0}td{padding:0 .6em;vertical-align:top}
.n{text-align:right;color:#888}.ran{background:#e6f6e6}.missed{background:#fbdada}.half{background:#fdf3d0}"""


def text_report(coverage: Coverage) -> str:
    """One line for each file with what it misses, and the whole, without what is left out of it."""
    width = max([len(name) for name in coverage], default=4) + 2
    lines = [f"{'file':<{width}}{'lines':>8}{'ran':>8}   missed (a line, b branch of a line that ran)"]
    for name, file in sorted(coverage.items()):
        lines.append(f"{name:<{width}}{len(file.lines):>8}{percent([file]):>8}   {_remark(file)}".rstrip())
    files = counted(coverage)
    branches = [count for file in files for count in file.branches.values()]
    taken = f"{sum(1 for count in branches if count)} of {len(branches)} branches"
    lines.append(f"{'all':<{width}}{sum(len(file.lines) for file in files):>8}{percent(files):>8}   {taken}")
    return "\n".join(lines)


def counted(coverage: Coverage) -> list[FileCoverage]:
    """The files of which the whole consists."""
    return [file for file in coverage.values() if not file.is_left_out]


def share(files: Iterable[FileCoverage]) -> float:
    """Of all lines with code those that ran, 0 to 1; 0 if there are none."""
    counts = [count for file in files for count in file.lines.values()]
    return sum(1 for count in counts if count) / len(counts) if counts else 0.0


def percent(files: Iterable[FileCoverage]) -> str:
    """Of all lines with code those that ran: `97.1%`."""
    return f"{100 * share(files):.1f}%"


def _remark(file: FileCoverage) -> str:
    return "left out" if file.is_left_out else _missed(file)


def _missed(file: FileCoverage) -> str:
    parts = [ranges(file.missed_lines)] if file.missed_lines else []
    return ", ".join(parts + [f"b{line}" for line in file.missed_branches])


def ranges(numbers: list[int]) -> str:
    """`3-5, 9`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ", ".join("-".join(map(str, part)) for part in parts)


def write_html(coverage: Coverage, sources: Path, folder: Path) -> Path:
    """A page for each file and an index; returns the index."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, file in sorted(coverage.items()):
        page = name.replace("/", "_") + ".html"
        (folder / page).write_text(_page(name, _source(file, sources / name)))
        rows.append(
            f'<tr><td><a href="{escape(page)}">{escape(name)}</a></td><td class="n">{len(file.lines)}</td>'
            f'<td class="n">{percent([file])}</td><td>{escape(_remark(file))}</td></tr>'
        )
    index = folder / "index.html"
    head = "<tr><th>file</th><th>lines</th><th>ran</th><th>missed</th></tr>"
    index.write_text(_page(f"Driver coverage: {percent(counted(coverage))}", f"<table>{head}{''.join(rows)}</table>"))
    return index


def _page(title: str, body: str) -> str:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f"<!DOCTYPE html><html><head>{head}</head><body><h1>{escape(title)}</h1>{body}</body></html>\n"


def _source(file: FileCoverage, path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return "<p>The source is not there.</p>"
    half = set(file.missed_branches)
    rows = []
    for number, line in enumerate(lines, 1):
        count = file.lines.get(number)
        kind = "" if count is None else "missed" if not count else "half" if number in half else "ran"
        shown = "" if count is None else str(count)
        cells = f'<td class="n">{number}</td><td class="n">{shown}</td><td><pre>{escape(line)}</pre></td>'
        rows.append(f'<tr class="{kind}">{cells}</tr>')
    return f"<table>{''.join(rows)}</table>"
