"""``python -m bench.soak [contract] [paging]``: long runs; the status is 0 when all of them passed."""

import json
import sys
from collections.abc import Callable
from typing import Any

from bench.soak.contract import contract
from bench.soak.list_paging import paging

PARTS: dict[str, Callable[[], dict[str, Any]]] = {"contract": contract, "paging": paging}


def main() -> int:
    found = {}
    for name in sys.argv[1:] or PARTS:
        print(f"Soaking: {name} ...", flush=True)
        found[name] = PARTS[name]()
        print(json.dumps(found[name]), flush=True)
    return 0 if all(one["passed"] for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
