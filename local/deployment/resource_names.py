"""What things of a stack are called, in CloudFormation's terms: stacks in one account never share a name.

Tables outlive their stack, so their names have a part that no later stack has: the first of the stack's own
identifier. A stack that is made anew takes tables of an earlier one over when its parameter ``Tables`` says
what they begin with.
"""

from typing import Any

OWN_TABLES = "OwnTables"
"""The condition that a stack has its own tables, not those of an earlier one."""

FUNCTIONS = ("APIHandler", "Plan", "Dispatch", "Reap", "Archive", "PlanTask", "AskPeers", "Run", "Deliver")
"""The functions as Chalice names them: the pages are one, each clock and queue is another."""
API = "APIHandler"
CLOCKS = ("Plan", "Dispatch", "Reap", "Archive")


def prefix() -> dict[str, Any]:
    """What tables and queues begin with: PSCHEDULER_PREFIX."""
    return {"Fn::If": [OWN_TABLES, own_prefix(), {"Ref": "Tables"}]}


def own_prefix() -> dict[str, Any]:
    """The same, of a stack that has its own tables."""
    identifier = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    part = {"Fn::Select": [0, {"Fn::Split": ["-", identifier]}]}
    return {"Fn::Join": ["-", [{"Ref": "AWS::StackName"}, part]]}


def prefixed(name: str) -> dict[str, Any]:
    """The full name of a table or queue."""
    return {"Fn::Join": ["-", [prefix(), name]]}


def table_arn(name: str, below: str = "") -> dict[str, Any]:
    """A table by its short name; ``below`` is such as ``/index/due``."""
    where = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table"
    return {"Fn::Sub": [f"{where}/${{Prefix}}-{name}{below}", {"Prefix": prefix()}]}


def queues_arn(name: str) -> dict[str, Any]:
    """Queues that are no part of the stack, by their short names, which may end in a star."""
    where = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}"
    return {"Fn::Sub": [f"{where}:${{Prefix}}-{name}", {"Prefix": prefix()}]}


def arn(resource: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [resource, "Arn"]}


def table_id(name: str) -> str:
    """A table's name in the template."""
    return f"{name.title()}Table"


def queue_id(name: str) -> str:
    return f"{name.title()}Queue"


def function_of(handler: str) -> str:
    """The function whose handler in app.py has a name."""
    return "".join(word.title() for word in handler.split("_"))
