"""The authority that nodes of a checkout trust each other by."""

import os
import pathlib
from collections.abc import Iterator

import pytest

from chalicelib.service.node import settings_check
from local import certificates, environment
from tests.conftest import forget


@pytest.fixture(autouse=True)
def _trusting_nobody() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PSCHEDULER_PEER_CA", "")  # so that it is put back afterwards
        patch.delenv("PSCHEDULER_PEER_CA")
        yield
    forget()


def test_an_authority_is_trusted_once_it_is_there(tmp_path: pathlib.Path) -> None:
    environment.trust(tmp_path / "authority.pem")
    before = os.environ.get("PSCHEDULER_PEER_CA")

    certificates.authority(tmp_path)
    environment.trust(tmp_path / "authority.pem")

    assert (before, os.environ["PSCHEDULER_PEER_CA"]) == (None, str(tmp_path / "authority.pem"))


def test_what_is_trusted_passes_the_look_at_the_settings(tmp_path: pathlib.Path) -> None:
    certificates.authority(tmp_path)
    environment.trust(tmp_path / "authority.pem")
    forget()

    assert [problem for problem in settings_check.problems() if "PEER_CA" in problem] == []


def test_an_authority_is_made_once(tmp_path: pathlib.Path) -> None:
    first, second = certificates.authority(tmp_path), certificates.authority(tmp_path)

    assert first.cert_pem.bytes() == second.cert_pem.bytes()
