"""Keeping what is private in a spec out of what is told of a run: libraries quote their input."""

from plugins.sdk.fields import Spec


def without_secrets(text: str, spec: Spec) -> str:
    """Text with the private members of a spec replaced wherever they stand in it, also in hexadecimal."""
    private = [value for name, value in spec.items() if name.startswith("_") and isinstance(value, str)]
    for secret in sorted(filter(None, private), key=len, reverse=True):  # one may be a part of another
        quoted = repr(secret)[1:-1]
        for form in (secret, quoted, secret.encode(errors="replace").hex()):
            text = text.replace(form, "...")
    return text
