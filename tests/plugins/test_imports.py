"""What the registry brings along when it is imported: every start of a function pays for it."""

import subprocess
import sys

HEAVY = frozenset(
    [
        *(
            "asyncio",
            "optparse",
            "statistics",
            "boto3",
            "botocore",
            "chalice",
            "concurrent.futures",
            "croniter",
            "cryptography",
        ),
        *(
            "ctypes",
            "dns",
            "hypothesis",
            "http.client",
            "isoduration",
            "jq",
            "jsonschema",
            "kafka",
            "logging.handlers",
        ),
        *(
            "multiprocessing",
            "pyasn1",
            "pg8000",
            "pika",
            "pynamodb",
            "pysnmp",
            "referencing",
            "requests",
            "s3transfer",
        ),
        *("ssl", "subprocess", "unittest", "urllib.request", "urllib3"),
        *("xml.dom", "xml.etree", "xml.sax", "yaml"),
    ]
)
PROGRAM = """
import sys
from plugins import registry
loaded = [*sys.modules]
assert not any(name.startswith("plugins.tools.") for name in loaded)
for kind in (registry.tests, registry.tools, registry.archivers, registry.contexts):
    assert kind()
print("\\n".join(sys.modules))
"""


def test_the_registry_imports_no_library_that_only_a_run_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )

    loaded = set(done.stdout.split())
    assert "plugins.tools.reach.ping" in loaded
    assert loaded & HEAVY == set()
