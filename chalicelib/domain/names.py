"""What things are called by: text of one kind that must not be taken for text of another."""

from typing import NewType

NodeName = NewType("NodeName", str)
"""One of the nodes a deployment serves: the first part of all its keys in the store."""
