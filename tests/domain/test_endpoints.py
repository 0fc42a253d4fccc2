from typing import Any

import pytest

from chalicelib.domain.endpoints import endpoints, label_of

HERE = "here.example.org"


@pytest.mark.parametrize(
    ("spec", "source", "dest"),
    [
        ({"dest": "b"}, HERE, "b"),
        ({"source": "a", "dest": "b"}, "a", "b"),
        (
            {"source": "a", "source-node": "n:8443", "dest": "b", "dest-node": "m"},
            "a",
            "b",
        ),
        ({"source-node": "n:8443", "dest": "b"}, "n:8443", "b"),
        ({"host": "a", "url": "https://user:secret@www.example.org:8443/x?y"}, "a", "www.example.org"),
        ({"query": "www.example.org", "nameserver": "192.0.2.53"}, HERE, "192.0.2.53"),
        ({"query": "www.example.org"}, HERE, "www.example.org"),
        ({"network": "192.0.2.0/24"}, HERE, "192.0.2.0/24"),
        ({"host": ["a", "b"]}, "a", ""),
        ({"duration": "PT1S"}, HERE, ""),
        ({"source": "a", "dest": "b", "reverse": True}, "b", "a"),
        ({"source": "a", "reverse": True}, "a", ""),
        ({"url": "http://[bad/"}, HERE, ""),
    ],
)
def test_the_ends_of_a_test(spec: dict[str, Any], source: str, dest: str) -> None:
    assert endpoints(spec, [None, HERE]) == (source, dest)


@pytest.mark.parametrize(
    ("reference", "label"),
    [
        ({"display-task-name": "Backbone"}, "Backbone"),
        ({"label": "Backbone"}, "Backbone"),
        ({"display-task-name": 5}, ""),
        ("Backbone", ""),
        (None, ""),
        ({"label": "x" * 300}, "x" * 200),
    ],
)
def test_the_label_of_a_path(reference: Any, label: str) -> None:
    assert label_of(reference) == label
