"""The marks that a drawing of a network is made of, as SVG: boxes, arrows, shortcut arcs. All lengths in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

#: A character's width over its font size; no common sans-serif is wider on average.
CHARACTER = 0.62

#: Font size, distance of lines, and padding of the text in a box.
FONT, LINE, PADDING = 11, 14, 7

MARGIN = 24
_RADIUS = 8

_STYLE = """
text{font-family:system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1f2937}
.paper{fill:#fff}.quiet{fill:#5b6472}.head{fill:#5b6472}
.box{fill:#e8f0fb;stroke:#4a7ab5}.end{fill:#f1f3f5;stroke:#7b8594}.more{fill:none;stroke:#7b8594;stroke-dasharray:3 3}
.line{fill:none;stroke:#5b6472;stroke-width:1.4}.add{fill:#fff;stroke:#5b6472;stroke-width:1.4}
.identity,.projection,.pad,.pool{fill:none;stroke-width:1.8}.identity{stroke:#2f855a}
.projection{stroke:#c05621;stroke-dasharray:7 3}.pad,.pool{stroke:#805ad5;stroke-dasharray:2 3}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.paper,.add{fill:#0d1117}.quiet,.head{fill:#9aa5b1}
.box{fill:#17293f}.end{fill:#1c2128}.line,.add{stroke:#9aa5b1}
.identity{stroke:#56b886}.projection{stroke:#f0883e}.pad,.pool{stroke:#b392f0}}
""".strip()


class SvgCanvas:
    """The marks of a drawing in the order in which they are drawn, and the width that they need."""

    def __init__(self) -> None:
        self.marks: list[str] = []
        self.width = 0.0

    def text(
        self,
        x: float,
        y: float,
        text: str,
        style: str = "",
        size: int = FONT,
        *,
        middle: bool = False,
        weight: int = 400,
    ) -> None:
        """Draw a line of text that begins at `x`, or has its middle there; `y` is its base line."""
        self._reach(x + text_width(text, size) / (2 if middle else 1))
        attributes = f'x="{x:g}" y="{y:g}" font-size="{size}"'
        attributes += f' class="{style}"' if style else ""
        attributes += ' text-anchor="middle"' if middle else ""
        attributes += f' font-weight="{weight}"' if weight != 400 else ""
        self.marks.append(f"<text {attributes}>{escape(text)}</text>")

    def line(self, style: str, data: str) -> None:
        """Draw a path in the style of a class: `line`, or the kind of a shortcut."""
        self.marks.append(f'<path class="{style}" d="{data}"/>')

    def arrow(self, x: float, to: float, y: float, *, head: bool = True) -> None:
        """Draw a horizontal line from `x` to `to`, with or without an arrowhead."""
        self._reach(to)
        self.line("line", f"M{x:g} {y:g}H{to:g}")
        if head:
            self.line("head", f"M{to:g} {y:g}l-6 -3.5v7z")

    def turn(self, start: tuple[float, float], end: tuple[float, float], channel: float) -> None:
        """Draw a line from the end of a row to the beginning of the next, through the gap at height `channel`."""
        (x, y), (to, down), r = start, end, _RADIUS
        self._reach(x + r)
        right = f"M{x:g} {y:g}q{r} 0 {r} {r}V{channel - r:g}q0 {r} -{r} {r}"
        left = f"H{to + r:g}q-{r} 0 -{r} {r}V{down - r:g}q0 {r} {r} {r}"
        self.line("line", right + left)

    def box(self, x: float, middle: float, lines: Sequence[str], style: str, hint: str, caption: str) -> None:
        """Draw lines of text in a box around height `middle`, with a caption below it; the pointer shows `hint`."""
        width, height = box_size(lines)
        top = middle - height / 2
        place = f'x="{x:g}" y="{top:g}" width="{width:g}" height="{height:g}"'
        self.marks.append(f'<g><title>{escape(hint)}</title><rect class="{style}" {place} rx="6"/></g>')
        for index, line in enumerate(lines):
            self.text(x + width / 2, top + PADDING + FONT + index * LINE, line, middle=True)
        if caption:
            self.text(x + width / 2, top + height + 13, caption, "quiet", 10, middle=True)

    def shortcut(self, x: float, to: float, middle: float, above: float, style: str, label: str) -> None:
        """Draw an arc from `x` to a circled plus at `to`, over boxes that reach `above` above the middle."""
        r, top = _RADIUS, middle - above
        self.line(style, f"M{x:g} {middle:g}V{top + r:g}q0 -{r} {r} -{r}H{to - r:g}q{r} 0 {r} {r}V{middle - 6:g}")
        self.line("line", f"M{to - 11:g} {middle:g}H{to - 6:g}")
        self.marks.append(f'<circle class="add" cx="{to:g}" cy="{middle:g}" r="6"/>')
        self.line("line", f"M{to - 3:g} {middle:g}h6M{to:g} {middle - 3:g}v6")
        if label:
            self.text((x + to) / 2, top - 5, label, "quiet", 10, middle=True)

    def document(self, title: str, description: str, height: float) -> str:
        """Return the whole SVG, its title and description readable by assistive software."""
        size = f'width="{self.width:g}" height="{height:g}"'
        view = f'viewBox="0 0 {self.width:g} {height:g}" {size} role="img" aria-labelledby="title desc"'
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" {view}>',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="desc">{escape(description)}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" {size} rx="10"/>',
            *self.marks,
            "</svg>",
            "",
        ])  # fmt: skip

    def _reach(self, x: float) -> None:
        self.width = max(self.width, x + MARGIN)


def text_width(text: str, size: int = FONT) -> float:
    """Return an upper bound of the width of a text in pixels."""
    return len(text) * size * CHARACTER


def box_size(lines: Sequence[str]) -> tuple[float, float]:
    """Return the width and the height of a box around lines of text."""
    return max(64.0, max(map(text_width, lines)) + 2 * PADDING), len(lines) * LINE + 2 * PADDING


__all__ = ["CHARACTER", "FONT", "LINE", "MARGIN", "PADDING", "SvgCanvas", "box_size", "text_width"]
