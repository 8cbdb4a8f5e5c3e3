"""The argument sets that SDK 2's classes for hosting and ours are both given. Imports neither of them.

Each case makes one thing (a model, or an estimator that is fitted), calls one of its methods, and then asks
what it got: a predictor, a package. Make stands for an object of either SDK, see tests/capture_deploys.py.
"""

from dataclasses import dataclass, field
from typing import Any

from estimator_cases import GONE, ROLE, Make

MODEL_DATA = "s3://course-bucket/models/job/output/model.tar.gz"  # tests/capture_deploys.py answers with one
SOURCE = "s3://course-bucket/code/sourcedir.tar.gz"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/own/server:1.0"
FILES = {
    "S3DataSource": {
        "S3Uri": "s3://course-bucket/models/plain/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }
}
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
VPC = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
VERSIONS = {"transformers_version": "4.51.3", "pytorch_version": "2.6.0", "py_version": "py312"}

MODEL = {"role": ROLE, "model_data": MODEL_DATA, "name": "the-model", **VERSIONS}
SCRIPT = {"entry_point": "inference.py", "source_dir": "serving"}
ESTIMATOR = {
    "entry_point": "train.py",
    "source_dir": "scripts",
    "transformers_version": "4.28.1",  # the newest that AWS has both images for, to train and to serve
    "pytorch_version": "2.0.0",
    "py_version": "py310",
    "role": ROLE,
    "instance_type": "ml.g5.xlarge",
    "instance_count": 1,
    "output_path": "s3://course-bucket/models",
}
CPU = {"initial_instance_count": 1, "instance_type": "ml.m5.xlarge"}
GPU = {"initial_instance_count": 2, "instance_type": "ml.g5.xlarge"}
NAMED = {**CPU, "endpoint_name": "the-endpoint"}
UPDATE = {**GPU, "endpoint_name": "old-endpoint", "update_endpoint": True}


@dataclass(frozen=True)
class Case:
    """One object, one call, and what is asked of its result."""

    model: dict[str, Any] = field(default_factory=dict)  # on top of MODEL, or of ESTIMATOR
    call: dict[str, Any] = field(default_factory=lambda: dict(NAMED))
    method: str = "deploy"
    estimator: bool = False
    then: tuple = ()  # (method of the result, its arguments), …
    session: dict[str, Any] = field(default_factory=dict)

    def arguments(self) -> dict:
        """The constructor's arguments."""
        both = {**(ESTIMATOR if self.estimator else MODEL), **self.model}
        return {name: value for name, value in both.items() if value is not GONE}


ROW = {"inputs": "Ann: hi\nBob: hello 🙂", "parameters": {"max_new_tokens": 8, "do_sample": False}}
METRICS = Make(
    "ModelMetrics",
    {
        "model_statistics": Make(
            "MetricsSource",
            {"content_type": "application/json", "s3_uri": "s3://course-bucket/statistics.json"},
        )
    },
)
GROUP = {
    "content_types": ["application/json"],
    "response_types": ["application/json"],
    "inference_instances": ["ml.m5.xlarge", "ml.g5.xlarge"],
    "model_package_group_name": "summaries",
}

CASES = {
    # what becomes of the model
    "as little as can be": Case(),
    "on a GPU, two of them": Case({}, GPU),
    "no name: the image's and the time": Case({"name": GONE}, CPU),
    "a name with a time in it": Case({"name": "summaries-2026-11-22-08-30-00-125"}, CPU),
    "script and folder": Case(SCRIPT),
    "script and folder, no name": Case({**SCRIPT, "name": GONE}, CPU),
    "a script alone": Case({"entry_point": "serving/inference.py"}),
    "a script that is in the archive": Case({"entry_point": "old.py"}),
    "dependencies": Case({**SCRIPT, "dependencies": ["libs/common", "libs/one_file.py"]}),
    "a script alone with dependencies": Case(
        {"entry_point": "serving/inference.py", "dependencies": ["libs/common"]}
    ),
    "source in S3": Case({"entry_point": "inference.py", "source_dir": SOURCE}),
    "a model on this machine": Case({**SCRIPT, "model_data": "own/model.tar.gz"}),
    "code location": Case({**SCRIPT, "code_location": "s3://code-bucket/below/here"}),
    "code location with a slash": Case({**SCRIPT, "code_location": "s3://code-bucket/below/"}),
    "code location that is a bucket": Case({**SCRIPT, "code_location": "s3://code-bucket"}),
    "default bucket with a prefix": Case(SCRIPT, session={"default_bucket_prefix": "team/one"}),
    "default bucket that the session names": Case(SCRIPT, session={"default_bucket": "own-bucket"}),
    "a key for the archive": Case({**SCRIPT, "model_kms_key": KEY}),
    "an archive that is not encrypted": Case(
        SCRIPT, session={"settings": Make("SessionSettings", {"encrypt_repacked_artifacts": False})}
    ),
    "files that are not packed": Case({"model_data": FILES}),
    "no model: the container loads one": Case(
        {"model_data": GONE, "env": {"HF_MODEL_ID": "pocketaws/chat-1m", "HF_TASK": "text-generation"}}
    ),
    "an environment": Case(
        {**SCRIPT, "env": {"HF_TASK": "text-generation", "MAX": "8", "SAGEMAKER_PROGRAM": "x.py"}}
    ),
    "the archive's own script, named in the environment": Case(
        {"env": {"SAGEMAKER_PROGRAM": "old.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}}
    ),
    "log level and workers": Case({"container_log_level": 10, "model_server_workers": 2}),
    "an image of one's own": Case({"image_uri": IMAGE, **dict.fromkeys(VERSIONS, GONE)}),
    "an image of one's own, no name": Case(
        {"image_uri": IMAGE, "name": GONE, **dict.fromkeys(VERSIONS, GONE)}, CPU
    ),
    "an image from a registry in the VPC": Case(
        {"image_uri": IMAGE, "image_config": {"RepositoryAccessMode": "Vpc"}, "vpc_config": VPC}
    ),
    "VPC and no network": Case({**SCRIPT, "vpc_config": VPC, "enable_network_isolation": True}),
    "a role by its name": Case({"role": "course"}),
    "other versions": Case(
        {"transformers_version": "4.37.0", "pytorch_version": "2.1.0", "py_version": "py310"}
    ),
    "short versions": Case({"transformers_version": "4.37", "pytorch_version": "2.1", "py_version": "py310"}),
    "another region": Case(session={"region": "eu-west-1"}),
    "a licence accepted": Case({}, {**NAMED, "accept_eula": True}),
    "a licence accepted, files that are not packed": Case(
        {"model_data": FILES}, {**NAMED, "accept_eula": True}
    ),
    "a model of a private hub": Case(
        {"model_data": FILES},
        {**NAMED, "model_reference_arn": "arn:aws:sagemaker:us-east-1:123456789012:hub-content/x"},
    ),
    # what becomes of config and endpoint
    "tags as a dict": Case({}, {**NAMED, "tags": {"project": "tuneaws", "n": 4}}),
    "tags as a list": Case({}, {**NAMED, "tags": [{"Key": "project", "Value": "tuneaws"}]}),
    "a key, a volume and timeouts": Case(
        {},
        {
            **NAMED,
            "kms_key": KEY,
            "volume_size": 64,
            "model_data_download_timeout": 600,
            "container_startup_health_check_timeout": 900,
        },
    ),
    "routing": Case({}, {**NAMED, "routing_config": {"RoutingStrategy": "least_outstanding_requests"}}),
    "an image of the instance": Case(
        {}, {**NAMED, "inference_ami_version": "al2-ami-sagemaker-inference-gpu-2"}
    ),
    "serverless": Case(
        {},
        {
            "endpoint_name": "the-endpoint",
            "serverless_inference_config": Make(
                "ServerlessInferenceConfig", {"memory_size_in_mb": 4096, "max_concurrency": 7}
            ),
        },
    ),
    "serverless, provisioned": Case(
        SCRIPT,
        {"serverless_inference_config": Make("ServerlessInferenceConfig", {"provisioned_concurrency": 2})},
    ),
    "asynchronous": Case(
        {},
        {
            **NAMED,
            "async_inference_config": Make(
                "AsyncInferenceConfig",
                {
                    "output_path": "s3://course-bucket/answers",
                    "failure_path": "s3://course-bucket/failures",
                    "max_concurrent_invocations_per_instance": 4,
                    "kms_key_id": KEY,
                    "notification_config": {"SuccessTopic": "arn:aws:sns:us-east-1:123456789012:done"},
                },
            ),
        },
        then=(
            ("predict_async", {"data": ROW}),
            (
                "predict_async",
                {"data": ROW, "input_path": "s3://course-bucket/in/1.json", "inference_id": "one"},
            ),
            (
                "predict_async",
                {"input_path": "s3://course-bucket/in/2.json", "initial_args": {"Accept": "text/csv"}},
            ),
            ("delete_endpoint", {}),
        ),
    ),
    "asynchronous, with paths of the default bucket": Case(
        {}, {**CPU, "async_inference_config": Make("AsyncInferenceConfig")}
    ),
    "asynchronous, with one path, in a prefix": Case(
        {},
        {
            **CPU,
            "async_inference_config": Make(
                "AsyncInferenceConfig", {"output_path": "s3://course-bucket/answers"}
            ),
        },
        session={"default_bucket_prefix": "team/one"},
    ),
    "data capture": Case(
        {},
        {
            **NAMED,
            "data_capture_config": Make(
                "DataCaptureConfig",
                {
                    "enable_capture": True,
                    "sampling_percentage": 50,
                    "destination_s3_uri": "s3://course-bucket/captured",
                },
            ),
        },
    ),
    "an explanation": Case(
        {},
        {
            **NAMED,
            "explainer_config": Make(
                "ExplainerConfig",
                {
                    "clarify_explainer_config": Make(
                        "ClarifyExplainerConfig",
                        {
                            "shap_config": Make(
                                "ClarifyShapConfig",
                                {
                                    "shap_baseline_config": Make(
                                        "ClarifyShapBaselineConfig", {"shap_baseline": "0"}
                                    )
                                },
                            )
                        },
                    )
                },
            ),
        },
    ),
    "an endpoint that is there gets another model": Case({**SCRIPT, "name": GONE}, UPDATE),
    "an endpoint that is there, with tags and a key": Case(
        {"name": "new-model"}, {**UPDATE, "tags": {"project": "tuneaws"}, "kms_key": KEY, "volume_size": 32}
    ),
    "a model and no endpoint": Case(SCRIPT, {"instance_type": "ml.m5.xlarge", "tags": {"a": "b"}}, "create"),
    # the predictor
    "asked": Case(
        then=(
            ("predict", {"data": ROW}),
            ("predict", {"data": [1, 2.5, None, "ü"]}),
            ("predict", {"data": Make("array", {"object": [[1.0, 2.0], [3.0, 4.0]]})}),
            ("predict", {"data": {"inputs": Make("array", {"object": [1, 2]})}}),
            (
                "predict",
                {"data": ROW, "target_variant": "B", "inference_id": "id-1", "custom_attributes": "trace=1"},
            ),
            ("predict", {"data": ROW, "target_model": "one.tar.gz"}),
            (
                "predict",
                {
                    "data": ROW,
                    "initial_args": {
                        "ContentType": "application/x-json",
                        "Accept": "text/plain",
                        "EndpointName": "another",
                        "EnableExplanations": "true",
                        "TargetVariant": "A",
                    },
                },
            ),
            ("predict", {"data": ROW, "initial_args": {"TargetVariant": "A"}, "target_variant": "B"}),
        )
    ),
    "asked for a stream": Case(
        then=(
            ("predict_stream", {"data": ROW}),
            (
                "predict_stream",
                {
                    "data": ROW,
                    "target_variant": "B",
                    "inference_id": "id-1",
                    "custom_attributes": "trace=1",
                    "target_container_hostname": "first",
                    "initial_args": {"Accept": "text/event-stream"},
                },
            ),
        )
    ),
    "asked with serializers of the SDK's": Case(
        {},
        {
            **NAMED,
            "serializer": Make("CSVSerializer"),
            "deserializer": Make("StringDeserializer"),
        },
        then=(("predict", {"data": [[1, 2], [3, 4]]}),),
    ),
    "a predictor with media types of its own": Case(
        then=(
            ("content_type", "application/x-own"),
            ("accept", ("text/csv", "text/plain")),
            ("predict", {"data": 1}),
        )
    ),
    "updated: more instances": Case(
        then=(
            ("update_endpoint", {"initial_instance_count": 3, "instance_type": "ml.g5.2xlarge"}),
            ("delete_model", {}),
            ("delete_endpoint", {}),
        )
    ),
    "updated: another model, tags, a key": Case(
        then=(
            (
                "update_endpoint",
                {
                    "initial_instance_count": 1,
                    "instance_type": "ml.m5.xlarge",
                    "model_name": "another",
                    "tags": {"project": "x"},
                    "kms_key": KEY,
                    "max_instance_count": 4,
                    "min_instance_count": 1,
                },
            ),
        )
    ),
    "updated: data capture alone": Case(
        {},
        {**NAMED, "kms_key": KEY},
        then=(
            (
                "update_endpoint",
                {
                    "data_capture_config_dict": {
                        "EnableCapture": True,
                        "InitialSamplingPercentage": 10,
                        "CaptureOptions": [{"CaptureMode": "Input"}],
                        "DestinationS3Uri": "s3://course-bucket/captured",
                    }
                },
            ),
        ),
    ),
    "deleted, its config kept": Case(then=(("delete_endpoint", {"delete_endpoint_config": False}),)),
    "deleted by its other name": Case(then=(("delete_predictor", {}),)),
    # the estimator
    "estimator": Case(estimator=True, call=CPU),
    "estimator with names": Case(estimator=True, call={**NAMED, "model_name": "own-model"}),
    "estimator with a base name": Case({"base_job_name": "summaries"}, GPU, estimator=True),
    "estimator with script and folder": Case(
        {"base_job_name": "summaries", "output_kms_key": KEY, "tags": {"project": "tuneaws"}},
        {**NAMED, **SCRIPT, "env": {"HF_TASK": "text-generation"}, "model_server_workers": 1},
        estimator=True,
    ),
    "estimator with the script that it was trained with": Case(
        {"code_location": "s3://code-bucket/code", "dependencies": ["libs/common"]},
        {**NAMED, "entry_point": "train.py"},
        estimator=True,
    ),
    "estimator with the script that it was trained with, default bucket": Case(
        {"output_path": GONE}, {**NAMED, "entry_point": "train.py"}, estimator=True
    ),
    "estimator with tags of the endpoint's own": Case(
        {"tags": {"project": "tuneaws"}}, {**NAMED, "tags": {"lesson": "10"}}, estimator=True
    ),
    "estimator in a VPC": Case(
        {"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]}, {**NAMED, "role": "course"}, estimator=True
    ),
    "estimator in another VPC": Case(
        {"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]},
        {**NAMED, "vpc_config_override": VPC},
        estimator=True,
    ),
    "estimator out of the VPC": Case(
        {"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]},
        {**NAMED, "vpc_config_override": None},
        estimator=True,
    ),
    "estimator with another image": Case(
        {"transformers_version": "4.56.2", "pytorch_version": "2.8.0", "py_version": "py312"},
        {**NAMED, "image_uri": IMAGE},
        estimator=True,
    ),
    "estimator whose model is files": Case({"disable_output_compression": True}, NAMED, estimator=True),
    "estimator, everything": Case(
        {},
        {
            **NAMED,
            "kms_key": KEY,
            "volume_size": 64,
            "model_data_download_timeout": 600,
            "container_startup_health_check_timeout": 900,
            "enable_network_isolation": True,
            "serializer": Make("CSVSerializer"),
        },
        estimator=True,
        then=(("predict", {"data": [[1, 2]]}), ("delete_model", {}), ("delete_endpoint", {})),
    ),
    # the registry
    "registered": Case(SCRIPT, GROUP, "register"),
    "registered without a group's name": Case({}, {**GROUP, "model_package_group_name": None}, "register"),
    "registered with everything": Case(
        {**SCRIPT, "env": {"A": "b"}},
        {
            **GROUP,
            "transform_instances": ["ml.m5.xlarge"],
            "model_metrics": METRICS,
            "metadata_properties": Make("MetadataProperties", {"commit_id": "abc", "repository": "r"}),
            "approval_status": "Approved",
            "description": "the tuned one",
            "customer_metadata_properties": {"rougeL": "31.2"},
            "domain": "NATURAL_LANGUAGE_PROCESSING",
            "sample_payload_url": "s3://course-bucket/sample.tar.gz",
            "task": "TEXT_GENERATION",
            "framework": "PyTorch",
            "framework_version": "2.6",
            "nearest_model_name": "bert",
            "data_input_configuration": "{}",
            "skip_model_validation": "All",
            "marketplace_cert": False,
            "drift_check_baselines": Make(
                "DriftCheckBaselines",
                {
                    "model_statistics": Make(
                        "MetricsSource",
                        {"content_type": "application/json", "s3_uri": "s3://course-bucket/base.json"},
                    )
                },
            ),
            "model_life_cycle": Make("ModelLifeCycle", {"stage": "Development", "stage_status": "Pending"}),
            "model_package_registration_type": "Logged",
        },
        "register",
    ),
    "registered as files": Case({"model_data": FILES}, GROUP, "register"),
    "registered in a group given by its ARN": Case(
        {},
        {
            **GROUP,
            "model_package_group_name": "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/g",
        },
        "register",
    ),
    "registered with an image": Case({}, {**GROUP, "image_uri": IMAGE}, "register"),
    "registered as a package of its own": Case(
        {},
        {
            **GROUP,
            "model_package_group_name": None,
            "model_package_name": "one-package",
            "transform_instances": ["ml.m5.xlarge"],
        },
        "register",
    ),
    "registered and deployed": Case(
        {},
        {**GROUP, "approval_status": "Approved"},
        "register",
        then=(("deploy", {**NAMED, "tags": {"a": "b"}, "volume_size": 32}),),
    ),
    "registered, approved and named": Case(
        {},
        GROUP,
        "register",
        then=(
            (
                "update_approval_status",
                {"approval_status": "Approved", "approval_description": "beats the base"},
            ),
        ),
    ),
    "estimator registered": Case(
        {"output_kms_key": KEY, "base_job_name": "summaries"}, {**GROUP, **SCRIPT}, "register", estimator=True
    ),
}
