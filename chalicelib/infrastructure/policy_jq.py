"""jq for the scripts of a policy, which its operator has written: compiled once and kept."""

import functools
import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.limits.surroundings import JqFailed
from chalicelib.domain.schemas import JSON

MOST_PROGRAMS = 512


class PolicyJq:
    """jq as ``domain.limits.surroundings.Jq`` wants it."""

    def check(self, script: str, args: Mapping[str, JSON]) -> None:
        """Raise JqFailed unless the script compiles."""
        try:
            _program(script, json.dumps(args))
        except ValueError as error:
            raise JqFailed(str(error)) from error

    def run(self, script: str, args: Mapping[str, JSON], document: JSON) -> list[JSON]:
        """All outputs of a script for a document. Raises JqFailed."""
        try:
            found: list[JSON] = _program(script, json.dumps(args)).input_value(document).all()
        except (ValueError, RecursionError) as error:
            raise JqFailed(str(error)) from error
        return found


@functools.lru_cache(maxsize=MOST_PROGRAMS)
def _program(script: str, args: str) -> Any:
    import jq  # a compiled library, needed by few policies

    return jq.compile(script, args=json.loads(args))
