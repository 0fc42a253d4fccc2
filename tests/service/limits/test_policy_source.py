"""Where a policy is read from, and how much of it."""

import pathlib
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid, TooLarge, Unavailable
from chalicelib.infrastructure import blobs, web
from chalicelib.infrastructure.web import Want
from chalicelib.service.limits import policy_source


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the web and the object store are asked for; each answers with a text of its own."""
    asked: list[Any] = []

    def get(want: Want) -> tuple[int, str]:
        asked.append(want)
        return (404, "no") if "gone" in want.url else (200, f"page {want.url}")

    def get_text(bucket: str, key: str, most: int) -> str:
        asked.append((bucket, key, most))
        return "http://limits.test/moved\n" if key == "moved" else f"object {key}"

    monkeypatch.setattr(web, "get", get)
    monkeypatch.setattr(blobs, "get_text", get_text)
    return asked


LARGEST = policy_source.LARGEST_POLICY * 4


def page(url: str) -> Want:
    return Want(url, 5.0, LARGEST)


@pytest.mark.parametrize(
    ("where", "text", "asked"),
    [
        ("https://limits.test/a", "page https://limits.test/a", page("https://limits.test/a")),
        ("http://limits.test/a", "page http://limits.test/a", page("http://limits.test/a")),
        ("s3://bucket/of/a.json", "object of/a.json", ("bucket", "of/a.json", LARGEST)),
        ("s3://bucket", "object ", ("bucket", "", LARGEST)),
    ],
)
def test_a_policy_is_read_from_where_it_is(told: list[Any], where: str, text: str, asked: Any) -> None:
    assert policy_source.read(where) == text
    assert told == [asked]


def test_one_that_consists_of_a_url_stands_for_what_is_there(told: list[Any], tmp_path: pathlib.Path) -> None:
    path = tmp_path / "limits"
    path.write_text(" https://limits.test/b\n")

    assert policy_source.read(str(path)) == "page https://limits.test/b"
    assert policy_source.read(f"file://{path}") == "page https://limits.test/b"
    assert policy_source.read("s3://bucket/moved") == "page http://limits.test/moved"


@pytest.mark.parametrize("text", ["http://limits.test/b and more", "{}", "see http://limits.test/b", ""])
def test_any_other_text_is_the_policy(told: list[Any], tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "limits"
    path.write_text(text)

    assert policy_source.read(str(path)) == text
    assert told == []


def test_a_page_that_is_not_there_is_no_policy(told: list[Any]) -> None:
    with pytest.raises(Unavailable) as failed:
        policy_source.read("https://limits.test/gone")

    assert failed.value.message == "The policy's URL answered with status 404"


def test_a_page_that_consists_of_a_url_stands_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "get", lambda want: (200, "https://limits.test/round"))

    assert policy_source.read("https://limits.test/a") == "https://limits.test/round"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "No such file or directory"), (b"\xff", "it is not UTF-8 text")],
)
def test_a_file_that_cannot_be_read_is_said(
    tmp_path: pathlib.Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "limits"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(Unavailable) as failed:
        policy_source.read(str(path))

    assert failed.value.message == f"{path} cannot be read: {complaint}"


def test_a_policy_may_have_four_times_its_size_with_its_comments(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_source, "LARGEST_POLICY", 10)
    path = tmp_path / "limits"
    path.write_text("x" * 40)
    assert policy_source.read(str(path)) == "x" * 40

    path.write_text("x" * 50)
    with pytest.raises(TooLarge) as failed:
        policy_source.read(str(path))

    assert failed.value.message == "The policy has 41 characters; it must have at most 10"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("[]", "The policy: must be a JSON object"), ("", "The policy: not valid JSON")],
)
def test_what_is_no_object_is_no_policy(text: str, complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        policy_source.document(text)


def test_comments_are_no_part_of_it() -> None:
    assert policy_source.document('{"# why": "because", "schema": 1}') == {"schema": 1}
