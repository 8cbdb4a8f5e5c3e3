"""The arguments of SDK 2's HuggingFace estimator: names, order and defaults of sagemaker 2.257.7.

Every argument is honoured, or refused by name with the reason; none is dropped in silence. A few that SDK 2
ignores without a word (checkpoint_local_path alone, an unknown keyword) are refused here.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import Any

JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")  # botocore 1.44.5, TrainingJobName
OLD_NAMES = {  # SDK 1's names, which SDK 2 renames with a warning
    "image_name": "image_uri",
    "train_instance_count": "instance_count",
    "train_instance_type": "instance_type",
    "train_max_run": "max_run",
    "train_max_wait": "max_wait",
    "train_use_spot_instances": "use_spot_instances",
    "train_volume_kms_key": "volume_kms_key",
    "train_volume_size": "volume_size",
}


def explain_unknown(cls):
    """Class decorator: an unknown keyword fails with the nearest name there is. SDK 2 swallows it."""
    plain = cls.__init__
    known = list(inspect.signature(plain).parameters)[1:]

    @functools.wraps(plain)
    def __init__(self, *args, **keywords):
        for name in keywords:
            if name not in known:
                near = OLD_NAMES.get(name) or next(iter(difflib.get_close_matches(name, known, 1)), None)
                raise TypeError(f"{type(self).__name__} has no argument {name!r}. Fix: {_hint(near, self)}.")
        plain(self, *args, **keywords)

    cls.__init__ = __init__
    return cls


def takes(arguments: type):
    """Method decorator: help() and completion show the arguments of that class, which it is called with."""

    def shown(method):
        """Give the method that signature."""
        own = list(inspect.signature(method).parameters.values())[:1]  # self
        method.__signature__ = inspect.Signature([*own, *inspect.signature(arguments).parameters.values()])
        return method

    return shown


def _hint(near: str | None, self: object) -> str:
    which = type(self).__name__
    return f"did you mean {near!r}" if near else f"leave it out; help({which}) lists the arguments"


@explain_unknown
@dataclass(repr=False, eq=False)
class Arguments:
    """What to train, on what, for how long. Durations in seconds, volume_size in GB."""

    py_version: str | None  # of the image, "py312"; may be None with image_uri
    entry_point: str  # the script, relative to source_dir
    transformers_version: str | None = None  # of the image, "4.56.2"; with pytorch_version it picks the image
    tensorflow_version: str | None = None  # refused
    pytorch_version: str | None = None  # of the image, "2.8.0"
    source_dir: str | None = None  # a folder that is packed and uploaded, or an s3://…/sourcedir.tar.gz
    hyperparameters: InitVar[dict | None] = None  # become --name value of the script
    image_uri: str | None = None  # an image of your own, instead of the versions
    distribution: dict | None = None  # {"torch_distributed": {"enabled": True}} and others of SDK 2
    compiler_config: Any = None  # refused
    _: KW_ONLY
    role: str | None = None  # ARN or name of the role that the job runs as
    instance_count: int | None = None
    instance_type: str | None = None  # "ml.g5.xlarge"
    keep_alive_period_in_seconds: int | None = None  # warm pool: billed until it ends
    volume_size: int = 30  # GB of EBS; instances with NVMe disks ignore it
    volume_kms_key: str | None = None
    max_run: int = 24 * 60 * 60  # the job is stopped after this, and billed until then
    input_mode: str = "File"  # File, FastFile or Pipe, for channels that do not say
    output_path: str | None = None  # s3:// prefix for model.tar.gz; None is the session's default bucket
    output_kms_key: str | None = None
    base_job_name: str | None = None  # the job's name without its time stamp; None is the image's name
    sagemaker_session: Any = None  # SDK 3's Session; None makes one from the environment
    tags: Any = None  # {"project": "tuneaws"} or [{"Key": …, "Value": …}]
    subnets: list[str] | None = None  # with security_group_ids: the job runs in your VPC
    security_group_ids: list[str] | None = None
    model_uri: str | None = None  # s3:// of a model that comes in as one more channel
    model_channel_name: str = "model"
    metric_definitions: list[dict] | None = None  # [{"Name": …, "Regex": …}], read from the log
    encrypt_inter_container_traffic: bool | None = None
    use_spot_instances: bool = False  # needs max_wait
    max_wait: int | None = None  # waiting and running together, at least max_run
    checkpoint_s3_uri: str | None = None  # where /opt/ml/checkpoints is kept while the job runs
    checkpoint_local_path: str | None = None  # another folder than /opt/ml/checkpoints
    rules: list | None = None  # Debugger rules: refused
    debugger_hook_config: Any = None  # False switches the hook off; None sends SDK 2's default
    tensorboard_output_config: Any = None
    enable_sagemaker_metrics: bool | None = True  # SDK 2's HuggingFace sends True
    enable_network_isolation: InitVar[bool | None] = None  # no network in the job; code comes as a channel
    profiler_config: Any = None
    disable_profiler: bool | None = None
    environment: dict[str, str] | None = None  # environment variables of the job
    max_retry_attempts: int | None = None  # on AWS's InternalServerError
    git_config: dict | None = None  # refused
    container_log_level: int = 20  # logging.INFO
    code_location: str | None = None  # s3:// prefix for the source; None is output_path's bucket
    dependencies: list[str] | None = None  # folders and files that are packed beside the script
    instance_groups: list | None = None  # several kinds of instances, instead of instance_type
    training_repository_access_mode: str | None = None  # Platform or Vpc, for an image_uri of your own
    training_repository_credentials_provider_arn: str | None = None
    enable_infra_check: bool | None = None
    container_entry_point: list[str] | None = None
    container_arguments: list[str] | None = None
    disable_output_compression: bool = False  # the model as files instead of model.tar.gz
    enable_remote_debug: bool | None = None
    enable_session_tag_chaining: bool | None = None
    training_plan: str | None = None  # ARN of reserved capacity
    instance_placement_config: dict | None = None

    def __post_init__(self, hyperparameters: dict | None, enable_network_isolation: bool | None):
        """Raises ValueError for what can be known to be wrong before AWS is asked."""
        self._hyperparameters = dict(hyperparameters or {})
        self._isolated = bool(enable_network_isolation)
        for refuse in (_refused, _versions, _instances, _where_it_runs, _pairs, _names):
            refuse(self)


def _refused(a: Arguments) -> None:
    if a.tensorflow_version:
        raise ValueError(
            f"tensorflow_version={a.tensorflow_version!r}: this estimator trains with PyTorch. "
            'Fix: pytorch_version="2.8.0" with transformers_version="4.56.2" and py_version="py312".'
        )
    if a.compiler_config is not None:
        raise ValueError(
            "compiler_config: SageMaker Training Compiler takes no transformers newer than 4.21, and AWS "
            "makes no new releases of it. Fix: leave compiler_config out."
        )
    if a.git_config:
        raise ValueError(
            f"git_config for {a.git_config.get('repo')!r}: this estimator does not clone repositories. "
            "Fix: git clone it yourself and give the folder as source_dir."
        )
    if a.rules:
        raise ValueError(
            f"rules: {len(a.rules)} Debugger rules given; each is a processing job of its own, which this "
            "estimator does not start. Fix: leave rules out, and read the metrics (metric_definitions)."
        )
    if getattr(a.profiler_config, "profile_params", None):
        raise ValueError(
            "profiler_config.profile_params starts a processing job, which this estimator does not do. "
            "Fix: profiler_config without profile_params."
        )


def _versions(a: Arguments) -> None:
    if a.image_uri:
        return
    missing = [n for n in ("transformers_version", "pytorch_version", "py_version") if not getattr(a, n)]
    if missing:
        raise ValueError(
            f"{' and '.join(missing)} missing, so there is no training image. Fix: "
            'transformers_version="4.56.2", pytorch_version="2.8.0", py_version="py312", or image_uri=….'
        )
    for name in ("transformers_version", "pytorch_version"):
        if not isinstance(getattr(a, name), str):
            raise ValueError(f"{name}={getattr(a, name)!r} is not a string. Fix: quote it.")
    if a.transformers_version.count(".") != a.pytorch_version.count("."):
        raise ValueError(
            f"transformers_version={a.transformers_version!r} and pytorch_version={a.pytorch_version!r}: "
            "one is short, one is full. Fix: write both in full, such as 4.56.2 and 2.8.0."
        )


def _instances(a: Arguments) -> None:
    if a.instance_groups:
        if a.instance_type or a.instance_count:
            raise ValueError("instance_groups and instance_type or instance_count: give one or the other.")
        return
    if a.instance_type in ("local", "local_gpu"):
        raise ValueError(
            f"instance_type={a.instance_type!r} is SDK 2's local mode, which needs Docker. Fix: "
            'instance_type="ml.g5.xlarge" (or another type); with WHERE = "local" the job runs on this '
            "machine, free and without Docker."
        )
    if not a.instance_type or not a.instance_count:
        raise ValueError(
            f"instance_type={a.instance_type!r}, instance_count={a.instance_count!r}: both are needed. "
            'Fix: instance_type="ml.g5.xlarge", instance_count=1. With WHERE = "local" the job is free.'
        )


def _where_it_runs(a: Arguments) -> None:
    if not a.role:
        raise ValueError("role is missing. Fix: role=session.role_arn (tuneaws.session.connect gives one).")
    if str(a.entry_point).startswith("s3://"):
        raise ValueError(
            f"entry_point={a.entry_point!r} must be a file. Fix: put the s3:// URI in source_dir."
        )
    for name in ("output_path", "code_location", "checkpoint_s3_uri", "model_uri"):
        value = getattr(a, name)
        if value and not str(value).startswith("s3://"):
            raise ValueError(
                f"{name}={value!r} is not in S3. Fix: an s3:// URI; file:// works in SDK 2's local mode "
                'only. With WHERE = "local" S3 is on this machine and free.'
            )


def _pairs(a: Arguments) -> None:
    if (a.subnets is None) != (a.security_group_ids is None):
        raise ValueError("subnets and security_group_ids belong together. Fix: give both, or neither.")
    if a.use_spot_instances and (a.max_wait is None or a.max_wait < a.max_run):
        raise ValueError(
            f"use_spot_instances with max_run={a.max_run} and max_wait={a.max_wait}: AWS wants max_wait "
            "to be at least max_run, since it counts waiting and running together. "
            f"Fix: max_wait={2 * a.max_run}."
        )
    if a.checkpoint_local_path and not a.checkpoint_s3_uri:
        raise ValueError("checkpoint_local_path without checkpoint_s3_uri does nothing. Fix: give both.")
    if a.training_repository_credentials_provider_arn and not a.training_repository_access_mode:
        raise ValueError(
            "training_repository_credentials_provider_arn without training_repository_access_mode does "
            'nothing. Fix: training_repository_access_mode="Vpc".'
        )
    if a.disable_profiler and a.profiler_config and not a.profiler_config.disable_profiler:
        raise ValueError("disable_profiler=True contradicts profiler_config. Fix: give one of them.")


def _names(a: Arguments) -> None:
    if a.base_job_name and not JOB_NAME.fullmatch(a.base_job_name[:39] + "-1"):
        raise ValueError(
            f"base_job_name={a.base_job_name!r}: a job's name has letters, digits and hyphens. "
            f"Fix: base_job_name={re.sub('[^a-zA-Z0-9]+', '-', a.base_job_name).strip('-')!r}."
        )
    if not isinstance(a.tags, dict | list | type(None)):
        raise ValueError(f'tags={a.tags!r}: give {{"name": "value"}} or [{{"Key": …, "Value": …}}].')
