"""What an expression takes from its request: the placeholders of names and of values."""

from collections.abc import Iterable, Mapping
from typing import Any

from local.engine.dynamodb import values
from local.engine.dynamodb.syntax import Parsed, Path
from local.engine.dynamodb.values import Value
from local.engine.engine_errors import invalid


class Scope:
    """Names and values of one request; values have their numbers in one spelling."""

    def __init__(self, request: Mapping[str, Any]):
        self.names: Mapping[str, str] = request.get("ExpressionAttributeNames") or {}
        given = request.get("ExpressionAttributeValues")
        self.values: Mapping[str, Value] = {} if not given else self._checked(given)

    @staticmethod
    def _checked(given: Mapping[str, Any]) -> dict[str, Value]:
        try:
            return {name: values.checked(value) for name, value in given.items()}
        except TypeError as error:
            raise invalid(f"ExpressionAttributeValues contains invalid value: {error}") from error

    def require_matching(self, expressions: Iterable[Parsed | None]) -> None:
        """Raise ValidationException unless what expressions use is there, and what is there used."""
        used = [parsed for parsed in expressions if parsed is not None]
        if not used:
            self._require_none()
            return
        for parsed in used:
            self.require_defined(parsed)
        self._require_used("Names", self.names, {name for parsed in used for name in parsed.names})
        self._require_used("Values", self.values, {name for parsed in used for name in parsed.values})

    def _require_none(self) -> None:
        if self.names:
            raise invalid("ExpressionAttributeNames can only be specified when using expressions")
        if self.values:
            raise invalid("ExpressionAttributeValues can only be specified when using expressions")

    def require_defined(self, parsed: Parsed) -> None:
        """Raise ValidationException unless what one expression uses is there."""
        for name in parsed.names:
            if name not in self.names:
                raise invalid(
                    f"Invalid {parsed.kind}: An expression attribute name used in the document path is not"
                    f" defined; attribute name: {name}"
                )
        for name in parsed.values:
            if name not in self.values:
                raise invalid(
                    f"Invalid {parsed.kind}: An expression attribute value used in expression is not"
                    f" defined; attribute value: {name}"
                )

    @staticmethod
    def _require_used(what: str, given: Mapping[str, Any], used: set[str]) -> None:
        unused = [name for name in given if name not in used]
        if unused:
            raise invalid(
                f"Value provided in ExpressionAttribute{what} unused in expressions:"
                f" keys: {{{', '.join(unused)}}}"
            )

    def path(self, path: Path) -> Path:
        """A path with its placeholders replaced."""
        names = self.names
        return tuple([names[part] if isinstance(part, str) and part[0] == "#" else part for part in path])
