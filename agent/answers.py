"""The forms that a coordinator's answers have to have; what else is in them is let through."""

from chalicelib.domain.schemas import JSON, Checker

_TEXT: dict[str, JSON] = {"type": "string"}


def _some(names: str, **members: JSON) -> dict[str, JSON]:
    return {"type": "object", "properties": members, "required": names.split()}


def _list(items: dict[str, JSON]) -> dict[str, JSON]:
    return {"type": "array", "items": items, "maxItems": 1000}


_NAMED = _some("task run", task=_TEXT, run=_TEXT)

JOIN = Checker(_some("node hostname secret", node=_TEXT, hostname=_TEXT, secret=_TEXT))
ROTATE = Checker(_some("secret", secret=_TEXT))
BELL = Checker(_some("bell", bell={"type": "integer"}))
CONTACT = Checker(
    _some(
        "time every carrier runs",
        time=_TEXT,
        every={"type": "number"},
        bell={"type": "integer"},
        carrier={"type": "object"},
        runs=_list({"type": "object"}),
        taken=_list(_TEXT),
        cancelled=_list(_NAMED),
        asks=_list(_some("id what", id=_TEXT, what=_TEXT)),
    )
)
CLAIMS = Checker(_some("taken gone", taken=_list(_TEXT), gone=_list(_some("run", run=_TEXT))))
STARTS = Checker(_some("go", go={"type": "boolean"}))
