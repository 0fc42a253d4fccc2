"""The archiver prometheus: the bytes of remote write, read by another's reader of Protocol Buffers."""

import builtins
from typing import Any

import pytest
from cramjam import snappy
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from plugins.archivers import prometheus
from plugins.sdk.jobs import Outcome
from plugins.support.remote_write import write_request
from tests.plugins.results import AT, LABELS, parcel
from tests.plugins.web import serving

_TYPES = {"string": 9, "double": 1, "int64": 3, "message": 11}


def _reader() -> Any:
    """The class WriteRequest, made of the messages as Prometheus declares them."""
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="prometheus", syntax="proto3")
    for name, fields in {
        "Label": [("name", 1, "string", ""), ("value", 2, "string", "")],
        "Sample": [("value", 1, "double", ""), ("timestamp", 2, "int64", "")],
        "TimeSeries": [("labels", 1, "message", "Label"), ("samples", 2, "message", "Sample")],
        "WriteRequest": [("timeseries", 1, "message", "TimeSeries")],
    }.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            many = 3 if kind == "message" else 1
            made = message.field.add(name=field, number=number, type=_TYPES[kind], label=many)
            if of:
                made.type_name = f".prometheus.{of}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))


READER = _reader()


def test_numbers_arrive_as_samples_under_the_names_prometheus_takes() -> None:
    with serving({"/api/v1/write": (204, {}, b"")}) as server:
        url = f"{server.url}/api/v1/write"
        outcome = prometheus.deliver(parcel({"_url": url, "labels": {"site": "ams"}}))

    _, _, headers, body = server.asked[0]
    found = READER.FromString(bytes(snappy.decompress_raw(body)))
    series = {each.labels[0].value: each for each in found.timeseries}
    assert outcome == Outcome(True)
    assert (headers["Content-Encoding"], headers["Content-Type"]) == ("snappy", "application/x-protobuf")
    assert set(series) == {
        "perfsonar_run_succeeded",
        "perfsonar_rtt_mean_milliseconds",
        "perfsonar_packet_loss_ratio",
    }
    rtt = series["perfsonar_rtt_mean_milliseconds"]
    assert {each.name: each.value for each in rtt.labels} == {
        "__name__": "perfsonar_rtt_mean_milliseconds",
        "site": "ams",
        **LABELS,
    }
    assert [(each.value, each.timestamp) for each in rtt.samples] == [(1.5, AT * 1000)]


@given(
    st.lists(
        st.tuples(
            st.text(min_size=1),
            st.dictionaries(st.text(min_size=1).filter(lambda name: name != "__name__"), st.text(min_size=1)),
            st.floats(allow_nan=False),
            st.integers(-(2**63), 2**63 - 1),
        )
    )
)
def test_any_series_is_read_as_it_was_written(series: list[tuple[str, dict[str, str], float, int]]) -> None:
    found = READER.FromString(write_request(series))

    assert [
        ({each.name: each.value for each in one.labels}, one.samples[0].value, one.samples[0].timestamp)
        for one in found.timeseries
    ] == [({"__name__": name, **labels}, value, when) for name, labels, value, when in series]
    for one in found.timeseries:
        names = [each.name for each in one.labels]
        assert names == sorted(names)


def test_without_the_package_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    importing = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "cramjam":
            raise ImportError(name)
        return importing(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)

    assert prometheus.deliver(parcel({"_url": "http://127.0.0.1/"})) == Outcome(False, prometheus.MISSING)
