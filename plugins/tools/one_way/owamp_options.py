"""Options that owping, twping and powstream share (docs/contract/tools.md section 5).

Each is given the other end as ``[host]:port``, the address in brackets whichever version of IP it is.
"""

from collections.abc import Mapping, Sequence

from chalicelib.domain.schemas import JSON
from plugins.sdk.fields import Spec

HIGHEST_CODE_POINT = 63


def options(spec: Spec, given: Sequence[tuple[str, JSON]]) -> list[str]:
    """Options with their values, those that are None left out, and the version of IP."""
    present = [text for flag, value in given if value is not None for text in (flag, str(value))]
    version = [f"-{int(spec['ip-version'])}"] if "ip-version" in spec else []
    return [*present, *version]


def ports(spec: Spec) -> str | None:
    """The range of ports for the packets, as the programs read it."""
    wanted: Mapping[str, JSON] | None = spec.get("data-ports")
    return f"{int(wanted['lower'])}-{int(wanted['upper'])}" if wanted else None


def whole(spec: Spec, name: str) -> int | None:
    """A member that is a whole number: JSON may write it 5.0, which the programs do not read."""
    return int(spec[name]) if name in spec else None


def directed(spec: Spec, near: str | None, far: str, port: int) -> list[str]:
    """Which way owping and powstream measure, from which address, and where the other end is."""
    way = [] if spec.get("flip") else ["-t"]
    return [*way, *(["-S", near] if near else []), f"[{far}]:{port}"]


def beyond_code_points(spec: Spec) -> bool:
    """Whether ``ip-tos`` is more than the programs take, which is a code point (RFC 2474) of six bits."""
    return bool(spec.get("ip-tos", 0) > HIGHEST_CODE_POINT)
