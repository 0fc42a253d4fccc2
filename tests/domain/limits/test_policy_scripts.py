"""The scripts of a policy: in which order jq is given their parts."""

from chalicelib.domain.limits.policy_scripts import _imports_apart


def test_imports_go_first() -> None:
    text = 'import "pscheduler/iso8601" as iso;\ninclude "more";\n.\n| iso::duration'

    assert _imports_apart(text) == (
        'import "pscheduler/iso8601" as iso;\ninclude "more";',
        ".\n| iso::duration",
    )
