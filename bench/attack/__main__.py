"""``python -m bench.attack``: attack a node of its own for a minute; the status is 0 when it did well."""

import argparse
import json
import sys

from bench.attack.report import attacked


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.attack", description="Attack a node of its own.")
    parser.add_argument("--seconds", type=float, default=60, help="how long (60)")
    parser.add_argument("--kills", type=int, default=2, help="how often the node is killed afterwards (2)")
    given = parser.parse_args()
    found = attacked(given.seconds, given.kills)
    print(json.dumps(found))
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
