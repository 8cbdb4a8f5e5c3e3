"""Trains, deploys, asks, updates, registers and deletes on a local AWS, as a learner would; prints JSON.

    AWS_ENDPOINT_URL=http://127.0.0.1:4610 python sdk3_endpoints.py      with code/ on PYTHONPATH

tests/test_huggingface_deploy.py runs it under SDK 3.12 and under the newest. Job and endpoint are real
processes; the model is a number in a file, so neither needs PyTorch.
"""

import contextlib
import importlib.metadata
import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from botocore.exceptions import ClientError
from tuneaws.session import connect

TRAIN = """
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--factor", type=int)
factor = parser.parse_known_args()[0].factor
with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.json"), "w") as file:
    json.dump({"factor": factor}, file)
"""
INFERENCE = """
import json, os
from parts import helper

def model_fn(model_dir, context=None):
    return json.load(open(os.path.join(model_dir, "model.json")))

def transform_fn(model, data, content_type, accept, context=None):
    asked = json.loads(data)
    if "n" not in asked:
        raise ValueError("expected {'n': number}, got " + repr(asked))
    if asked.get("stream"):
        return (f"{i * model['factor']}\\n".encode() for i in range(asked["n"]))
    return json.dumps({"answer": helper.times(asked["n"], model["factor"]), "who": os.environ.get("WHO")})
"""
SERVED_BY = {"transformers_version": "4.51.3", "pytorch_version": "2.6.0", "py_version": "py312"}
ON = {"initial_instance_count": 1, "instance_type": "ml.m5.xlarge"}


def write_sources(folder: Path) -> None:
    for name, text in {
        "train/train.py": TRAIN,
        "serve/inference.py": INFERENCE,
        "serve/parts/__init__.py": "",
        "serve/parts/helper.py": "def times(a, b):\n    return a * b\n",
        "bad/inference.py": "raise RuntimeError('no such luck')\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def trained(session, sdk, bucket: str):
    from tuneaws.huggingface import HuggingFace

    estimator = HuggingFace(
        entry_point="train.py", source_dir="train", transformers_version="4.56.2", pytorch_version="2.8.0",
        py_version="py312", role=session.role_arn, instance_type="ml.g5.xlarge", instance_count=1,
        base_job_name="factors", hyperparameters={"factor": 7}, output_path=f"s3://{bucket}/models",
        tags={"project": "tests"}, sagemaker_session=sdk,
    )  # fmt: skip
    estimator.fit(wait=True, logs="None")
    return estimator


def without_versions(estimator) -> str:
    """What deploy() says when AWS has no image to serve what was trained."""
    try:
        estimator.deploy(**ON, entry_point="inference.py", source_dir="serve")
    except ValueError as err:
        return str(err)
    return ""


def asked(predictor) -> dict:
    from tuneaws.hosting.stream import LineIterator
    from tuneaws.huggingface import InvocationError

    found = {"answer": predictor.predict({"n": 6})}
    stream = predictor.predict_stream({"n": 3, "stream": True}, iterator=LineIterator)
    found["lines"] = [line.decode() for line in stream]
    try:
        predictor.predict({"m": 1})
    except InvocationError as err:
        found["error"] = {
            "text": str(err),
            "status": err.status,
            "said": err.said,
            "is_client": isinstance(err, ClientError),
        }
    return found


def deployed(estimator, sm) -> dict:
    from tuneaws.huggingface import HuggingFacePredictor

    name = f"factors-{os.getpid()}"
    predictor = estimator.deploy(
        **ON,
        endpoint_name=name,
        entry_point="inference.py",
        source_dir="serve",
        env={"WHO": "first"},
        **SERVED_BY,
    )
    found = {"without_versions": without_versions(estimator), **asked(predictor)}
    found["tags"] = sm.list_tags(ResourceArn=sm.describe_endpoint(EndpointName=name)["EndpointArn"])["Tags"]
    try:
        estimator.deploy(**ON, endpoint_name=name, **SERVED_BY)
    except ValueError as err:
        found["taken"] = str(err)
    old_model = predictor._model_names()
    more = estimator.create_model(
        entry_point="inference.py", source_dir="serve", env={"WHO": "second"}, **SERVED_BY
    )
    predictor = more.deploy(**ON, endpoint_name=name, update_endpoint=True)
    found["updated"] = HuggingFacePredictor(name, predictor.sagemaker_session).predict({"n": 6})
    predictor.delete_endpoint()
    predictor.delete_model()
    for left in old_model:
        sm.delete_model(ModelName=left)
    sm.delete_endpoint_config(EndpointConfigName=name)  # the config before the update
    found["left"] = left_over(sm, name)
    return found


def left_over(sm, *names: str) -> list[str]:
    """What is still there of these names, once what is being deleted is gone."""
    deadline = time.monotonic() + 30
    while True:
        endpoints = [row["EndpointName"] for row in sm.list_endpoints()["Endpoints"]]
        if not set(endpoints) & set(names) or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    configs = [row["EndpointConfigName"] for row in sm.list_endpoint_configs()["EndpointConfigs"]]
    models = [row["ModelName"] for row in sm.list_models()["Models"]]
    return [name for name in endpoints + configs + models if name.startswith("factors")]


def failed(estimator, sm) -> str:
    """What is said of a script that does not start."""
    name = f"factors-bad-{os.getpid()}"
    model = estimator.create_model(entry_point="inference.py", source_dir="bad", **SERVED_BY)
    try:
        model.deploy(**ON, endpoint_name=name, container_startup_health_check_timeout=60)
    except ValueError as err:
        from tuneaws.huggingface import HuggingFacePredictor

        HuggingFacePredictor(name, estimator.sagemaker_session).delete_endpoint()
        model.delete_model()
        left_over(sm, name)
        return str(err)
    return ""


def registered(estimator, sm) -> dict:
    group = f"factors-{os.getpid()}"
    package = estimator.register(
        ["application/json"], ["application/json"], ["ml.m5.xlarge"], model_package_group_name=group,
        entry_point="inference.py", source_dir="serve", env={"WHO": "third"}, **SERVED_BY,
        customer_metadata_properties={"rougeL": "31.2"},
    )  # fmt: skip
    found = {"arn": package.model_package_arn}
    try:
        package.deploy(**ON)
    except ValueError as err:
        found["unapproved"] = str(err)
    package.update_approval_status("Approved")
    predictor = package.deploy(**ON)
    found["answer"] = predictor.predict({"n": 2})
    predictor.delete_endpoint()
    predictor.delete_model()
    found["left"] = left_over(sm, predictor.endpoint_name)
    sm.delete_model_package(ModelPackageName=package.model_package_arn)
    sm.delete_model_package_group(ModelPackageGroupName=group)
    return found


def main() -> None:
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
        os.chdir(folder)
        write_sources(Path(folder))
        session = connect("local")
        sdk, sm = session.sagemaker(), session.client("sagemaker")
        estimator = trained(session, sdk, sdk.default_bucket())
        seen = {"version": importlib.metadata.version("sagemaker")}
        for part in (deployed, failed, registered):
            seen[part.__name__] = part(estimator, sm)
        os.chdir("/")
    seen["printed"] = printed.getvalue().splitlines()
    print(json.dumps(seen))


if __name__ == "__main__":
    sys.exit(main())
