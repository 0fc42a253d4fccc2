"""Requests of up to ten entries, each done for itself."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.engine.engine_errors import ServiceError


def entries(params: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """The entries of a batch. Raises ServiceError where it is none."""
    given: Sequence[dict[str, Any]] = params["Entries"]
    prefix = "AWS.SimpleQueueService."
    if not given:
        raise ServiceError(prefix + "EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(given) > 10:
        raise ServiceError(
            prefix + "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are 10. You have sent {len(given)}.",
        )
    names = [entry["Id"] for entry in given]
    for name in names:
        if not re.match(r"[A-Za-z0-9_-]{1,80}\Z", name):
            raise ServiceError(
                prefix + "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can"
                " be at most 80 letters long.",
            )
        if names.count(name) > 1:
            raise ServiceError(prefix + "BatchEntryIdsNotDistinct", f"Id {name} repeated.")
    return given


def each(batch: Sequence[dict[str, Any]], work: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Do the entries of a batch, each for itself."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in batch:
        try:
            done.append({"Id": entry["Id"], **work(entry)})
        except ServiceError as error:
            failed.append(
                {"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": error.message}
            )
    return {"Successful": done, **({"Failed": failed} if failed else {})}
