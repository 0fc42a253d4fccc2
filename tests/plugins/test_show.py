import dataclasses

import pytest

from plugins.sdk.show import HTML, TEXT, UNSPECIFIED, Block, Lines, Preformatted, Rows, Table, render

HOSTILE = "<script>alert('x')</script>&\""

TRIPS = Table(("Number", "Host"), [(1, "a"), (2, "")], line=lambda row: "{}  {}".format(*row))


@pytest.mark.parametrize(
    ("blocks", "wanted"),
    [
        ([], ""),
        ([Rows([])], ""),
        ([Rows([("Time", "PT1S"), ("Status", 200)])], "Time ... PT1S\nStatus . 200"),
        ([Rows([("Host", UNSPECIFIED)])], "Host . Not Specified"),
        ([Rows([("Data", None), ("Quick", True)])], "Data .. None\nQuick . True"),
        # Values with parts, as one line.
        ([Rows([("Hosts", ["a", "b"])])], "Hosts . a, b"),
        ([Rows([("Headers", {"é": "b"})])], 'Headers . {"é": "b"}'),
        ([TRIPS], "1  a\n2"),  # nothing trails
        ([Rows([("Sent", 1)], title="Packets")], "Packets\n-------\nSent . 1"),
        ([dataclasses.replace(TRIPS, title="Trips")], "Trips\n-----\n1  a\n2"),
        ([dataclasses.replace(TRIPS, headed=True)], "Number  Host\n1  a\n2"),
        ([Lines(["one", "two"])], "one\ntwo"),
        ([Preformatted("a\n  b")], "a\n  b"),
        ([Lines(["one"]), Lines(["two"])], "one\n\ntwo"),
    ],
)
def test_blocks_as_text(blocks: list[Block], wanted: str) -> None:
    assert render(blocks, TEXT) == wanted


def test_rows_as_html() -> None:
    rendered = render([Rows([("Time", "PT1S")])], HTML)

    assert rendered == "<table>\n<tr><td>Time</td><td>PT1S</td></tr>\n</table>"


def test_a_title_is_a_caption_in_html() -> None:
    rendered = render([Rows([("Sent", 1)], title="<b>"), dataclasses.replace(TRIPS, title="Trips")], HTML)

    assert "<table>\n<caption>&lt;b&gt;</caption>\n<tr><td>Sent" in rendered
    assert "<table>\n<caption>Trips</caption>\n<tr><th>Number" in rendered


def test_a_table_as_html_has_its_headings() -> None:
    rendered = render([TRIPS], HTML)

    assert "<tr><th>Number</th><th>Host</th></tr>\n<tr><td>1</td><td>a</td></tr>" in rendered


@pytest.mark.parametrize(
    "block",
    [
        Rows([("Host", HOSTILE)]),
        Rows([(HOSTILE, "a")]),
        Rows([("Hosts", [HOSTILE, HOSTILE])]),
        Rows([("Headers", {HOSTILE: {"a": [HOSTILE]}})]),
        Table((HOSTILE,), [(HOSTILE,)], line=str),
        Lines([HOSTILE]),
        Preformatted(HOSTILE),
    ],
)
def test_nothing_becomes_markup(block: Block) -> None:
    rendered = render([block], HTML)

    assert "<script" not in rendered
    assert "&lt;script&gt;" in rendered


def test_text_is_left_as_it_is() -> None:
    assert render([Lines([HOSTILE])], TEXT) == HOSTILE
