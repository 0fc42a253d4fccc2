"""MiniStack, started and stopped for real."""

import json
import pathlib
import socket
from typing import Any

import botocore.config
import botocore.exceptions
import botocore.session
import pytest

from local import ministack
from tests.conftest import ministack_python


def sqs(running: ministack.MiniStack) -> Any:
    return botocore.session.get_session().create_client("sqs", endpoint_url=running.endpoint)


def test_it_listens_on_loopback_only_and_is_found_again(tmp_path: pathlib.Path) -> None:
    running, found = ministack.start(ministack_python(), tmp_path)
    try:
        again, found_again = ministack.start(ministack_python(), tmp_path)
        with socket.socket() as probe:
            refused = probe.connect_ex(("127.0.0.2", running.port))
    finally:
        stopped = running.stop()

    assert (found, found_again, stopped) == (False, True, True)
    assert again == running
    assert refused != 0
    assert not running.answers()


@pytest.mark.parametrize("service", ["lambda", "secretsmanager", "stepfunctions"])
def test_it_serves_only_what_a_node_uses(ministack: ministack.MiniStack, service: str) -> None:
    settings = botocore.config.Config(retries={"total_max_attempts": 1})
    ask = {
        "lambda": "list_functions",
        "secretsmanager": "list_secrets",
        "stepfunctions": "list_state_machines",
    }
    client = botocore.session.get_session().create_client(
        service, endpoint_url=ministack.endpoint, config=settings, region_name="us-east-1"
    )

    with pytest.raises(botocore.exceptions.ClientError):
        getattr(client, ask[service])()


def test_a_clean_stop_keeps_the_state_and_the_port(tmp_path: pathlib.Path) -> None:
    first, _ = ministack.start(ministack_python(), tmp_path)
    client = sqs(first)
    url = client.create_queue(QueueName="kept")["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="still here")
    first.stop()

    second, found = ministack.start(ministack_python(), tmp_path)
    try:
        messages = sqs(second).receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"]
    finally:
        second.stop()

    assert not found
    assert second.port == first.port
    assert [message["Body"] for message in messages] == ["still here"]


def test_a_record_of_somebody_elses_server_is_not_believed(tmp_path: pathlib.Path) -> None:
    running, _ = ministack.start(ministack_python(), tmp_path / "theirs")
    stale = {"port": running.port, "pid": running.pid, "mark": "of another folder"}
    (tmp_path / "ministack.json").write_text(json.dumps(stale))
    try:
        ours, found = ministack.start(ministack_python(), tmp_path)
        ours.stop()
        assert running.answers()
    finally:
        running.stop()

    assert not found
    assert ours.port != running.port


def test_an_interpreter_without_it_is_one_clear_line(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ministack.MiniStackTrouble, match=r"exited at startup: see .*ministack\.log"):
        ministack.start("/bin/false", tmp_path)
    with pytest.raises(ministack.MiniStackTrouble, match="cannot be run with /no/such/python"):
        ministack.start("/no/such/python", tmp_path)
