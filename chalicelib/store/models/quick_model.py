"""PynamoDB's model, with a shorter way from an item to its write.

PynamoDB goes through all attributes of a table for each item that is made, again as it is written, and a
third time for what the write sends; and it has an update send the whole item back. Here what is set is gone
through once, and nothing comes back.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from pynamodb.attributes import Attribute, UTCDateTimeAttribute
from pynamodb.connection.base import BOTOCORE_EXCEPTIONS
from pynamodb.exceptions import PutError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from chalicelib.store.models.instants import written


class _Layout(NamedTuple):
    """The attributes of a table: by name how they are written, those that must be set, and defaults."""

    writers: dict[str, tuple[str, str, Callable[[Any], Any]]]
    required: frozenset[str]
    defaults: dict[str, Any]


@functools.cache
def _layout(table: type[Model]) -> _Layout:
    attributes = table.get_attributes()
    return _Layout(
        {name: (each.attr_name, each.attr_type, _writer(each)) for name, each in attributes.items()},
        frozenset(name for name, each in attributes.items() if not each.null),
        {name: each.default for name, each in attributes.items() if each.default is not None},
    )


def _writer(attribute: Attribute[Any]) -> Callable[[Any], Any]:
    return written if type(attribute) is UTCDateTimeAttribute else attribute.serialize


class QuickModel(Model):
    """What all tables are made of."""

    def __init__(
        self,
        hash_key: Any = None,
        range_key: Any = None,
        _user_instantiated: bool = True,
        **attributes: Any,
    ) -> None:
        layout = _layout(type(self))
        if not layout.writers.keys() >= attributes.keys():
            unknown = ", ".join(sorted(attributes.keys() - layout.writers.keys()))
            raise ValueError(f"{type(self).__name__} has no attribute {unknown}")
        if hash_key is not None:
            attributes[str(self._hash_keyname)] = hash_key
        if range_key is not None:
            attributes[str(self._range_keyname)] = range_key
        self.attribute_values = {**layout.defaults, **attributes}

    def get_save_kwargs_from_instance(
        self,
        condition: Condition | None = None,
        return_values_on_condition_failure: str | None = None,
    ) -> dict[str, Any]:
        """The arguments of a Put. Raises AttributeNullError, as PynamoDB does, for an item that lacks one."""
        layout, item = _layout(type(self)), {}
        for name, value in self.attribute_values.items():
            if value is not None:
                written, kind, serialize = layout.writers[name]
                item[written] = {kind: serialize(value)}
        if return_values_on_condition_failure is not None or not item.keys() >= layout.required:
            return super().get_save_kwargs_from_instance(condition, return_values_on_condition_failure)
        sent: dict[str, Any] = {"TableName": self._get_connection().table_name, "Item": item}
        if condition is not None:
            names: dict[str, str] = {}
            values: dict[str, Any] = {}
            sent["ConditionExpression"] = condition.serialize(names, values)
            sent["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in names.items()}
            if values:
                sent["ExpressionAttributeValues"] = values
        return sent

    def save(
        self, condition: Condition | None = None, *, add_version_condition: bool = True
    ) -> dict[str, Any]:
        """Write the whole item. Raises PutError."""
        sent = self.get_save_kwargs_from_instance(condition)
        try:
            answer: dict[str, Any] = self._get_connection().connection.dispatch("PutItem", sent)
        except BOTOCORE_EXCEPTIONS as error:
            raise PutError(f"Failed to put item: {error}", error) from error
        return answer

    def update(
        self,
        actions: list[Action],
        condition: Condition | None = None,
        *,
        add_version_condition: bool = True,
    ) -> Any:
        """Change some attributes of the stored item; this one stays as it is. Raises UpdateError."""
        hash_key, range_key = self._get_hash_range_key_serialized_values()
        return self._get_connection().update_item(
            hash_key, range_key=range_key, actions=actions, condition=condition
        )
