"""Looking at the page: views in a browser of some size and colours, what is in them, what axe finds."""

import urllib.parse
from typing import Any

from tests.acceptance.nodes import Node

DESKTOP, PHONE = (1280, 900), (390, 844)
PATIENCE = 30_000
"""Milliseconds that something may take to appear, on a busy machine."""
ROWS_LIKE_OTHERS = "tbody tr:nth-child(n+9)"
"""What axe need not look at: it takes longer the more there is, and these are made as those before them."""
GRAVE = ("serious", "critical")
NOWHERE = "about:blank"


class Looker:
    """A person with a browser. ``complaints`` is what its console said that is an error or a warning."""

    def __init__(self, browser: Any, node: Node) -> None:
        self.browser, self.node = browser, node
        self.complaints: list[str] = []
        self._page: Any = None
        """Used again and again: a page that is opened anew takes twice as long until it shows something."""
        self._with_clocks: list[Any] = []

    def at(
        self,
        view: str,
        size: tuple[int, int] = DESKTOP,
        scheme: str = "light",
        own_clock: bool = False,
        **args: str,
    ) -> Any:
        """The page at a view, once there is something in it; ``own_clock``, one that can be stopped.

        What was looked at before is left, and what the browser kept of it is forgotten.
        """
        page = self._opened(own_clock)
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=scheme)
        query = f"?{urllib.parse.urlencode(args)}" if args else ""
        page.goto(f"{self.node.base}/ui/#/{view}{query}")
        page.wait_for_selector("main h2")
        page.wait_for_selector(".loading", state="detached")
        return page

    def _opened(self, own_clock: bool) -> Any:
        if own_clock:
            page = self._new_page()
            page.clock.install()
            self._with_clocks.append(page)
            return page
        self._page = self._page or self._new_page()
        self._left(self._page)
        return self._page

    def _new_page(self) -> Any:
        context = self.browser.new_context(locale="en-GB", reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _left(self, page: Any) -> None:
        if page.url != NOWHERE:
            page.evaluate("localStorage.clear()")
            page.goto(NOWHERE)

    def run_of(self, test: str, path: tuple[str, str]) -> str:
        """The path of the latest run of a test between two hosts that has a result."""
        source, dest = path
        found = self.node.ask("GET", f"/series?test={test}&source={source}&destination={dest}&last=1")[1]
        href: str = found[0]["last"]["run"]
        return href.removeprefix(self.node.base)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def leave(self) -> None:
        """Be done with what was looked at, and with what was complained of."""
        for page in self._with_clocks:
            page.context.close()
        self._with_clocks.clear()
        if self._page:
            self._left(self._page)
        self.complaints = []


def barriers(page: Any, *rules: str) -> list[str]:
    """What keeps people with a keyboard, a screen reader or weak eyes out, as axe finds it."""
    from axe_playwright_python.sync_playwright import Axe

    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = Axe().run(page, context={"exclude": [ROWS_LIKE_OTHERS]}, options=options).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


def is_too_wide(page: Any) -> bool:
    """Whether the page as a whole has to be moved sideways to be read."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
