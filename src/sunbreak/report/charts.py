"""Charts as SVG, drawn by hand: a page needs no library and no script to show them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np

WIDTH, HEIGHT = 440, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 26, 40
TICKS: Final = 5
"""At most about so many numbers along an axis."""


@dataclass(frozen=True)
class Line:
    """A line of a chart."""

    name: str
    """As the legend says."""
    x: np.ndarray
    """Places, ascending."""
    y: np.ndarray
    """Values; NaN breaks the line."""
    colour: str
    """Of the line."""
    dashed: bool = False
    """Draw it dashed."""
    spread: np.ndarray | None = None
    """Half width of the band around it."""


def chart(lines: Sequence[Line], x_name: str, y_name: str, *, top: float | None = None) -> str:
    """Draw lines.

    Args:
        lines: The lines.
        x_name: What the horizontal axis shows, with its unit.
        y_name: What the vertical axis shows, with its unit.
        top: Upper end of the vertical axis, which begins at 0; None fits it.

    Returns:
        An `svg` element.
    """
    xs = np.concatenate([line.x for line in lines])
    ys = [line.y + (0 if line.spread is None else line.spread) for line in lines]
    high = top or max(1e-9, 1.05 * float(np.nanmax(np.concatenate(ys))))
    low_x, high_x = float(xs.min()), float(max(xs.max(), xs.min() + 1e-9))

    def place(x: float, y: float) -> str:
        right = LEFT + (x - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - np.clip(y / high, 0, 1) * (HEIGHT - TOP - BOTTOM)
        return f"{right:.1f},{down:.1f}"

    parts = [*_axes(x_name, y_name, (low_x, high_x), high)]
    for line in lines:
        points = [(x, y, s) for x, y, s in zip(line.x, line.y, _spread(line), strict=True) if np.isfinite(y)]
        if line.spread is not None:
            around = [place(x, y + s) for x, y, s in points] + [place(x, y - s) for x, y, s in reversed(points)]
            parts.append(f'<polygon points="{" ".join(around)}" fill="{line.colour}" opacity=".2"/>')
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        shown = " ".join(place(x, y) for x, y, _ in points)
        parts.append(f'<polyline points="{shown}" fill="none" stroke="{line.colour}" stroke-width="1.8"{dash}/>')
    parts += _legend(lines)
    label = escape(f"{y_name} by {x_name}: {', '.join(line.name for line in lines)}", quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _spread(line: Line) -> np.ndarray:
    return np.zeros(len(line.y)) if line.spread is None else line.spread


def _axes(x_name: str, y_name: str, x_range: tuple[float, float], high: float) -> list[str]:
    parts = []
    for value in _ticks(0.0, high):
        down = HEIGHT - BOTTOM - value / high * (HEIGHT - TOP - BOTTOM)
        parts.append(f'<path d="M{LEFT} {down:.1f}H{WIDTH - RIGHT}" stroke="#d9dde1"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{down + 4:.1f}" text-anchor="end">{value:.10g}</text>')
    for value in _ticks(*x_range):
        right = LEFT + (value - x_range[0]) / (x_range[1] - x_range[0]) * (WIDTH - LEFT - RIGHT)
        parts.append(f'<text x="{right:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:.10g}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(x_name)}</text>')
    parts.append(f'<text x="4" y="12">{escape(y_name)}</text>')
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers in a range."""
    power = 10.0 ** math.floor(math.log10((high - low) / TICKS))
    step = next(one * power for one in (1, 2, 5, 10, 20) if (high - low) / (one * power) <= TICKS)
    return [round(index * step, 10) for index in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]


def _legend(lines: Sequence[Line]) -> list[str]:
    parts, right = [], WIDTH - RIGHT
    for line in reversed(lines):
        right -= 7 * len(line.name) + 22
        parts.append(f'<text x="{right + 16}" y="12" fill="{line.colour}">{escape(line.name)}</text>')
        dash = ' stroke-dasharray="4 3"' if line.dashed else ""
        parts.append(f'<path d="M{right} 8h12" stroke="{line.colour}" stroke-width="2"{dash}/>')
    return parts


def shares(counts: Mapping[str, float], colours: Mapping[str, str]) -> str:
    """Draw shares of a whole as one bar with its legend.

    Args:
        counts: Size of each part, by name.
        colours: CSS colour of each part.

    Returns:
        HTML.
    """
    total = sum(counts.values()) or 1.0
    bar, place, rows = [], 0.0, []
    for name, count in counts.items():
        width = 100 * count / total
        bar.append(f'<rect x="{place:.3f}" width="{width:.3f}" height="6" fill="{colours[name]}"/>')
        place += width
        swatch = f'<svg class="swatch" viewBox="0 0 1 1"><rect width="1" height="1" fill="{colours[name]}"/></svg>'
        rows.append(f"<li>{swatch} {escape(name)} <b>{width:.1f} %</b></li>")
    picture = f'<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">{"".join(bar)}</svg>'
    return f'{picture}<ul class="shares">{"".join(rows)}</ul>'
