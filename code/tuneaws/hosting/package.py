"""The model registry: what register() takes, and a version that is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tuneaws.estimator import hosting_request as requests
from tuneaws.estimator import sdk_session
from tuneaws.estimator.arguments import explain_unknown
from tuneaws.hosting.deploy_arguments import DeployArguments, members_of
from tuneaws.hosting.deploying import Deploying
from tuneaws.hosting.model_arguments import checked_vpc

NAME_IN_ARN = re.compile(r"arn:[^:]+:sagemaker:[^:]+:[^:]+:model-package/([^/]+)(?:/\d+)?$")


@explain_unknown
@dataclass(repr=False, eq=False)
class RegisterArguments:
    """The arguments of SDK 2's HuggingFaceModel.register(): names, order and defaults of sagemaker 2.257.7.

    Objects such as model_metrics are the SDK's own (sagemaker.core.model_metrics.ModelMetrics, …).
    """

    content_types: list[str] | None = None  # that it takes: ["application/json"]
    response_types: list[str] | None = None  # that it answers
    inference_instances: list[str] | None = None  # instance types that it may be deployed on
    transform_instances: list[str] | None = None
    model_package_name: str | None = None  # a package of its own, without versions
    model_package_group_name: str | None = None  # None of both: the image's name is the group's
    image_uri: str | None = None
    model_metrics: Any = None
    metadata_properties: Any = None
    marketplace_cert: bool = False
    approval_status: str | None = None  # PendingManualApproval (None), Approved or Rejected
    description: str | None = None
    drift_check_baselines: Any = None
    customer_metadata_properties: dict[str, str] | None = None
    domain: str | None = None  # "NATURAL_LANGUAGE_PROCESSING"
    sample_payload_url: str | None = None
    task: str | None = None  # "TEXT_GENERATION"
    framework: str | None = None  # None: PYTORCH
    framework_version: str | None = None  # None: PyTorch's
    nearest_model_name: str | None = None
    data_input_configuration: str | None = None
    skip_model_validation: str | None = None  # "None" or "All"
    source_uri: str | None = None  # refused
    model_life_cycle: Any = None
    model_card: Any = None
    model_package_registration_type: str | None = None
    base_model: Any = None

    def __post_init__(self) -> None:
        """Raises ValueError for what is refused."""
        if self.source_uri:
            raise ValueError(
                f"source_uri={self.source_uri!r}: SDK 2 makes two requests of it. Fix: leave it out, then "
                'session.client("sagemaker").update_model_package(ModelPackageArn=…, SourceUri=…).'
            )

    def request(self, container: dict, framework: str, framework_version: str | None) -> dict:
        """Return the members of CreateModelPackage for a container.

        framework, framework_version   where none are given; a package without a group has none, as in SDK 2
        """
        if self.model_package_group_name:
            inputs = self.data_input_configuration
            more = {
                "Framework": (self.framework or framework).upper(),
                "FrameworkVersion": framework_version,
                "NearestModelName": self.nearest_model_name,
                "ModelInput": {"DataInputConfig": inputs} if inputs is not None else None,
            }
            container = {**container, **{name: value for name, value in more.items() if value is not None}}
        if self.base_model is not None:
            container = {**container, "BaseModel": members_of(self.base_model)}
        return requests.model_package_request(
            container,
            group=self.model_package_group_name,
            name=self.model_package_name,
            content_types=self.content_types,
            response_types=self.response_types,
            inference_instances=self.inference_instances,
            transform_instances=self.transform_instances,
            marketplace=self.marketplace_cert,
            approval=self.approval_status,
            skip_validation=self.skip_model_validation,
            ModelPackageDescription=self.description,
            ModelMetrics=members_of(self.model_metrics) or None,
            DriftCheckBaselines=members_of(self.drift_check_baselines) or None,
            MetadataProperties=members_of(self.metadata_properties) or None,
            CustomerMetadataProperties=self.customer_metadata_properties,
            Domain=self.domain,
            SamplePayloadUrl=self.sample_payload_url,
            Task=self.task,
            ModelCard=_card(self.model_card),
            ModelLifeCycle=members_of(self.model_life_cycle),
            ModelPackageRegistrationType=self.model_package_registration_type,
        )


class ModelPackage(Deploying):
    """A version in the model registry. deploy() puts it behind an endpoint; it must have been approved.

    model_package_arn   of the version; env  environment variables on top of the version's own
    """

    def __init__(
        self,
        role: str | None = None,
        model_data: str | dict | None = None,
        algorithm_arn: str | None = None,
        model_package_arn: str | None = None,
        *,
        predictor_cls: Any = None,
        env: dict[str, str] | None = None,
        name: str | None = None,
        vpc_config: dict | None = None,
        sagemaker_session: Any = None,
        enable_network_isolation: bool = False,
    ):
        if algorithm_arn:
            raise ValueError(f"algorithm_arn={algorithm_arn!r}: Marketplace algorithms are not supported.")
        if not model_package_arn:
            raise ValueError("model_package_arn is missing. Fix: the ARN that register() printed.")
        self.role, self.model_data, self.model_package_arn = role, model_data, model_package_arn
        self.predictor_cls, self.env = predictor_cls, env
        self.vpc_config, self._isolated = checked_vpc(vpc_config), bool(enable_network_isolation)
        self._starts(name, sdk_session.checked_session(sagemaker_session))

    def __repr__(self) -> str:
        return f"ModelPackage({self.model_package_arn!r})"

    def update_approval_status(self, approval_status: str, approval_description: str | None = None) -> None:
        """Approve or reject the version: Approved, Rejected or PendingManualApproval."""
        more = {"ApprovalDescription": approval_description} if approval_description is not None else {}
        self.sagemaker_session.sagemaker_client.update_model_package(
            ModelPackageArn=self.model_package_arn, ModelApprovalStatus=approval_status, **more
        )

    # what Deploying asks

    def _base_name(self, to: DeployArguments) -> str:
        found = NAME_IN_ARN.match(self.model_package_arn)
        return found.group(1) if found else self.model_package_arn

    def _container_of(self, name: str, to: DeployArguments) -> dict:
        environment = {"Environment": self.env} if self.env else {}
        return {"ModelPackageName": self.model_package_arn, **environment}

    def _before_sending(self, name: str) -> None:
        """SDK 2 approves a version without being asked when it is deployed; that is a person's to do."""
        sm = self.sagemaker_session.sagemaker_client
        status = sm.describe_model_package(ModelPackageName=self.model_package_arn).get("ModelApprovalStatus")
        if status not in (None, "Approved"):
            raise ValueError(
                f"{self.model_package_arn} is {status}, and only an approved version is deployed. Fix: look "
                'at its metrics, then package.update_approval_status("Approved").'
            )


def _card(card: Any) -> dict | None:
    """A model card of the SDK's as CreateModelPackage takes it."""
    if card is None:
        return None
    found = dict(card._create_request_args())
    found.pop("ModelCardName", None)
    if "Content" in found:
        found["ModelCardContent"] = found.pop("Content")
    return found
