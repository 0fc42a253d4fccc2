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


class Looker:
    """A person with a browser. ``complaints`` is what its console said that is an error or a warning."""

    def __init__(self, browser: Any, node: Node) -> None:
        self.browser, self.node = browser, node
        self.contexts: list[Any] = []
        self.complaints: list[str] = []

    def at(
        self,
        view: str,
        size: tuple[int, int] = DESKTOP,
        scheme: str = "light",
        own_clock: bool = False,
        **args: str,
    ) -> Any:
        """The page at a view, once there is something in it; ``own_clock``, one that can be stopped."""
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            locale="en-GB",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE)
        self.contexts.append(context)
        page = context.new_page()
        if own_clock:
            page.clock.install()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        query = f"?{urllib.parse.urlencode(args)}" if args else ""
        page.goto(f"{self.node.base}/ui/#/{view}{query}")
        page.wait_for_selector("main h2")
        page.wait_for_selector(".loading", state="detached")
        return page

    def run_of(self, test: str, path: tuple[str, str]) -> str:
        """The path of the latest run of a test between two hosts that has a result."""
        source, dest = path
        found = self.node.ask("GET", f"/series?test={test}&source={source}&destination={dest}&last=1")[1]
        href: str = found[0]["last"]["run"]
        return href.removeprefix(self.node.base)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def close(self) -> None:
        for context in self.contexts:
            context.close()


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
