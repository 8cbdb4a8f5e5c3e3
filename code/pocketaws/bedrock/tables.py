"""What Bedrock keeps: one table for each kind of resource, by ARN and by name."""

import secrets
import string
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from pocketaws.errors import AwsError
from pocketaws.keeping.kept import Kept
from pocketaws.keeping.tables import KeptTable
from pocketaws.sagemaker.job import now
from pocketaws.sagemaker.jobs import page, when

ID_CHARACTERS = string.ascii_lowercase + string.digits
MAX_FAILURE_MESSAGE = 2048  # characters, botocore's ErrorMessage shape
PAGE = 1000  # the most that a List operation of Bedrock gives at once, and what it gives unasked


def new_id() -> str:
    """The 12 characters that end the ARNs of Bedrock's resources."""
    return "".join(secrets.choice(ID_CHARACTERS) for _ in range(12))


def arn_of(kind: str, rest: str, region: str, account: str) -> str:
    """arn:aws:bedrock:<region>:<account>:<kind>/<rest>."""
    return f"arn:aws:bedrock:{region}:{account}:{kind}/{rest}"


def not_found(message: str) -> AwsError:
    """A ResourceNotFoundException with AWS's status."""
    return AwsError("ResourceNotFoundException", message, 404)


def in_use(what: str, name: str) -> AwsError:
    """The error for a name that is taken. Its wording is not documented; chosen."""
    return AwsError("ConflictException", f"The {what} name {name} is already in use. Choose another name.")


def tags_in(tags: list[dict] | None) -> dict:
    """[{"key", "value"}] as {key: value}."""
    return {tag["key"]: tag["value"] for tag in tags or []}


class Resource(Kept):
    """What every resource of Bedrock has: id (12 characters), name, ARN, tags, when it was made.

    kind      as it stands in the ARN: "custom-model"
    prefix    what stands in the ARN before the id: "amazon.nova-micro-v1:0:128k/", or nothing
    """

    KEPT = ("id", "name", "region", "account", "arn", "tags", "created_at", "last_modified", "token")
    token = None  # the clientRequestToken of the request that made it

    def __init__(self, kind: str, name: str, region: str, account: str, tags=None, prefix: str = ""):
        self.unkept()
        self.id, self.name, self.region, self.account = new_id(), name, region, account
        self.arn = arn_of(kind, prefix + self.id, region, account)
        self.tags = tags_in(tags)
        self.created_at = self.last_modified = now()


class Table(KeptTable):
    """Resources of one kind, found by ARN, by name or by id. Names are unique in an account and region."""

    def _is_taken(self, resource) -> bool:
        key = resource.name, resource.region, resource.account
        return any(key == (each.name, each.region, each.account) for each in self._by_arn.values())

    def find(self, identifier: str, region: str, account: str):
        """The resource with this ARN, name or id in an account and region, None when there is none."""
        return next(
            (each for each in self.of(region, account) if identifier in (each.arn, each.name, each.id)), None
        )

    def get(self, identifier: str, region: str, account: str):
        """The resource with this ARN, name or id. Raises ResourceNotFoundException when there is none."""
        found = self.find(identifier, region, account)
        if found is None:
            what = self.kind.replace("-", " ")
            raise not_found(f"Could not find the {what} {identifier}.")  # not documented; chosen
        return found

    def with_token(self, token: str | None, region: str, account: str):
        """The resource that a request with this clientRequestToken made, None when there is none.

        "If this token matches a previous request, Amazon Bedrock ignores the request, but does not return an
        error" (API_CreateModelCustomizationJob, 2026-11).
        """
        every = self.of(region, account) if token else []
        return next((each for each in every if each.token == token), None)


class Tables:
    """Everything that Bedrock keeps in one running local AWS.

    home   the folder of this local AWS: weights lie in <home>/bedrock/models/<id>/
    """

    def __init__(self, home: Path, store=None):
        self.models_folder = home / "bedrock" / "models"
        self.provisioned_record = home / "bedrock" / "provisioned.json"
        self.customization_jobs = Table("model-customization-job", store)
        self.custom_models = Table("custom-model", store)
        self.deployments = Table("custom-model-deployment", store)
        self.provisioned = Table("provisioned-model", store)
        self.import_jobs = Table("model-import-job", store)
        self.imported_models = Table("imported-model", store)
        self.inference_profiles = Table("application-inference-profile", store)
        self.naming = threading.Lock()  # held while a job's names are looked up and it is added
        self.using = threading.Lock()  # held while something begins to use a model, or it is deleted

    def every(self) -> tuple[Table, ...]:
        """All tables: what has tags."""
        return (self.customization_jobs, self.custom_models, self.deployments, self.provisioned,
                self.import_jobs, self.imported_models, self.inference_profiles)  # fmt: skip


def select(resources: list, request: dict, wanted: Callable = lambda each: True) -> tuple[list, str | None]:
    """One page for a List operation: (resources, token for the next page or None).

    Knows nameContains, creationTimeAfter/Before and createdAfter/Before, and what page_of knows.
    wanted   what else a resource has to be
    """
    chosen = [each for each in resources if _asked(each, request) and wanted(each)]
    return page_of(chosen, request, lambda each: [each.created_at.timestamp(), each.arn])


def page_of(items: list, request: dict, key: Callable) -> tuple[list, str | None]:
    """One page of items: sortOrder (Descending unless asked else), maxResults (1,000) and nextToken.

    key   item → [sort value, …, what is the item's alone]
    """
    return page(
        items,
        key=key,
        size=request.get("maxResults", PAGE),
        token=request.get("nextToken"),
        question={name: value for name, value in request.items() if name not in ("nextToken", "maxResults")},
        descending=request.get("sortOrder", "Descending") == "Descending",
    )


def _asked(resource, request: dict) -> bool:
    made = resource.created_at.timestamp()
    after = request.get("creationTimeAfter", request.get("createdAfter"))
    before = request.get("creationTimeBefore", request.get("createdBefore"))
    return (
        (after is None or made > _seconds(after))
        and (before is None or made < _seconds(before))
        and request.get("nameContains", "").lower() in resource.name.lower()
    )


def _seconds(value) -> float:
    """Seconds since 1970 of a request's timestamp; rest-json's parser gives a datetime in UTC, naive."""
    return value.replace(tzinfo=timezone.utc).timestamp() if isinstance(value, datetime) else when(value)
