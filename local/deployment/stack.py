"""A stack in an account: what would change, changing it, removing it. What happens is printed as it does.

Whoever calls this has botocore's credentials in the environment, as for any command of AWS.
"""

import contextlib
import dataclasses
import json
import pathlib
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
from botocore.exceptions import ClientError, WaiterError

from chalicelib.domain.schemas import JSON

_KEPT = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::ApiGateway::Account")
"""Types of resources that outlive their stack."""
_PATIENCE = {"Delay": 5, "MaxAttempts": 360}
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
_UNCHANGED = ("didn't contain changes", "No updates are to be performed")

Say = Callable[[str], None]


class StackError(Exception):
    """The account did not do what was asked; the message says what it said."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that an execution would do; ``replaces`` where the old one goes."""

    action: str
    kind: str
    name: str
    replaces: bool

    def __str__(self) -> str:
        return f"{self.action:8} {self.kind:36} {self.name}{' (replaced)' if self.replaces else ''}"


class Stack:
    """One stack, made or not yet."""

    def __init__(self, name: str, region: str | None = None, delay: float = 5):
        session = botocore.session.get_session()
        region = region or session.get_config_variable("region")
        if not region:
            raise StackError('Say which region: "region" in the stage\'s file, or AWS_DEFAULT_REGION')
        self.name, self.region = name, region
        self._patience = {**_PATIENCE, "Delay": delay}
        self._cloudformation, self._s3, self._sts, self._dynamodb = (
            session.create_client(service, region_name=region)
            for service in ("cloudformation", "s3", "sts", "dynamodb")
        )

    def exists(self) -> bool:
        return self._status() not in (None, "REVIEW_IN_PROGRESS", "DELETE_COMPLETE")

    def _status(self) -> str | None:
        try:
            described = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return str(described[0]["StackStatus"]) if described else None

    def outputs(self) -> dict[str, str]:
        """What the stack says of itself. Raises StackError where there is none."""
        if not self.exists():
            raise StackError(f"There is no stack {self.name} in {self.region}")
        stack = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}

    def hostname(self) -> str | None:
        """The name under which the API is reached that API Gateway gave it, once there is one."""
        if not self.exists():
            return None
        return urllib.parse.urlsplit(self.outputs().get("EndpointURL", "")).hostname

    def note(self, table: str, name: str) -> JSON:
        """What is noted under a name in a node's table of notes; None where nothing is, or no table."""
        try:
            found = self._dynamodb.get_item(TableName=table, Key={"name": {"S": name}}, ConsistentRead=True)
        except self._dynamodb.exceptions.ResourceNotFoundException:
            return None
        return json.loads(found["Item"]["value"]["S"]) if "Item" in found else None

    def upload(self, package: pathlib.Path, digest: str) -> str:
        """Have the package where functions are made from it; ``s3://`` and where. The same goes up once."""
        bucket, key = self._packages(), f"{self.name}/{digest}.zip"
        try:
            self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError:
            self._s3.put_object(Bucket=bucket, Key=key, Body=package.read_bytes())
        return f"s3://{bucket}/{key}"

    def _packages(self) -> str:
        """The bucket of packages, one an account and region, made when first needed."""
        account = self._sts.get_caller_identity()["Account"]
        bucket = f"pscheduler-packages-{account}-{self.region}"
        try:
            self._s3.head_bucket(Bucket=bucket)
        except ClientError:
            elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
            self._s3.create_bucket(Bucket=bucket, **({} if self.region == "us-east-1" else elsewhere))
            public = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
            self._s3.put_public_access_block(
                Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(public, True)
            )
        return bucket

    def propose(self, template: dict[str, Any], parameters: Mapping[str, str], name: str) -> list[Change]:
        """Have the account work out what would change; nothing does yet. Raises StackError."""
        body = json.dumps(template, separators=(",", ":"))
        bucket, key = self._packages(), f"{self.name}/{name}.json"
        self._s3.put_object(Bucket=bucket, Key=key, Body=body.encode())
        url = self._s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        with _said():
            self._cloudformation.create_change_set(
                StackName=self.name,
                ChangeSetName=name,
                ChangeSetType="UPDATE" if self.exists() else "CREATE",
                TemplateURL=url.partition("?")[0],
                Capabilities=_CAPABILITIES,
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
                ],
            )
        waiter = self._cloudformation.get_waiter("change_set_create_complete")
        try:
            waiter.wait(StackName=self.name, ChangeSetName=name, WaiterConfig=self._patience)
        except WaiterError as error:
            return self._nothing_or_raise(name, error)
        return self._changes(name)

    def _nothing_or_raise(self, name: str, error: WaiterError) -> list[Change]:
        described = self._cloudformation.describe_change_set(StackName=self.name, ChangeSetName=name)
        reason = str(described.get("StatusReason", error))
        self.withdraw(name)
        if any(words in reason for words in _UNCHANGED):
            return []
        raise StackError(f"The stack cannot be changed in this way: {reason}") from error

    def _changes(self, name: str) -> list[Change]:
        pages = self._cloudformation.get_paginator("describe_change_set")
        found = [
            one["ResourceChange"]
            for page in pages.paginate(StackName=self.name, ChangeSetName=name)
            for one in page["Changes"]
        ]
        return [
            Change(
                one["Action"], one["ResourceType"], one["LogicalResourceId"], one.get("Replacement") == "True"
            )
            for one in found
        ]

    def withdraw(self, name: str) -> None:
        """Forget a proposal, and a stack that there only would have been."""
        self._cloudformation.delete_change_set(StackName=self.name, ChangeSetName=name)
        if self._status() == "REVIEW_IN_PROGRESS":
            self._cloudformation.delete_stack(StackName=self.name)

    def execute(self, name: str) -> None:
        """Do what was proposed, and wait until it is done. Raises StackError with what went wrong."""
        made = self.exists()
        with _said():
            self._cloudformation.execute_change_set(StackName=self.name, ChangeSetName=name)
        self._wait("stack_update_complete" if made else "stack_create_complete")

    def _wait(self, until: str) -> None:
        try:
            self._cloudformation.get_waiter(until).wait(StackName=self.name, WaiterConfig=self._patience)
        except WaiterError as error:
            raise StackError("\n".join([f"{self.name}: {error}", *self._failures()])) from error

    def _failures(self) -> list[str]:
        with contextlib.suppress(ClientError):
            events = self._cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
            return [
                f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason', one['ResourceStatus'])}"
                for one in events
                if str(one.get("ResourceStatus", "")).endswith("_FAILED")
            ]
        return []

    def resources(self) -> list[tuple[str, str, bool]]:
        """What there is: its type, its name, and whether it outlives the stack."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        found = [one for page in pages for one in page["StackResourceSummaries"]]
        return [
            (one["ResourceType"], str(one.get("PhysicalResourceId", "")), one["ResourceType"] in _KEPT)
            for one in found
        ]

    def delete(self) -> None:
        """Remove the stack, and wait until it is gone. Raises StackError."""
        with _said():
            self._cloudformation.delete_stack(StackName=self.name)
        self._wait("stack_delete_complete")


@contextlib.contextmanager
def _said() -> Any:
    try:
        yield
    except ClientError as error:
        said: JSON = error.response["Error"]
        raise StackError(f"{said.get('Code')}: {said.get('Message')}") from error
