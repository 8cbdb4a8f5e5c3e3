"""What tests of endpoints share: tiny models without torch, and a deployment through boto3 in one call.

name = deploy(local_aws, role_arn, bucket, "echo", tiny_archive(ECHO))
local_aws.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b'{"a": 1}')
delete(local_aws, name)
"""

import io
import tarfile
import time
import uuid

REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
IMAGE = f"{REGISTRY}/huggingface-pytorch-inference:2.6.0-transformers4.51.3-cpu-py312-ubuntu22.04"
INSTANCE_TYPE = "ml.m5.xlarge"

# Answers what it was sent, and who it is.
ECHO = """
import os

def model_fn(model_dir):
    return {"pid": os.getpid(), "name": os.environ.get("MODEL_NAME", "")}

def predict_fn(data, model):
    return {"data": data, **model}
"""


def tiny_archive(inference_source: str, files: dict[str, str | bytes] | None = None) -> bytes:
    """A model.tar.gz with code/inference.py, and more files by their path in the archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in {"code/inference.py": inference_source, **(files or {})}.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def create_model(local_aws, role_arn, bucket, archive: bytes | None, image=IMAGE, environment=None) -> str:
    """Upload an archive and create a model of it; the model's name."""
    name = f"model-{uuid.uuid4().hex[:12]}"
    container = {"Image": image, "Environment": environment or {}}
    if archive is not None:
        local_aws.client("s3").put_object(Bucket=bucket, Key=f"{name}/model.tar.gz", Body=archive)
        container["ModelDataUrl"] = f"s3://{bucket}/{name}/model.tar.gz"
    local_aws.client("sagemaker").create_model(
        ModelName=name, ExecutionRoleArn=role_arn, PrimaryContainer=container
    )
    return name


def create_config(local_aws, role_arn, bucket, archives, **members) -> str:
    """Create an endpoint config; its name.

    archives   one archive: a variant called AllTraffic; or {variant: archive, or a dict with the keys
               archive, environment, image, weight, count}
    members    further members of CreateEndpointConfig
    """
    if not isinstance(archives, dict):
        archives = {"AllTraffic": archives}
    variants = []
    for variant, given in archives.items():
        given = given if isinstance(given, dict) else {"archive": given}
        variants.append(
            {
                "VariantName": variant,
                "ModelName": create_model(
                    local_aws, role_arn, bucket, given.get("archive"), given.get("image", IMAGE),
                    given.get("environment"),
                ),
                "InstanceType": INSTANCE_TYPE,
                "InitialInstanceCount": given.get("count", 1),
                "InitialVariantWeight": given.get("weight", 1.0),
            }
        )  # fmt: skip
    name = f"config-{uuid.uuid4().hex[:12]}"
    local_aws.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=variants, **members
    )
    return name


def deploy(local_aws, role_arn, bucket, name, archives, until="InService", **members) -> str:
    """Create models, a config and an endpoint, and wait; the endpoint's name, made unique.

    archives, members   as create_config takes them
    """
    name = f"{name}-{uuid.uuid4().hex[:8]}"
    config = create_config(local_aws, role_arn, bucket, archives, **members)
    local_aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)
    wait(local_aws, name, until)
    return name


def wait(local_aws, name: str, until: str = "InService", timeout_s: float = 60) -> dict:
    """Ask DescribeEndpoint until the endpoint has this status; its last answer, {} for "Deleted".

    Raises AssertionError as soon as it has come to rest at another status, with its FailureReason.
    """
    sagemaker = local_aws.client("sagemaker")
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            found = sagemaker.describe_endpoint(EndpointName=name)
        except sagemaker.exceptions.ClientError as err:
            if until == "Deleted" and "Could not find endpoint" in str(err):
                return {}
            raise
        status = found["EndpointStatus"]
        if status == until:
            return found
        assert status not in ("InService", "Failed") or until == "Deleted", (
            f"{name} is {status}, not {until}: {found.get('FailureReason')}"
        )
        assert time.monotonic() < deadline, f"{name} is still {status} after {timeout_s} s"
        time.sleep(0.02)


def delete(local_aws, name: str, timeout_s: float = 60) -> None:
    """Delete an endpoint with its configs and models, and wait until it is gone."""
    sagemaker = local_aws.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    sagemaker.delete_endpoint(EndpointName=name)
    wait(local_aws, name, "Deleted", timeout_s)
    for variant in sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]:
        sagemaker.delete_model(ModelName=variant["ModelName"])
    sagemaker.delete_endpoint_config(EndpointConfigName=config)


def log_lines(local_aws, name: str, variant: str = "AllTraffic") -> list[str]:
    """Every log message of a variant's containers, oldest stream first."""
    logs = local_aws.client("logs")
    group = f"/aws/sagemaker/Endpoints/{name}"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{variant}/")["logStreams"]
    lines = []
    for stream in sorted(streams, key=lambda row: row["creationTime"]):
        page = logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )
        lines += [event["message"] for event in page["events"]]
    return lines
