"""What AWS checks of models and endpoint configs beyond botocore's model, with AWS's code and words if known.

Wordings from public reports, read 2026-11: model data that is not there, amazon-sagemaker-examples issue
2264; model data that cannot be read, philschmid/llm-sagemaker-sample issue 2; an image that is not in ECR,
sagemaker-python-sdk pull request 4700. Where no report was found, the message says plainly what is wrong.
"""

import re

from pocketaws import resources
from pocketaws.errors import not_here, validation_error
from pocketaws.iam.policies import trusts
from pocketaws.sagemaker.checks import SAGEMAKER, split_uri
from pocketaws.sagemaker.tags import check_keys

ECR_IMAGE = re.compile(
    r"\d{12}\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/[a-z0-9][\w.\-/]*(?::[\w.\-]+)?(?:@sha256:[0-9a-f]{64})?"
)
MAX_ENVIRONMENT = 32 * 1024  # bytes of all keys and values, API_ContainerDefinition 2026-11
# Members whose effect the local AWS cannot give. To accept them and do nothing would be to pretend.
CONTAINER_NOT_HERE = (
    "MultiModelConfig", "AdditionalModelDataSources", "AdditionalS3DataSource", "InferenceSpecificationName",
    "ContainerMetricsConfig", "ProductId", "ModelDataETag", "IsCheckpoint",
)  # fmt: skip
# VolumeSizeInGB and InferenceAmiVersion describe the machine, as InstanceType does: kept and shown, no more.
VARIANT_NOT_HERE = (
    "ServerlessConfig", "InstancePools", "VariantInstanceProvisionTimeoutInSeconds", "AcceleratorType",
    "CoreDumpConfig", "EnableSSMAccess", "ManagedInstanceScaling", "CapacityReservationConfig",
    "AcceleratorPartitionLayouts",
)  # fmt: skip
CONFIG_NOT_HERE = (
    "ShadowProductionVariants", "ExplainerConfig", "ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation",
    "MetricsConfig", "CrossRegionTrafficConfig", "KmsKeyId",
)  # fmt: skip


def refuse_model(request: dict) -> None:
    """Raise NotImplemented, by name, for members of a CreateModel that the local AWS cannot honour."""
    found = [name for name in ("VpcConfig", "EnableNetworkIsolation") if request.get(name)]
    if request.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
        found.append("InferenceExecutionConfig.Mode Direct")
    pipeline = request.get("Containers", [])
    if len(pipeline) > 1:
        found.append(f"{len(pipeline)} Containers (an inference pipeline)")
    for container in containers_of(request):
        found += container_not_here(container)
    if found:
        raise not_here("sagemaker", f"CreateModel with {', '.join(found)}")


def containers_of(request: dict) -> list[dict]:
    """The containers of a CreateModel, however it gives them."""
    primary = [request["PrimaryContainer"]] if "PrimaryContainer" in request else []
    return primary + request.get("Containers", [])


def container_not_here(container: dict):
    """Yield the names of a container's members that the local AWS cannot honour."""
    yield from (name for name in CONTAINER_NOT_HERE if container.get(name))
    if container.get("Mode", "SingleModel") != "SingleModel":
        yield f"Mode {container['Mode']}"
    if container.get("ImageConfig", {}).get("RepositoryAccessMode", "Platform") != "Platform":
        yield "ImageConfig.RepositoryAccessMode Vpc"
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    for name in ("ModelAccessConfig", "HubAccessConfig", "ManifestS3Uri", "ETag", "ManifestEtag"):
        if source.get(name):
            yield f"ModelDataSource.S3DataSource.{name}"
    if (source.get("S3DataType"), source.get("CompressionType")) == ("S3Object", "None"):
        yield "ModelDataSource of one uncompressed S3Object"


def refuse_config(request: dict) -> None:
    """Raise NotImplemented, by name, for members of a CreateEndpointConfig that cannot be honoured here."""
    found = [name for name in CONFIG_NOT_HERE if request.get(name)]
    if request.get("DataCaptureConfig", {"EnableCapture": False}).get("EnableCapture", True):
        found.append("DataCaptureConfig")
    output = request.get("AsyncInferenceConfig", {}).get("OutputConfig", {})
    found += [f"AsyncInferenceConfig.OutputConfig.{name}" for name in ("NotificationConfig", "KmsKeyId")
              if output.get(name)]  # fmt: skip
    for name in ("S3OutputPath", "S3FailurePath"):
        if not output.get(name, "s3://").startswith("s3://"):
            found.append(f"AsyncInferenceConfig.OutputConfig.{name} {output[name]} (not s3://)")
    for variant in request["ProductionVariants"]:
        found += [f"variant {variant['VariantName']} with {what}" for what in _variant_not_here(variant)]
    if found:
        raise not_here("sagemaker", f"CreateEndpointConfig with {', '.join(found)}")


def _variant_not_here(variant: dict):
    yield from (name for name in VARIANT_NOT_HERE if variant.get(name))
    if "ModelName" not in variant:
        yield "no ModelName (inference components)"
    # Instances of a variant are chosen by requests in flight here, so the other strategies would not be true.
    strategy = variant.get("RoutingConfig", {}).get("RoutingStrategy", "LEAST_OUTSTANDING_REQUESTS")
    if strategy != "LEAST_OUTSTANDING_REQUESTS":
        yield f"RoutingStrategy {strategy}"


