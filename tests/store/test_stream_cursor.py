"""A cursor in the streams: it holds what it is made of, in so many bytes, and nothing else is one."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid, Unsupported
from chalicelib.domain.times import UTC
from chalicelib.store.stream_cursor import MOST_SHARDS, SINCE, START, Cursor, unpack

moments = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(UTC))
numbers = st.text("0123456789", min_size=1, max_size=40)
places = st.dictionaries(
    st.binary(min_size=6, max_size=6), st.one_of(numbers, st.sampled_from([SINCE, START])), max_size=20
)


@given(st.builds(Cursor, moments, moments, places))
def test_what_is_packed_is_unpacked(cursor: Cursor) -> None:
    assert unpack(cursor.pack()) == cursor


def test_it_is_bounded_in_size() -> None:
    now = dt.datetime(2026, 11, 23, tzinfo=UTC)
    largest = {number.to_bytes(6, "big"): "9" * 40 for number in range(MOST_SHARDS)}

    text = Cursor(now, now, largest).pack()

    assert len(text) < 2100
    assert unpack(text).places == largest
    with pytest.raises(Unsupported, match="more than 64 shards"):
        Cursor(now, now, {**largest, b"others": START}).pack()


@given(
    st.one_of(st.text(), st.binary().map(lambda content: "s-" + content.hex()), st.just("s-" + "A" * 3000))
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="must be the cursor of an earlier answer"):
        unpack(text)


@given(st.builds(Cursor, moments, moments, places), st.data())
def test_what_is_cut_short_is_refused_or_names_fewer_shards(cursor: Cursor, data: st.DataObject) -> None:
    whole = cursor.pack()
    text = whole[: data.draw(st.integers(0, len(whole)))]

    assert _named(text) <= cursor.places.items()


def _named(text: str) -> set[tuple[bytes, str]]:
    try:
        return set(unpack(text).places.items())
    except Invalid:
        return set()
