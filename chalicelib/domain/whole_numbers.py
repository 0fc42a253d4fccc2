"""Numbers without a fraction, however they were written.

JSON knows one kind of number: ``2.0`` is as much an integer as ``2``, and passes for one wherever an integer
is wanted. Python tells them apart, and so do the programs that are given what it prints.
"""

from chalicelib.domain.schemas import JSON

_EXACT = 2**53
"""Beyond this a float is no exact integer."""


def as_integers(document: JSON) -> JSON:
    """A document whose numbers without a fraction are integers."""
    if isinstance(document, dict):
        return {name: as_integers(value) for name, value in document.items()}
    if isinstance(document, list):
        return [as_integers(value) for value in document]
    if isinstance(document, float) and document.is_integer() and abs(document) <= _EXACT:
        return int(document)
    return document
