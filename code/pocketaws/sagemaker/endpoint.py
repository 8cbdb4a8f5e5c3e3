"""One endpoint: what was asked for, what is in service, and the status in between.

The API side (CreateEndpoint, UpdateEndpoint, …) and the hosting engine share this object. It starts no
process and talks to nobody. Who does what:

    API       Endpoint(...)             Creating, the new fleet pending
              begin("Updating", spec)   only from InService; the new fleet pending
              begin("Deleting")
    engine    set_variant(...)          counts and weights as they become true
              serve(spec)               this fleet has the traffic now
              move("InService")         done; what was pending is dropped
              move("RollingBack"), move("InService", reason)      the old fleet stays
              move("Failed", reason)
    restart   resume()                  after the server's end: what was in service is to be started again

Statuses are those of API_DescribeEndpoint (read 2026-11).
"""

import copy
from dataclasses import dataclass, field
from datetime import datetime

from pocketaws.keeping import cut_off
from pocketaws.keeping.json_values import dataclass_kind
from pocketaws.keeping.kept import Kept
from pocketaws.sagemaker.job import now

STATUSES = ("Creating", "InService", "Updating", "SystemUpdating", "RollingBack", "Deleting", "Failed",
            "UpdateRollbackFailed", "OutOfService")  # fmt: skip
RESTING = ("InService", "Failed", "UpdateRollbackFailed", "OutOfService")  # nothing is being deployed
MAX_FAILURE_REASON = 1024  # characters, botocore's FailureReason shape


