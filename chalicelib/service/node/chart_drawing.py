"""Drawing charts with what there is: matplotlib on one machine, our own SVG on Lambda."""

import importlib.util

from chalicelib.domain import chart_svg
from chalicelib.domain.chart import Chart
from chalicelib.infrastructure import plotting


def png(chart: Chart) -> bytes:
    """The chart as PNG. Raises Unsupported where nothing can draw it."""
    return plotting.draw(chart, "png")


def svg(chart: Chart) -> str:
    """The chart as SVG, which every node draws."""
    if importlib.util.find_spec("matplotlib") is None:
        return chart_svg.svg(chart)
    return plotting.draw(chart, "svg").decode()
