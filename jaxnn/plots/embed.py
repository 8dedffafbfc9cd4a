"""A figure inside a page: SVG whose text, lines and background take the colours of the page."""

import re

from matplotlib.figure import Figure

from jaxnn.plots.style import ACCENT, FAINT, GRID, INK, PAPER, figure_svg

_PAGE_COLORS = {
    INK: "var(--ink)",
    ACCENT: "var(--accent)",
    FAINT: "var(--faint)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
}


def embed_svg(figure: Figure, *, name: str) -> str:
    """The figure as an `<svg>` element for a page that defines --ink, --faint, --grid, --paper and --accent.

    Several figures may stand in one page: every identifier starts with `name`.  A figure that does not
    have jaxnn's ink is left in its own colours.

    Args:
        figure: any figure.
        name: unique in the page; letters, digits and dashes.
    """
    svg = figure_svg(figure)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*|<style type=\"text/css\">.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|\bxlink:href="#|\burl\(#)', rf"\g<1>{name}-", svg)
    # The page sets the typeface of its figures too; the sizes stay as they were laid out.
    svg = re.sub(r" font-family: [^;\"]*;?", "", svg)
    return re.sub(r'style="[^"]*"', lambda style: _recolor(style[0]), svg) if INK in svg else svg


def _recolor(style: str) -> str:
    return re.sub(r"#[0-9a-f]{6}", lambda color: _PAGE_COLORS.get(color[0], color[0]), style)
