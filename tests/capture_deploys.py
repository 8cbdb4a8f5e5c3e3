"""Runs every case of tests/deploy_cases.py without a network; prints what was sent, by case.

    python capture_deploys.py sdk2        in the environment of SDK 2
    python capture_deploys.py tuneaws     with code/ on PYTHONPATH, under any SDK 3
    python capture_deploys.py signatures  SDK 2's arguments: {class or method: {argument: default or null}}

Run in a folder made by test_deploy_against_sdk2.py. Works as tests/capture_requests.py does: boto3 builds and
signs each request, and a hook takes it before it leaves and answers in AWS's place. What changes or asks
something is kept; what only looks something up is answered and forgotten, since how often one looks is free.
"""

import functools
import inspect
import io
import json
import random
import re
import sys
import tarfile
import uuid

import boto3
import capture_requests as capture
from botocore.awsrequest import AWSResponse
from deploy_cases import CASES, FILES
from estimator_cases import ACCOUNT, REGION, ROLE

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
PREDICTOR = (
    "predict",
    "predict_stream",
    "update_endpoint",
    "delete_endpoint",
    "delete_predictor",
    "delete_model",
)
KEPT = ("Create", "Update", "Delete", "Invoke")
HEADERS = ("content-type", "accept", "x-amzn-sagemaker-")  # of InvokeEndpoint: members travel as headers
SESSIONS = {}
OLD_ENDPOINT, OLD_CONFIG = "old-endpoint", "old-config"
TAGS = [{"Key": "project", "Value": "tuneaws"}, {"Key": "aws:made-by", "Value": "aws"}]
capture.MODULES |= {  # class -> (module in SDK 2, module in SDK 3)
    "HuggingFaceModel": ("sagemaker.huggingface", "tuneaws.huggingface"),
    "HuggingFacePredictor": ("sagemaker.huggingface", "tuneaws.huggingface"),
    "ModelPackage": ("sagemaker.model", "tuneaws.hosting.package"),
    "AsyncPredictor": ("sagemaker.predictor_async", "tuneaws.hosting.async_predictor"),
    "SessionSettings": ("sagemaker.session_settings", "sagemaker.core.session_settings"),
    "AsyncInferenceConfig": ("sagemaker.async_inference", "sagemaker.core.inference_config"),
    "ServerlessInferenceConfig": ("sagemaker.serverless", "sagemaker.core.inference_config"),
    "DataCaptureConfig": ("sagemaker.model_monitor", "sagemaker.core.model_monitor.data_capture_config"),
    "ExplainerConfig": ("sagemaker.explainer", "sagemaker.core.explainer.explainer_config"),
    "ClarifyExplainerConfig": ("sagemaker.explainer", "sagemaker.core.explainer.clarify_explainer_config"),
    "ClarifyShapConfig": ("sagemaker.explainer", "sagemaker.core.explainer.clarify_explainer_config"),
    "ClarifyShapBaselineConfig": ("sagemaker.explainer", "sagemaker.core.explainer.clarify_explainer_config"),
    "ModelMetrics": ("sagemaker.model_metrics", "sagemaker.core.model_metrics"),
    "MetricsSource": ("sagemaker.model_metrics", "sagemaker.core.model_metrics"),
    "MetadataProperties": ("sagemaker.metadata_properties", "sagemaker.core.metadata_properties"),
    "DriftCheckBaselines": ("sagemaker.drift_check_baselines", "sagemaker.core.drift_check_baselines"),
    "ModelLifeCycle": ("sagemaker.model_life_cycle", "sagemaker.core.model_life_cycle"),
    "CSVSerializer": ("sagemaker.serializers", "sagemaker.core.serializers"),
    "StringDeserializer": ("sagemaker.deserializers", "sagemaker.core.deserializers"),
    "array": ("numpy", "numpy"),
}


def archive(**files: str) -> bytes:
    """A .tar.gz as `tar -czf x.tar.gz .` makes it, with ./ before each name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


OBJECTS = {
    "model.tar.gz": archive(
        **{"model.safetensors": "weights", "a/b.json": "{}", "code/old.py": "1", "code/a/b.py": "2"}
    ),
    "sourcedir.tar.gz": archive(**{"inference.py": "3", "train.py": "4", "old.py": "new", "deep/x.py": "5"}),
}


def text_of(body) -> str | None:
    """A request's body as text, whether it is bytes, text or a file."""
    body = body.read() if hasattr(body, "read") else body
    return body.decode() if isinstance(body, bytes) else body


