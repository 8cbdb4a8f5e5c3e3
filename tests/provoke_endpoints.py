"""Provocations of models and endpoints: refused, failed on the way, failed in a request."""

import json
import time

from botocore.config import Config
from botocore.exceptions import ClientError
from local_server import until
from provoking import PROVOKED, REGISTRY, new_name, provokes, tarball

IMAGE = f"{REGISTRY}/huggingface-pytorch-inference:2.6.0-transformers4.51.3-cpu-py312-ubuntu22.04"
PYTORCH = f"{REGISTRY}/pytorch-inference:2.6.0-cpu-py312-ubuntu22.04-sagemaker"
# What it is asked decides how it fails.
SERVED = """
import os, time
def model_fn(model_dir):
    return None
def predict_fn(data, model):
    if data == "fail":
        raise RuntimeError("no such layer")
    if data == "end":
        os._exit(1)
    if data == "sleep":
        time.sleep(60)
    return data
"""
READ = """
def input_fn(body, content_type):
    import json
    return json.loads(body)
"""
BEGUN = {
    "serving": lambda world: deployed(world, tarball({"code/inference.py": SERVED})),
    "asynchronous": lambda world: deployed(world, tarball({"code/inference.py": SERVED}), asynchronous=True),
    # AWS's PyTorch image answers 500 for what inference.py raises, the Hugging Face image 400.
    "pytorch": lambda world: deployed(world, tarball({"code/inference.py": SERVED + READ}), image=PYTORCH),
    "ping": lambda world: deployed(world, tarball({"code/inference.py": "def model_fn(folder):\n    1 / 0"})),
    "model-archive": lambda world: deployed(world, b"no archive"),
    "model-download": lambda world: deployed(world, b"gone before it is fetched", gone=True),
    "image-not-here": lambda world: deployed(world, None, image=IMAGE.replace("huggingface", "my-own")),
}


def model(world, archive: bytes | None, **members) -> str:
    """Create a model of an archive; its name."""
    name = new_name("model")
    container = {"Image": members.pop("image", IMAGE)}
    if archive is not None:
        container["ModelDataUrl"] = world.put(f"models/{name}/model.tar.gz", archive)
    world.sm.create_model(**{"ModelName": name, "ExecutionRoleArn": world.role,
                             "PrimaryContainer": container, **members})  # fmt: skip
    return name


def configured(world, model_name: str, asynchronous: bool = False) -> str:
    """Create an endpoint config; its name."""
    variant = {"VariantName": "AllTraffic", "ModelName": model_name, "InstanceType": "ml.m5.large",
               "InitialInstanceCount": 1}  # fmt: skip
    places = {"S3OutputPath": f"s3://{world.bucket}/async", "S3FailurePath": f"s3://{world.bucket}/failed"}
    more = {"AsyncInferenceConfig": {"OutputConfig": places}} if asynchronous else {}
    name = new_name("config")
    world.sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **more)
    return name


def deployed(world, archive: bytes | None, asynchronous: bool = False, gone: bool = False, **members) -> str:
    """Deploy; the endpoint's name, whatever becomes of it."""
    made = model(world, archive, **members)
    config, name = configured(world, made, asynchronous), new_name("endpoint")
    if gone:
        world.s3.delete_object(Bucket=world.bucket, Key=f"models/{made}/model.tar.gz")
    world.sm.create_endpoint(EndpointName=name, EndpointConfigName=config)
    return name


def at_rest(world, name: str) -> dict:
    found: dict = {}

    def over() -> bool:
        found.update(world.sm.describe_endpoint(EndpointName=name))
        return found["EndpointStatus"] in ("InService", "Failed")

    until(over, 60)
    return found


def ask(world, said, name: str = "serving", **more):
    endpoint = world.begun(name)
    at_rest(world, endpoint)
    runtime = world.client("sagemaker-runtime")
    return runtime.invoke_endpoint(**{"EndpointName": endpoint, "ContentType": "application/json",
                                      "Body": json.dumps(said).encode(), **more})  # fmt: skip


def failed(row: str) -> None:
    """A row that an endpoint provokes which does not come into service."""
    PROVOKED[row] = lambda world: (at_rest(world, world.begun(row))["FailureReason"], [])


for _row in ("ping", "model-archive", "model-download", "image-not-here"):
    failed(_row)


@provokes("model-data-missing")
def _(world):
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{world.bucket}/never/model.tar.gz"}
    model(world, None, PrimaryContainer=container)