@dataclass_kind
@dataclass
class VariantState:
    """One variant as DescribeEndpoint shows it.

    images     the images of its containers, as the model names them
    current_*  what is true now; desired_* what was asked for
    status     "" or Creating, Updating, Deleting, ActivatingTraffic
    """

    name: str
    images: tuple[str, ...]
    instance_type: str
    desired_weight: float
    desired_count: int
    current_weight: float = 0.0
    current_count: int = 0
    status: str = ""
    status_since: datetime = field(default_factory=now)
    resolved_at: datetime = field(default_factory=now)

    def describe(self, pending: bool = False) -> dict:
        """A ProductionVariantSummary; for PendingDeploymentSummary with the instance type too."""
        found = {
            "VariantName": self.name,
            "DeployedImages": [
                {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": self.resolved_at}
                for image in self.images
            ],
            "CurrentWeight": self.current_weight,
            "DesiredWeight": self.desired_weight,
            "CurrentInstanceCount": self.current_count,
            "DesiredInstanceCount": self.desired_count,
        }
        if self.status:
            found["VariantStatus"] = [{"Status": self.status, "StartTime": self.status_since}]
        if pending:
            found["InstanceType"] = self.instance_type
        return found


def states_of(spec, status: str = "") -> list[VariantState]:
    """The variants of an EndpointSpec with none of its instances up yet."""
    return [
        VariantState(
            name=variant.name,
            images=(variant.container.image,),
            instance_type=variant.instance_type,
            desired_weight=variant.weight,
            desired_count=variant.instance_count,
            status=status,
        )
        for variant in spec.variants
    ]


class Endpoint(Kept):
    """An endpoint's state. Every method may be called from any thread.

    spec         the pocketaws.hosting.spec.EndpointSpec in service, None before the first one is
    pending      the one being deployed, None when there is none
    variants     list of VariantState of what is in service; pending_variants those of the pending spec
    tags         {key: value}
    deployment_config   DeploymentConfig of the newest UpdateEndpoint that gave one
    engine_state a free slot, in which the hosting engine keeps its own object
    """

    KEPT = (
        "name", "region", "account", "arn", "tags", "created_at", "last_modified", "status",
        "failure_reason", "spec", "variants", "pending", "pending_variants", "pending_since", "config_name",
        "deployment_config",
    )  # fmt: skip
    engine_state = None

    def __init__(self, name: str, spec, region: str, account: str, tags: dict | None = None):
        self.unkept()
        self.name, self.region, self.account = name, region, account
        self.arn = f"arn:aws:sagemaker:{region}:{account}:endpoint/{name.lower()}"
        self.tags = dict(tags or {})
        self.created_at = self.last_modified = now()
        self.status = "Creating"
        self.failure_reason = ""
        self.spec = None
        self.variants: list[VariantState] = []
        self.pending = spec
        self.pending_variants = states_of(spec, "Creating")
        self.pending_since = self.created_at
        self.config_name = spec.config_name
        self.deployment_config: dict | None = None

    def begin(self, status: str, spec=None) -> bool:
        """Claim the endpoint for an update or its deletion; False when it is not at rest.

        spec      the fleet that an UpdateEndpoint asks for; None for weights and counts, and for a deletion
        An update needs InService, a deletion any resting status.
        """
        with self.changing():
            if self.status not in (RESTING if status == "Deleting" else ("InService",)):
                return False
            self.move(status)
            if spec is not None:
                self.pending, self.pending_since = spec, self.last_modified
                self.pending_variants = states_of(spec, "Creating")
            return True

    def move(self, status: str, failure_reason: str = "") -> None:
        """Go on to a status. failure_reason, cut to AWS's 1,024 characters, is shown from then on.

        Where nothing is being deployed any more, what was pending is dropped; a status of the way keeps the
        reason that was there. An endpoint that is Deleting stays it. Raises ValueError for a status that is
        not AWS's.
        """
        if status not in STATUSES:
            raise ValueError(f"{status!r} is not an endpoint status; one of {', '.join(STATUSES)}")
        with self.changing():
            if self.status == "Deleting":
                return
            if (self.status, status) != ("SystemUpdating", "InService"):  # there nothing was changed
                self.last_modified = now()
            self.status = status
            if failure_reason or status in ("InService", "Updating"):
                self.failure_reason = failure_reason[:MAX_FAILURE_REASON]
            if status in RESTING:
                if status == "Failed" and self.spec is None and self.pending is not None:
                    self.variants = states_of(self.pending)  # AWS goes on showing what was asked for
                self.pending, self.pending_variants = None, []
                for variant in self.variants:
                    variant.status = ""

    def serve(self, spec) -> None:
        """This fleet, all of it up, answers requests from now on, with the weights and counts asked for."""
        with self.changing():
            self.spec, self.config_name = spec, spec.config_name
            self.variants = states_of(spec)
            for variant in self.variants:
                variant.current_weight = variant.desired_weight
                variant.current_count = variant.desired_count
            self.last_modified = now()

    def resume(self) -> str:
        """What is to be done after the server that ran it has ended.

        "delete"   it was being deleted
        "create"   nothing was in service yet: the pending fleet begins again
        "restore"  what was in service is to be started again, and is SystemUpdating until then; an update
                   that was under way is over
        "nothing"  it was Failed
        """
        with self.changing():
            if self.status == "Deleting":
                return "delete"
            if self.spec is None:
                return "create" if self.status == "Creating" else "nothing"
            if self.status in ("Updating", "RollingBack"):
                self.failure_reason = cut_off.UPDATE
                self.pending, self.pending_variants = None, []
                for variant in self.variants:
                    variant.desired_count = variant.current_count
                    variant.desired_weight = variant.current_weight
            elif self.status not in ("InService", "SystemUpdating"):
                return "nothing"
            for variant in self.variants:
                variant.status = ""
            self.status = "SystemUpdating"
            return "restore"

    def set_variant(self, name: str, pending: bool = False, **values) -> None:
        """Set members of a VariantState by name: set_variant("a", current_count=1, status="Updating").

        pending   whether a variant of the fleet being deployed is meant
        Raises KeyError when there is no such variant.
        """
        with self.changing():
            found = next((v for v in self._states(pending) if v.name == name), None)
            if found is None:
                raise KeyError(name)
            for key, value in values.items():
                if not hasattr(found, key):
                    raise AttributeError(f"a variant has no {key}")
                setattr(found, key, value)
            if "status" in values:
                found.status_since = now()

    def _states(self, pending: bool) -> list[VariantState]:
        return self.pending_variants if pending else self.variants

    def describe(self) -> dict:
        """A DescribeEndpoint response."""
        with self._lock:
            answer = {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self.config_name,
                "EndpointStatus": self.status,
                "CreationTime": self.created_at,
                "LastModifiedTime": self.last_modified,
            }
            if self.variants:
                answer["ProductionVariants"] = [variant.describe() for variant in self.variants]
            if self.failure_reason:
                answer["FailureReason"] = self.failure_reason
            if self.deployment_config:
                answer["LastDeploymentConfig"] = self.deployment_config
            if self.spec is not None and self.spec.async_config:
                answer["AsyncInferenceConfig"] = self.spec.async_config
            if self.pending is not None:
                answer["PendingDeploymentSummary"] = {
                    "EndpointConfigName": self.pending.config_name,
                    "ProductionVariants": [v.describe(pending=True) for v in self.pending_variants],
                    "StartTime": self.pending_since,
                }
            return copy.deepcopy(answer)