class Aws:
    """Answers in AWS's place and keeps what was sent."""

    def __init__(self):
        self.start()

    def start(self):
        """Forget the case before."""
        old = {"ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "old-model"}]}
        self.sent, self.uploads = [], []
        self.endpoints, self.configs, self.package = {OLD_ENDPOINT: OLD_CONFIG}, {OLD_CONFIG: old}, {}

    def answer(self, request, event_name, **_):
        service, operation = event_name.split(".")[1:]
        if service == "s3":
            return self.s3(operation, request)
        text = text_of(request.body)
        if operation.startswith(KEPT):
            self.sent.append({"operation": operation, **self.told(service, request, text)})
        answer = getattr(self, operation, dict)
        if service in ("sts", "iam"):
            values = {
                "GetCallerIdentity": f"<Account>{ACCOUNT}</Account>",
                "GetRole": f"<Role><Arn>{ROLE}</Arn></Role>",
            }
            body, status, headers = capture.XML.format(operation, values[operation]).encode(), 200, {}
        elif operation.startswith("Invoke"):
            body, status, headers = self.invoked(operation)
        else:
            found = answer(json.loads(text)) if answer is not dict else {}
            status, headers = (400 if "__type" in found else 200), {}
            body = json.dumps(found).encode()
        return AWSResponse(request.url, status, headers, capture.Captured(body))

    @staticmethod
    def told(service, request, text):
        """What a request says: its members, or for an invocation its path, headers and body."""
        if service == "sagemaker":
            return {"members": json.loads(text)}
        named = {name.lower(): value for name, value in request.headers.items()}
        named = {k: v.decode() if isinstance(v, bytes) else v for k, v in named.items()}
        headers = {name: value for name, value in named.items() if name.startswith(HEADERS)}
        return {"path": request.url.split(".com")[1], "headers": headers, "body": text}

    def s3(self, operation, request):
        key = request.url.partition("?")[0].rpartition("/")[2]
        body, headers = b"", {}
        if operation == "PutObject" and key.endswith(".tar.gz"):
            self.uploads.append(capture.uploaded(request))
        elif operation == "PutObject":
            kept = ("content-type", "x-amz-expected-bucket-owner", "x-amz-server-side-encryption")
            named = {k.lower(): v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()}
            headers = {name: named[name] for name in kept if name in named}
            self.uploads.append({"url": request.url, "headers": headers, "body": text_of(request.body)})
        elif operation in ("HeadObject", "GetObject"):
            content = OBJECTS[key]
            headers = {"Content-Length": str(len(content)), "ETag": '"1"', "Accept-Ranges": "bytes"}
            body = content if operation == "GetObject" else b""
        elif operation == "ListBuckets":
            body = b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"
        elif operation not in ("HeadBucket", "ListObjectsV2"):
            raise AssertionError(f"S3 {operation} was called")
        return AWSResponse(request.url, 200, {"ETag": '"1"', **headers}, capture.Captured(body))

    @staticmethod
    def invoked(operation):
        if operation.endswith("Async"):
            return (
                b'{"InferenceId": "1"}',
                202,
                {"x-amzn-sagemaker-outputlocation": "s3://course-bucket/answers/1.out"},
            )
        return (
            (b"" if operation.endswith("Stream") else b'[{"generated_text": "ok"}]'),
            200,
            {"Content-Type": "application/json"},
        )

    # SageMaker

    def CreateTrainingJob(self, request):
        return {"TrainingJobArn": f"{ARN}:training-job/x"}

    def CreateModelPackage(self, request):
        self.package = request
        return {"ModelPackageArn": f"{ARN}:model-package/summaries/1"}

    def DescribeModelPackage(self, request):
        status = self.package["ModelApprovalStatus"]
        arn = request["ModelPackageName"]
        return {
            "ModelPackageArn": arn,
            "ModelApprovalStatus": status,
            "InferenceSpecification": {"Containers": []},
        }

    def DescribeModelPackageGroup(self, request):
        arn = f"{ARN}:model-package-group/{request['ModelPackageGroupName']}"
        return {"__type": "ValidationException", "message": f"ModelPackageGroup {arn} does not exist."}

    def Search(self, request):
        return {"Results": []}

    def CreateEndpointConfig(self, request):
        self.configs[request["EndpointConfigName"]] = request
        return {"EndpointConfigArn": f"{ARN}:endpoint-config/x"}

    def CreateEndpoint(self, request):
        self.endpoints[request["EndpointName"]] = request["EndpointConfigName"]
        return {"EndpointArn": f"{ARN}:endpoint/x"}

    UpdateEndpoint = CreateEndpoint

    def DescribeEndpoint(self, request):
        name = request["EndpointName"]
        if name not in self.endpoints:
            return {
                "__type": "ValidationException",
                "message": f'Could not find endpoint "{ARN}:endpoint/{name}".',
            }
        return {
            "EndpointName": name,
            "EndpointConfigName": self.endpoints[name],
            "EndpointStatus": "InService",
        }

    def DescribeEndpointConfig(self, request):
        found = self.configs[request["EndpointConfigName"]]
        return {**found, "EndpointConfigArn": f"{ARN}:endpoint-config/{request['EndpointConfigName']}"}

    def ListTags(self, request):
        return {"Tags": TAGS}

    def DescribeTrainingJob(self, request):
        files = "CompressionType" in json.dumps(self.sent[0]["members"]["OutputDataConfig"])
        uri = FILES["S3DataSource"]["S3Uri"] if files else "s3://course-bucket/models/job/output/model.tar.gz"
        output = self.sent[0]["members"]["OutputDataConfig"]
        return {
            "TrainingJobName": request["TrainingJobName"], "TrainingJobStatus": "Completed",
            "ModelArtifacts": {"S3ModelArtifacts": uri}, "OutputDataConfig": output,
        }  # fmt: skip


@functools.cache
def boto_session(region: str, aws: Aws) -> boto3.Session:
    made = boto3.Session(region_name=region)
    made.events.register("before-send.*", aws.answer)
    return made


def session_of(case, which: str, aws: Aws):
    """An SDK session for the case's options, made once: its clients take longer than all the rest."""
    key = repr(case.session)
    if key not in SESSIONS:
        options = capture.made(dict(case.session), which)
        boto = boto_session(options.pop("region", REGION), aws)
        SESSIONS[key] = capture.class_of("Session", which)(boto, **options)
    return SESSIONS[key]


def sent(case, which: str, aws: Aws) -> dict:
    aws.start()
    session = session_of(case, which, aws)
    arguments = capture.made(case.arguments(), which)
    kind = "HuggingFace" if case.estimator else "HuggingFaceModel"
    one = capture.class_of(kind, which)(**arguments, sagemaker_session=session)
    if case.estimator:
        one.fit(job_name="the-job", wait=False)
    before = len(aws.sent), len(aws.uploads)
    result = getattr(one, case.method)(**capture.made(case.call, which))
    for name, values in case.then:
        if isinstance(values, dict):
            getattr(result, name)(**capture.made(values, which))
        else:
            setattr(result, name, values)
    kept = aws.sent[before[0] :]
    return {"requests": kept, "uploads": aws.uploads[before[1] :], "result": type(result).__name__}


def signatures() -> dict:
    """Every argument of SDK 2's classes and methods, through their base classes, with its default as text."""
    model, estimator, predictor = (
        capture.class_of(kind, "sdk2") for kind in ("HuggingFaceModel", "HuggingFace", "HuggingFacePredictor")
    )
    asked = {
        "HuggingFaceModel": [each.__init__ for each in model.__mro__[:3]],
        "HuggingFaceModel.deploy": [model.deploy, model.__mro__[2].deploy],
        "HuggingFaceModel.register": [model.register],
        "HuggingFaceModel.create": [model.create],
        "HuggingFace.deploy": [estimator.deploy],
        "HuggingFace.create_model": [estimator.create_model],
        "HuggingFace.register": [estimator.register],
        "HuggingFacePredictor": [predictor.__init__],
        **{f"HuggingFacePredictor.{name}": [getattr(predictor, name)] for name in PREDICTOR},
        "AsyncPredictor.predict": [capture.class_of("AsyncPredictor", "sdk2").predict],
        "AsyncPredictor.predict_async": [capture.class_of("AsyncPredictor", "sdk2").predict_async],
    }
    found = {}
    for name, functions in asked.items():
        found[name] = {}
        for function in functions:
            for argument, parameter in list(inspect.signature(function).parameters.items())[1:]:
                if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                    default = None if parameter.default is parameter.empty else repr(parameter.default)
                    found[name].setdefault(
                        argument, re.sub(r"<(\S+) object at .*>", r"<\1>", default or "") or None
                    )
    return found


def main(which: str) -> None:
    capture.alone()
    capture.time.sleep = lambda _: None  # SDK 2 waits before its first look at an endpoint
    strftime = capture.time.strftime
    capture.time.strftime = lambda form, at=None: strftime(form, at or capture.time.gmtime(capture.NOW))
    random.randrange = lambda *_: 0xBEEF
    uuid.uuid4 = lambda: uuid.UUID(int=7)
    capture.print_found(which, "signatures", signatures, CASES, sent, Aws)


if __name__ == "__main__":
    main(sys.argv[1])