def check_tags(request: dict) -> None:
    """Raise a ValidationException for a tag key that is given twice or that only AWS may set."""
    keys = [tag["Key"] for tag in request.get("Tags", [])]
    if len(set(keys)) < len(keys):
        raise validation_error("Duplicate tag keys: each key can be given once.")
    check_keys(keys)


def check_containers(request: dict) -> None:
    """Raise a ValidationException for containers of a CreateModel that contradict themselves."""
    if ("PrimaryContainer" in request) == bool(request.get("Containers")):
        raise validation_error("Specify one of either PrimaryContainer or Containers.")
    for container in containers_of(request):
        data = [name for name in ("Image", "ModelDataUrl", "ModelDataSource") if name in container]
        if "ModelPackageName" in container and data:
            raise validation_error(
                "Specify one of either Image and Model Data URL or ModelPackageName in container definition."
            )
        if "ModelPackageName" not in container:
            check_image_and_url(container)
        size = sum(len(text.encode()) for pair in container.get("Environment", {}).items() for text in pair)
        if size > MAX_ENVIRONMENT:
            raise validation_error(
                f"The keys and values of Environment have {size} bytes together, over {MAX_ENVIRONMENT}."
            )


def check_image_and_url(container: dict) -> None:
    """Raise a ValidationException unless a container has an ECR image and at most one place of model data."""
    if "Image" not in container:
        raise validation_error("The container definition has no Image and no ModelPackageName.")
    if not ECR_IMAGE.fullmatch(container["Image"]):
        raise validation_error(
            f'Using non-ECR image "{container["Image"]}" without Vpc repository access mode is not supported.'
        )
    if "ModelDataUrl" in container and "ModelDataSource" in container:
        raise validation_error("Specify one of either ModelDataUrl or ModelDataSource, not both.")
    kind, uri = model_data_of(container)
    if kind == "archive" and not uri.endswith(".tar.gz"):
        raise validation_error(
            f"Invalid model data {uri!r}: the path must point to a single gzip compressed tar archive "
            "(.tar.gz suffix)."
        )
    if kind == "prefix" and not uri.endswith("/"):
        raise validation_error(f"Invalid model data {uri!r}: an S3Prefix ends with a forward slash (/).")
    if "ModelDataSource" in container and not kind:
        raise validation_error(
            "Invalid ModelDataSource: S3DataType S3Object with CompressionType Gzip, or S3Prefix with None."
        )


def model_data_of(container: dict) -> tuple[str, str]:
    """("archive", URI), ("prefix", URI) or ("", "") when a container has no model data."""
    if "ModelDataUrl" in container:
        return "archive", container["ModelDataUrl"]
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    kinds = {("S3Object", "Gzip"): "archive", ("S3Prefix", "None"): "prefix"}
    kind = kinds.get((source.get("S3DataType"), source.get("CompressionType")), "")
    return (kind, source["S3Uri"]) if kind else ("", "")


def check_image_region(context, container: dict) -> None:
    """Raise a ValidationException for an image in the registry of another region."""
    region = ECR_IMAGE.fullmatch(container["Image"]).group(1)
    if region != context.region:
        raise validation_error(
            f"Invalid image {container['Image']!r}: it is in {region}. An image has to be in the region of "
            f"the model ({context.region})."
        )


def check_role(context, arn: str | None) -> None:
    """Raise a ValidationException when SageMaker could not assume the role of a model."""
    if arn is None:
        raise validation_error("ExecutionRoleArn is required: the role that reads the model's data.")
    if arn.split(":")[4] != context.account:
        raise validation_error("Cross-account pass role is not allowed.")
    role = resources.role(context.account, arn)
    if role is None or not trusts(role.assume_role_policy_document, SAGEMAKER):
        raise validation_error(
            f'The execution role ARN "{arn}" is invalid. Please ensure that the role exists and that its '
            'trust relationship policy allows the action "sts:AssumeRole" for the service principal '
            f'"{SAGEMAKER}".'
        )


def check_model_data(context, container: dict, role_arn: str) -> None:
    """Raise a ValidationException when the model data of a container is missing or in another region."""
    kind, uri = model_data_of(container)
    if not kind:
        return
    bucket, key = split_uri(uri)
    region = resources.bucket_region(context.account, bucket)
    if region != context.region:
        raise validation_error(
            f'Could not access model data at {uri}. Please ensure that the role "{role_arn}" exists and that '
            'its trust relationship policy allows the action "sts:AssumeRole" for the service principal '
            f'"{SAGEMAKER}". Also ensure that the role has "s3:GetObject" permissions and that the object is '
            f"located in {context.region}."
            + (f" The bucket is in {region}." if region else " The bucket does not exist.")
        )
    there = resources.has_objects if kind == "prefix" else resources.has_object
    if not there(context.account, bucket, key):
        raise validation_error(f"Could not find model data at {uri}.")


def check_variants(request: dict) -> None:
    """Raise a ValidationException for production variants that contradict each other."""
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    for name in names:
        if names.count(name) > 1:
            raise validation_error(f"Duplicate variant name {name!r} in ProductionVariants.")
    for variant in variants:
        for member in ("InstanceType", "InitialInstanceCount"):
            if member not in variant:
                raise validation_error(f"Production variant {variant['VariantName']!r} has no {member}.")
    if sum(variant.get("InitialVariantWeight", 1.0) for variant in variants) <= 0:
        raise validation_error("The sum of all variant weights has to be more than 0.")
