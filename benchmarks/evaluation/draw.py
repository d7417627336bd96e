"""Small pictures as SVG: bars, a reliability diagram, a scatter. No script, no style from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

_WIDTH: Final = 420
_HEIGHT: Final = 260
_LEFT: Final = 110
_EDGE: Final = 24
_INK: Final = "#1f4e79"
_PALE: Final = "#9fb8d0"


def bars(values: Sequence[tuple[str, float]], *, most: float | None = None, mark: float | None = None) -> str:
    """Return horizontal bars with their names and values; `mark` is drawn as a line."""
    top = most if most is not None else max((value for _, value in values), default=1.0) or 1.0
    step = 22
    parts = []
    for row, (name, value) in enumerate(values):
        y = _EDGE + row * step
        width = (_WIDTH - _LEFT - 60) * min(1.0, max(0.0, value / top))
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 12}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="15" fill="{_INK}"/>')
        parts.append(f'<text x="{_LEFT + width + 4:.1f}" y="{y + 12}">{value:.2f}</text>')
    height = 2 * _EDGE + step * len(values)
    if mark is not None:
        x = _LEFT + (_WIDTH - _LEFT - 60) * min(1.0, mark / top)
        parts.append(f'<line x1="{x:.1f}" y1="{_EDGE}" x2="{x:.1f}" y2="{height - _EDGE}" stroke="#b00020"/>')
    return _svg(parts, height)


def diagram(points: Sequence[tuple[float, float, int]]) -> str:
    """Return a reliability diagram: confidence to the right, share that was right upwards, both 0 to 1."""
    side = _HEIGHT - 2 * _EDGE
    parts = [
        f'<line x1="{_EDGE}" y1="{_EDGE + side}" x2="{_EDGE + side}" y2="{_EDGE}" stroke="{_PALE}"/>',
        f'<rect x="{_EDGE}" y="{_EDGE}" width="{side}" height="{side}" fill="none" stroke="{_PALE}"/>',
    ]
    for sure, right, count in points:
        x, y = _EDGE + side * sure, _EDGE + side * (1 - right)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_INK}"/>')
        parts.append(f'<text x="{x + 6:.1f}" y="{y + 4:.1f}">{count}</text>')
    return _svg(parts, _HEIGHT)


def scatter(points: Sequence[tuple[float, float]], x: tuple[float, float], y: tuple[float, float]) -> str:
    """Return a scatter of points within the ranges `x` and `y`."""
    side = _HEIGHT - 2 * _EDGE
    parts = [f'<rect x="{_EDGE}" y="{_EDGE}" width="{side}" height="{side}" fill="none" stroke="{_PALE}"/>']
    for at_x, at_y in points:
        left = _EDGE + side * (at_x - x[0]) / (x[1] - x[0])
        down = _EDGE + side * (1 - (at_y - y[0]) / (y[1] - y[0]))
        parts.append(f'<circle cx="{left:.1f}" cy="{down:.1f}" r="1.5" fill="{_INK}" fill-opacity="0.35"/>')
    return _svg(parts, _HEIGHT)


def _svg(parts: Sequence[str], height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
        f' font-family="sans-serif" font-size="11">{"".join(parts)}</svg>'
    )
