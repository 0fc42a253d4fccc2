"""``python -m local.node``, with what its functions ask of AWS written down as it stops."""

import json
import os
import pathlib
import sys

from local import node
from tests.permissions.recording import INTO, SEEN, recording

if __name__ == "__main__":
    with recording():
        status = node.main()
    (pathlib.Path(os.environ[INTO]) / f"{os.getpid()}.json").write_text(json.dumps(sorted(SEEN)))
    sys.exit(status)
