"""The argument sets that SDK 2's HuggingFace estimator and ours are both given. Imports neither of them.

Each: arguments of the constructor on top of BASE (None takes one of BASE away), arguments of fit(), and what
set_hyperparameters() gets. Make stands for an object of either SDK, made by tests/capture_requests.py.
"""

from dataclasses import dataclass, field
from typing import Any

REGION = "us-east-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/course"
GONE = object()


@dataclass(frozen=True)
class Make:
    """An object of the SDK's, by its class's name and its arguments."""

    kind: str
    arguments: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One estimator and one fit()."""

    estimator: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    session: dict[str, Any] = field(default_factory=dict)
    set_hyperparameters: dict[str, Any] = field(default_factory=dict)

    def arguments(self) -> dict:
        """The constructor's arguments: BASE, changed."""
        both = {**BASE, **self.estimator}
        return {name: value for name, value in both.items() if value is not GONE}


BASE = {
    "entry_point": "train.py",
    "source_dir": "scripts",
    "transformers_version": "4.56.2",
    "pytorch_version": "2.8.0",
    "py_version": "py312",
    "role": ROLE,
    "instance_type": "ml.g5.xlarge",
    "instance_count": 1,
    "output_path": "s3://course-bucket/models",
}
TRAIN, VALIDATION = "s3://course-bucket/data/train", "s3://course-bucket/data/validation.jsonl"
EVERY_KIND_OF_VALUE = {
    "epochs": 3,
    "learning_rate": 2e-4,
    "tiny": 6e-45,
    "merge_weights": True,
    "gradient_checkpointing": False,
    "model_id": "pocketaws/chat-1m",
    "prompt": 'Sum "it" up,\nin Zürich 🙂',
    "target_modules": ["q_proj", "v_proj"],
    "nested": {"a": [1, None, {"b": "c"}]},
    "nothing": None,
    "empty": "",
    7: "a key that is a number",
}

