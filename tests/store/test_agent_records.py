"""What a contact of an agent reads, at once."""

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.store import agent_records, node_registry, node_table
from chalicelib.store.agent_records import Records
from chalicelib.store.node_registry import DIGEST

AMS, BER = NodeName("ams.example.org"), NodeName("ber.example.org")

pytestmark = pytest.mark.usefixtures("empty_aws")


def test_all_that_a_contact_has_to_know_is_read_together() -> None:
    node_registry.note_contact(AMS, {"at": "noon"})
    node_table.write(AMS, DIGEST, "0123")
    node_registry.write_questions(AMS, [{"id": "a"}], 0)

    assert agent_records.read(AMS) == Records({"at": "noon"}, "0123", [{"id": "a"}])
    assert agent_records.read(BER) == Records({}, None, [])
