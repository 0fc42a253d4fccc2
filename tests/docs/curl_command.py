"""curl, for which an API of MiniStack's, that has no name of its own, is where the API's name would lead."""

import os
import re
import sys

_API = re.compile(r"^https?://[^ /]+(?:/restapis/[^/]+/[^/]+/_user_request_|/pscheduler)?/*")

words = [
    _API.sub(f"{os.environ['API']}/", word) if word.startswith("http") else word for word in sys.argv[1:]
]
os.execv(os.environ["REAL_CURL"], ["curl", *words])