CASES = {
    "as little as can be": Case(),
    "no output path: the default bucket": Case({"output_path": GONE}, {"inputs": TRAIN}),
    "default bucket with a prefix": Case(
        {"output_path": GONE}, {"inputs": TRAIN}, {"default_bucket_prefix": "team/one"}
    ),
    "default bucket that the session names": Case(
        {"output_path": GONE}, {"inputs": TRAIN}, {"default_bucket": "own-bucket"}
    ),
    "code location apart": Case({"code_location": "s3://code-bucket/below/here"}, {"inputs": TRAIN}),
    "code location with a slash, in the output's bucket, with a key": Case(
        {"code_location": "s3://course-bucket/code/", "output_kms_key": "alias/output"}, {"inputs": TRAIN}
    ),
    "code location in another bucket, with a key": Case(
        {"code_location": "s3://code-bucket", "output_kms_key": "alias/output"}, {"inputs": TRAIN}
    ),
    "a script without a folder": Case({"source_dir": GONE, "entry_point": "scripts/train.py"}),
    "a script in a folder of the folder": Case({"entry_point": "parts/second.py"}),
    "dependencies": Case({"dependencies": ["libs/common", "libs/one_file.py"]}),
    "source in S3": Case({"source_dir": "s3://course-bucket/code/sourcedir.tar.gz"}, {"inputs": TRAIN}),
    "hyperparameters of every kind": Case({"hyperparameters": EVERY_KIND_OF_VALUE}),
    "hyperparameters that are set later": Case(
        {"hyperparameters": {"epochs": 3, "seed": 1}}, set_hyperparameters={"epochs": 5, "name": "x"}
    ),
    "several channels": Case(
        {},
        {
            "inputs": {
                "training": TRAIN,
                "validation": Make(
                    "TrainingInput", {"s3_data": VALIDATION, "content_type": "application/json"}
                ),
                "sharded": Make(
                    "TrainingInput",
                    {
                        "s3_data": "s3://course-bucket/manifest.json",
                        "distribution": "ShardedByS3Key",
                        "s3_data_type": "ManifestFile",
                        "input_mode": "FastFile",
                        "shuffle_config": Make("ShuffleConfig", {"seed": 7}),
                    },
                ),
                "augmented": Make(
                    "TrainingInput",
                    {
                        "s3_data": "s3://course-bucket/augmented.json",
                        "s3_data_type": "AugmentedManifestFile",
                        "attribute_names": ["source-ref", "label"],
                        "record_wrapping": "RecordIO",
                        "compression": "Gzip",
                        "input_mode": "Pipe",
                    },
                ),
            }
        },
    ),
    "one TrainingInput that says its mode": Case(
        {}, {"inputs": Make("TrainingInput", {"s3_data": TRAIN, "input_mode": "FastFile"})}
    ),
    "a file system": Case(
        {"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]},
        {
            "inputs": Make(
                "FileSystemInput",
                {
                    "file_system_id": "fs-0123456789abcdef0",
                    "file_system_type": "EFS",
                    "directory_path": "/data",
                },
            )
        },
    ),
    "a model channel": Case({"model_uri": "s3://course-bucket/base/"}, {"inputs": {"training": TRAIN}}),
    "a model channel of another name, and no inputs": Case(
        {"model_uri": "s3://course-bucket/base.tar.gz", "model_channel_name": "base"}
    ),
    "spot with checkpoints": Case(
        {
            "use_spot_instances": True,
            "max_run": 3600,
            "max_wait": 7200,
            "checkpoint_s3_uri": "s3://course-bucket/checkpoints",
            "checkpoint_local_path": "/opt/ml/checkpoints/here",
            "max_retry_attempts": 3,
        },
        {"inputs": TRAIN},
    ),
    "checkpoints where SageMaker puts them": Case({"checkpoint_s3_uri": "s3://course-bucket/checkpoints"}),
    "VPC, keys and no network": Case(
        {
            "subnets": ["subnet-1", "subnet-2"],
            "security_group_ids": ["sg-1"],
            "encrypt_inter_container_traffic": True,
            "enable_network_isolation": True,
            "volume_kms_key": "arn:aws:kms:us-east-1:123456789012:key/1",
            "output_kms_key": "alias/output",
            "volume_size": 100,
        },
        {"inputs": {"training": TRAIN}},
    ),
    "tags as a dict, a role by its name, an environment": Case(
        {"tags": {"project": "tuneaws", "n": 4}, "role": "course", "environment": {"HF_HUB_OFFLINE": "1"}}
    ),
    "tags as a list, nothing in the environment": Case(
        {"tags": [{"Key": "project", "Value": "tuneaws"}], "environment": {}}
    ),
    "metric definitions": Case(
        {
            "metric_definitions": [
                {"Name": "train:loss", "Regex": " loss=([0-9.eE+-]+|nan|inf)"},
                {"Name": "eval:loss", "Regex": " eval_loss=([0-9.eE+-]+)"},
            ]
        },
        {"inputs": TRAIN},
    ),
    "a warm pool": Case({"keep_alive_period_in_seconds": 1800, "max_run": 600}),
    "a base name": Case({"base_job_name": "summaries"}, {"job_name": None}),
    "a base name that is too long": Case({"base_job_name": "summaries-" * 9}, {"job_name": None}),
    "no name: the image's": Case({}, {"job_name": None}),
    "an image of one's own, its entry point and its registry": Case(
        {
            "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/own/image:1.0",
            "transformers_version": GONE,
            "pytorch_version": GONE,
            "py_version": None,
            "container_entry_point": ["python", "-m", "launcher"],
            "container_arguments": ["--verbose"],
            "training_repository_access_mode": "Vpc",
            "training_repository_credentials_provider_arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f",
        },
        {"job_name": None},
    ),
    "short versions": Case({"transformers_version": "4.49", "pytorch_version": "2.5", "py_version": "py311"}),
    "several GPUs by torch_distributed": Case(
        {"instance_type": "ml.g5.12xlarge", "distribution": {"torch_distributed": {"enabled": True}}}
    ),
    "two hosts by torch_distributed, data dealt out": Case(
        {
            "instance_type": "ml.g5.12xlarge",
            "instance_count": 2,
            "distribution": {"torch_distributed": {"enabled": True}},
            "hyperparameters": {"epochs": 1, "fsdp": True, "sagemaker_mpi_num_of_processes_per_host": 2},
        },
        fit={
            "inputs": {
                "training": Make(
                    "TrainingInput",
                    {"s3_data": "s3://course-bucket/train", "distribution": "ShardedByS3Key"},
                )
            }
        },
    ),
    "two hosts by pytorchddp": Case(
        {
            "instance_type": "ml.p4d.24xlarge",
            "instance_count": 2,
            "distribution": {"pytorchddp": {"enabled": True}},
        }
    ),
    "MPI": Case(
        {
            "instance_type": "ml.g5.12xlarge",
            "instance_count": 2,
            "distribution": {
                "mpi": {"enabled": True, "processes_per_host": 4, "custom_mpi_options": "--verbose"}
            },
        }
    ),
    "smdistributed data parallel": Case(
        {
            "transformers_version": "4.26.0",
            "pytorch_version": "1.13.1",
            "py_version": "py39",
            "instance_type": "ml.p4d.24xlarge",
            "instance_count": 2,
            "distribution": {"smdistributed": {"dataparallel": {"enabled": True}}},
        }
    ),
    "model parallel": Case(
        {
            "transformers_version": "4.26.0",
            "pytorch_version": "1.13.1",
            "py_version": "py39",
            "instance_type": "ml.p3.16xlarge",
            "distribution": {
                "smdistributed": {"modelparallel": {"enabled": True, "parameters": {"partitions": 2}}},
                "mpi": {"enabled": True, "processes_per_host": 8},
            },
        }
    ),
    "a distribution that is switched off": Case({"distribution": {"torch_distributed": {"enabled": False}}}),
    "groups of instances": Case(
        {
            "instance_type": GONE,
            "instance_count": GONE,
            "instance_groups": [
                Make(
                    "InstanceGroup",
                    {"instance_group_name": "gpu", "instance_type": "ml.g5.xlarge", "instance_count": 1},
                ),
                Make(
                    "InstanceGroup",
                    {"instance_group_name": "cpu", "instance_type": "ml.c5.xlarge", "instance_count": 2},
                ),
            ],
        },
        {"inputs": {"training": Make("TrainingInput", {"s3_data": TRAIN, "instance_groups": ["gpu"]})}},
    ),
    "Debugger and profiler off": Case({"debugger_hook_config": False, "disable_profiler": True}),
    "Debugger, profiler and TensorBoard said": Case(
        {
            "debugger_hook_config": Make(
                "DebuggerHookConfig",
                {
                    "hook_parameters": {"save_interval": "10"},
                    "collection_configs": [Make("CollectionConfig", {"name": "losses"})],
                },
            ),
            "profiler_config": Make("ProfilerConfig", {"system_monitor_interval_millis": 1000}),
            "tensorboard_output_config": Make(
                "TensorBoardOutputConfig", {"s3_output_path": "s3://course-bucket/tensorboard"}
            ),
        }
    ),
    "the rest": Case(
        {
            "input_mode": "FastFile",
            "disable_output_compression": True,
            "enable_sagemaker_metrics": False,
            "container_log_level": 10,
            "enable_infra_check": True,
            "enable_remote_debug": True,
            "enable_session_tag_chaining": True,
            "training_plan": "arn:aws:sagemaker:us-east-1:123456789012:training-plan/p",
            "instance_placement_config": {"EnableMultipleJobs": True},
            "rules": [],
        },
        {
            "inputs": TRAIN,
            "experiment_config": {"ExperimentName": "e", "TrialName": "t", "TrialComponentDisplayName": "c"},
        },
    ),
    "Trainium": Case(
        {
            "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/own/neuron:1",
            "instance_type": "ml.trn1.2xlarge",
            "distribution": {"torch_distributed": {"enabled": True}},
        }
    ),
    "a region without Debugger": Case(
        {"image_uri": "123456789012.dkr.ecr.eu-south-2.amazonaws.com/own/image:1.0"},
        session={"region": "eu-south-2"},
    ),
}
