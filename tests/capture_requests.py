"""Runs every case of tests/estimator_cases.py through one estimator, without a network; prints what it sent.

    python capture_requests.py sdk2        in the environment of SDK 2
    python capture_requests.py tuneaws     with code/ on PYTHONPATH, under any SDK 3
    python capture_requests.py signature   SDK 2's constructor: {argument: default or null}

Run in a folder made by test_estimator_against_sdk2.py. boto3 really builds and signs each request; a hook of
botocore's takes it just before it would leave and answers in AWS's place.
"""

import contextlib
import functools
import hashlib
import importlib
import inspect
import io
import json
import logging
import os
import socket
import sys
import tarfile
import time
import warnings

import boto3
import requests
from botocore.awsrequest import AWSResponse
from estimator_cases import ACCOUNT, CASES, REGION, ROLE, Make

NOW = 1795332600.125  # a time whose thousandths are exact in binary
MODULES = {  # class -> (module in SDK 2, module in SDK 3)
    "TrainingInput": ("sagemaker.inputs", "sagemaker.core.inputs"),
    "FileSystemInput": ("sagemaker.inputs", "sagemaker.core.inputs"),
    "ShuffleConfig": ("sagemaker.inputs", "sagemaker.core.inputs"),
    "InstanceGroup": ("sagemaker.instance_group", "sagemaker.core.instance_group"),
    "DebuggerHookConfig": ("sagemaker.debugger", "sagemaker.core.debugger"),
    "CollectionConfig": ("sagemaker.debugger", "sagemaker.core.debugger"),
    "ProfilerConfig": ("sagemaker.debugger", "sagemaker.core.debugger"),
    "TensorBoardOutputConfig": ("sagemaker.debugger", "sagemaker.core.debugger"),
    "Session": ("sagemaker.session", "sagemaker.core.helper.session_helper"),
    "HuggingFace": ("sagemaker.huggingface", "tuneaws.huggingface"),
}
XML = "<{0}Response><{0}Result>{1}</{0}Result></{0}Response>"


class Captured(io.BytesIO):
    """A response's body."""

    def stream(self):
        yield self.read()


class Aws:
    """Answers in AWS's place and keeps what was sent."""

    def __init__(self):
        self.requests, self.uploads = [], []

    def answer(self, request, event_name, **_):
        service, operation = event_name.split(".")[1:]
        body, headers = b"", {}
        if operation == "CreateTrainingJob":
            self.requests.append(json.loads(request.body))
            body = json.dumps({"TrainingJobArn": "arn:aws:sagemaker:::training-job/x"}).encode()
        elif operation == "PutObject":
            self.uploads.append(uploaded(request))
            headers = {"ETag": '"1"'}
        elif operation == "GetCallerIdentity":
            body = XML.format(operation, f"<Account>{ACCOUNT}</Account>").encode()
        elif operation == "GetRole":
            body = XML.format(operation, f"<Role><Arn>{ROLE}</Arn></Role>").encode()
        elif operation == "ListBuckets":
            body = b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"
        elif operation not in ("HeadBucket", "ListObjectsV2"):
            raise AssertionError(f"the estimator called {service} {operation}")
        return AWSResponse(request.url, 200, headers, Captured(body))


def uploaded(request) -> dict:
    """What a PutObject put where: the archive's files by name, each as a hash of its bytes."""
    body = request.body if isinstance(request.body, bytes) else request.body.read()
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as tar:
        files = {
            member.name: hashlib.sha256(tar.extractfile(member).read()).hexdigest()
            for member in tar
            if member.isfile()
        }
    text = {name.lower(): value for name, value in request.headers.items()}
    text = {name: value.decode() if isinstance(value, bytes) else value for name, value in text.items()}
    told = ("x-amz-server-side-encryption", "x-amz-expected-bucket-owner")
    headers = {name: value for name, value in text.items() if name.startswith(told)}
    return {"url": request.url, "headers": headers, "files": files}


def class_of(kind: str, which: str):
    module = MODULES[kind][0 if which == "sdk2" else 1]
    return getattr(importlib.import_module(module), kind)


def made(value, which: str):
    """The value with every Make in it replaced by the object it stands for."""
    if isinstance(value, Make):
        return class_of(value.kind, which)(**made(value.arguments, which))
    if isinstance(value, dict):
        return {key: made(each, which) for key, each in value.items()}
    return [made(each, which) for each in value] if isinstance(value, list) else value


@functools.cache
def boto_session(region: str, aws: Aws) -> boto3.Session:
    made = boto3.Session(region_name=region)
    made.events.register("before-send.*", aws.answer)
    return made


def sent(case, which: str, aws: Aws) -> dict:
    aws.requests, aws.uploads = [], []
    options = dict(case.session)
    boto = boto_session(options.pop("region", REGION), aws)
    session = class_of("Session", which)(boto, **options)
    estimator = class_of("HuggingFace", which)(**made(case.arguments(), which), sagemaker_session=session)
    if case.set_hyperparameters:
        estimator.set_hyperparameters(**case.set_hyperparameters)
    fit = {"job_name": "the-job", "wait": False, **made(case.fit, which)}
    estimator.fit(**fit)
    return {"requests": aws.requests, "uploads": aws.uploads}


def signature() -> dict:
    """Every argument of SDK 2's estimator, through its base classes, with its default as text."""
    found = {}
    for each in class_of("HuggingFace", "sdk2").__mro__[:3]:
        for name, parameter in list(inspect.signature(each.__init__).parameters.items())[1:]:
            if parameter.kind is not parameter.VAR_KEYWORD:
                found.setdefault(
                    name, None if parameter.default is parameter.empty else repr(parameter.default)
                )
    return found


def alone() -> None:
    """No network, no settings of this machine's, no warnings, and time stands still."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing", AWS_DEFAULT_REGION=REGION,
        AWS_REQUEST_CHECKSUM_CALCULATION="when_required",
        XDG_CONFIG_HOME=os.getcwd(), XDG_CONFIG_DIRS=os.getcwd(),  # no defaults file of this machine's
    )  # fmt: skip

    def no_network(*_):
        raise AssertionError("an estimator tried to open a connection")

    socket.socket.connect = requests.get = no_network  # the SDKs' telemetry uses requests
    time.time = lambda: NOW
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)


def main(which: str) -> None:
    alone()
    print_found(which, "signature", signature, CASES, sent, Aws)


def print_found(which: str, asks_signature: str, signature, cases: dict, sent, aws_class) -> None:
    """Print as JSON what is asked for: the signature, or what each case sends under `which`."""
    with contextlib.redirect_stdout(sys.stderr):
        if which == asks_signature:
            found = signature()
        else:
            found, aws = {}, aws_class()
            for name, case in cases.items():
                try:
                    found[name] = sent(case, which, aws)
                except Exception as err:
                    raise RuntimeError(f"the case {name!r} failed in {which}") from err
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
