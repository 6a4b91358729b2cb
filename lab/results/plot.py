"""Trends as small pictures that stand in a page; their colours are the page's."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_WIDTH = 900
_HEIGHT = 150
_LEFT = 64
_BOTTOM = 22
_TOP = 8


def plot(
    labels: Sequence[str], layers: Sequence[tuple[str, Sequence[float]]], unit: str = "", *, name: str = ""
) -> str:
    """Bars, one for each label; the layers (a class of the page's style, its values) stand on one another."""
    sums = [sum(values) for values in zip(*(values for _, values in layers), strict=True)]
    top = max(sums, default=0) or 1
    step = (_WIDTH - _LEFT) / max(len(labels), 1)
    scale = (_HEIGHT - _TOP - _BOTTOM) / top
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" aria-label="{escape(name)}"'
        f' viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        _line(_HEIGHT - _BOTTOM, "0"),
        _line(_TOP, f"{top:,.0f}{unit}" if top >= 10 else f"{top:.1f}{unit}"),
    ]
    for number, label in enumerate(labels):
        parts.append(
            _bar(_LEFT + number * step, step, scale, [(each, values[number]) for each, values in layers], label)
        )
    if labels:
        parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 6}">{escape(labels[0])}</text>')
        parts.append(f'<text x="{_WIDTH}" y="{_HEIGHT - 6}" text-anchor="end">{escape(labels[-1])}</text>')
    return "".join([*parts, "</svg>"])


def _line(y: float, text: str) -> str:
    line = f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y}" y2="{y}"/>'
    return f'{line}<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{escape(text)}</text>'


def _bar(x: float, step: float, scale: float, layers: Sequence[tuple[str, float]], label: str) -> str:
    y: float = _HEIGHT - _BOTTOM
    told = ", ".join(f"{value:,.4g} {name}" for name, value in layers)
    parts = [f"<g><title>{escape(f'{label}: {told}')}</title>"]
    for name, value in layers:
        height = value * scale
        y -= height
        if height > 0:
            width = max(step - (2 if step > 6 else 0), 0.5)
            parts.append(f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>')
    return "".join([*parts, "</g>"])