@provokes("model-data-unreadable")
def _(world):
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{world.abroad}/model.tar.gz"}
    model(world, None, PrimaryContainer=container)


@provokes("image-not-ecr")
def _(world):
    model(world, None, image="docker.io/library/python:3.12")


@provokes("image-elsewhere")
def _(world):
    model(world, None, image=IMAGE.replace("us-east-1", "eu-west-1"))


@provokes("model-role")
def _(world):
    model(world, None, ExecutionRoleArn=world.bedrock_role)


@provokes("not-approved")
def _(world):
    group = new_name("group")
    world.sm.create_model_package_group(ModelPackageGroupName=group)
    container = {"Image": IMAGE, "ModelDataUrl": world.put("models/version/model.tar.gz", b"x")}
    serves = {"Containers": [container], "SupportedContentTypes": ["application/json"],
              "SupportedResponseMIMETypes": ["application/json"]}  # fmt: skip
    version = world.sm.create_model_package(ModelPackageGroupName=group, InferenceSpecification=serves)
    model(world, None, PrimaryContainer={"ModelPackageName": version["ModelPackageArn"]})


@provokes("name-is-there")
def _(world):
    name = world.begun("serving")
    config = world.sm.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    world.sm.create_endpoint(EndpointName=name, EndpointConfigName=config)


@provokes("not-there")
def _(world):
    world.sm.describe_endpoint(EndpointName="never-was")


@provokes("quota-endpoint")
def _(world):
    with world.strict.rehearsing("quotas.json", {"ml.m5.large for endpoint usage": 0}):
        deployed(world.strict, tarball({"code/inference.py": SERVED}))


@provokes("endpoint-busy")
def _(world):
    name = deployed(world, tarball({"code/inference.py": "import time; time.sleep(30)"}))
    world.sm.delete_endpoint(EndpointName=name)


@provokes("endpoint-failed")
def _(world):
    name = world.begun("model-archive")
    at_rest(world, name)
    world.sm.update_endpoint(EndpointName=name, EndpointConfigName=configured(world, model(world, b"x")))


@provokes("same-config")
def _(world):
    found = at_rest(world, world.begun("serving"))
    world.sm.update_endpoint(
        EndpointName=found["EndpointName"], EndpointConfigName=found["EndpointConfigName"]
    )


# --- asked


@provokes("endpoint-not-in-service")
def _(world):
    world.client("sagemaker-runtime").invoke_endpoint(EndpointName="never-was", Body=b"{}")


@provokes("endpoint-is-async")
def _(world):
    ask(world, "hello", "asynchronous")


@provokes("endpoint-is-real-time")
def _(world):
    name = world.begun("serving")
    at_rest(world, name)
    world.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=name, InputLocation="s3://fixes-here/a"
    )


@provokes("payload-too-large")
def _(world):
    ask(world, None, Body=bytes(25 * 1024**2 + 1))


@provokes("model-fails")
def _(world):
    ask(world, "fail", "pytorch")


@provokes("model-refuses")
def _(world):
    ask(world, None, Body=b"{not JSON")


@provokes("content-type")
def _(world):
    ask(world, None, ContentType="application/yaml")


@provokes("container-gone")
def _(world):
    ask(world, "end", "pytorch")


@provokes("no-answer-in-time")
def _(world):
    once = Config(read_timeout=0.2, retries={"total_max_attempts": 1})
    hurried = world.client("sagemaker-runtime", config=once)
    world.closing.callback(hurried.close)
    name = world.begun("serving")
    at_rest(world, name)
    hurried.invoke_endpoint(EndpointName=name, ContentType="application/json", Body=b'"sleep"')


def asynchronously(world, location: str, **more) -> str:
    """What an asynchronous request leaves at its FailureLocation."""
    name = world.begun("asynchronous")
    at_rest(world, name)
    runtime = world.client("sagemaker-runtime")
    place = runtime.invoke_endpoint_async(EndpointName=name, InputLocation=location, **more)[
        "FailureLocation"
    ]
    found: list = []

    def there() -> bool:
        try:
            key = place.removeprefix(f"s3://{world.bucket}/")
            found.append(world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read().decode())
        except ClientError:
            time.sleep(0.02)
        return bool(found)

    until(there, 60)
    return found[0]


@provokes("async-input")
def _(world):
    return asynchronously(world, f"s3://{world.bucket}/never-uploaded.json")


@provokes("answer-too-late")
def _(world):
    asked = world.put("async/asked.json", '"sleep"')
    return asynchronously(world, asked, InvocationTimeoutSeconds=1, ContentType="application/json")
