"""The arguments of SDK 2's HuggingFaceModel: names, order and defaults of sagemaker 2.257.7.

Every argument is honoured, or refused by name with the reason; none is dropped in silence. SDK 2 drops some:
a script for a model that is not one archive, dependencies or a source_dir without an entry_point.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, InitVar, dataclass
from typing import Any

from tuneaws.estimator.arguments import explain_unknown
from tuneaws.estimator.hosting_request import check_name
from tuneaws.estimator.places import in_s3
from tuneaws.hosting.predictor import HuggingFacePredictor


@explain_unknown
@dataclass(repr=False, eq=False)
class ModelArguments:
    """Which model, which script, in which image."""

    role: str | None = None  # ARN or name of the role that the container runs as
    model_data: str | dict | None = None  # s3://…/model.tar.gz, or a ModelDataSource of files in S3
    entry_point: str | None = None  # inference.py, relative to source_dir; None: the archive's own code/
    transformers_version: str | None = None  # of the image, "4.51.3"; with pytorch_version it picks the image
    tensorflow_version: str | None = None  # refused
    pytorch_version: str | None = None  # of the image, "2.6.0"
    py_version: str | None = None  # of the image, "py312"
    image_uri: str | None = None  # an image of your own, instead of the versions
    predictor_cls: Any = HuggingFacePredictor  # called with (endpoint name, session); None: no predictor
    model_server_workers: int | None = None  # processes that load the model; None: one for each vCPU
    _: KW_ONLY
    source_dir: str | None = None  # a folder that becomes the archive's code/, or an s3://…/sourcedir.tar.gz
    env: dict[str, str] | None = None  # environment variables of the container
    name: str | None = None  # of the model; None: the image's name and the time
    container_log_level: int = 20  # logging.INFO
    code_location: str | None = None  # s3:// prefix for the new archive; None is the session's default bucket
    sagemaker_session: Any = None  # SDK 3's Session; None makes one from the environment
    dependencies: list[str] | None = None  # folders and files that go into code/lib/
    git_config: dict | None = None  # refused
    vpc_config: dict | None = None  # {"Subnets": […], "SecurityGroupIds": […]}
    enable_network_isolation: InitVar[bool | None] = None  # no network in the container: no model hub either
    model_kms_key: str | None = None  # encrypts the new archive
    image_config: dict | None = None  # how the image is pulled from a registry in your VPC
    resources: Any = None  # refused
    additional_model_data_sources: Any = None  # refused
    model_reference_arn: str | None = None  # refused here, taken by deploy()

    def __post_init__(self, enable_network_isolation: bool | None):
        """Raises ValueError for what can be known to be wrong before AWS is asked."""
        self._isolated = bool(enable_network_isolation)
        for check in (_refused, _versions, _model_data, _script, _others):
            check(self)


def _refused(a: ModelArguments) -> None:
    reasons = {
        "tensorflow_version": 'this model is served with PyTorch. Fix: pytorch_version="2.6.0"',
        "git_config": "repositories are not cloned here. Fix: git clone it and give the folder as source_dir",
        "resources": "inference components are not supported here. Fix: instance_type in deploy()",
        "additional_model_data_sources": "SDK 2's HuggingFaceModel does not send it either. Fix: put the "
        "files into model_data",
        "model_reference_arn": "it is an argument of deploy(). Fix: deploy(model_reference_arn=…)",
    }
    for name, reason in reasons.items():
        if getattr(a, name):
            raise ValueError(f"{name}={getattr(a, name)!r}: {reason}.")


def _versions(a: ModelArguments) -> None:
    if a.image_uri:
        return
    needed = ("transformers_version", "pytorch_version", "py_version")
    missing = [name for name in needed if not getattr(a, name)]
    if missing:
        raise ValueError(
            f"{' and '.join(missing)} missing, so there is no image to serve the model in. Fix: "
            'transformers_version="4.51.3", pytorch_version="2.6.0", py_version="py312", or image_uri=….'
        )
    for name in needed:
        if not isinstance(getattr(a, name), str):
            raise ValueError(f"{name}={getattr(a, name)!r} is not a string. Fix: quote it.")


def _model_data(a: ModelArguments) -> None:
    data = a.model_data
    if data is None or in_s3(data if isinstance(data, str) else None):
        return
    if isinstance(data, dict):
        if not isinstance(data.get("S3DataSource"), dict) or "S3Uri" not in data["S3DataSource"]:
            raise ValueError(
                f'model_data={data!r}. Fix: "s3://…/model.tar.gz", or {{"S3DataSource": {{"S3Uri": "s3://…/'
                '", "S3DataType": "S3Prefix", "CompressionType": "None"}}, as estimator.model_data has it.'
            )
        if a.entry_point:
            raise ValueError(
                f"entry_point={a.entry_point!r} with model_data that is a folder of files in S3: the script "
                "cannot be packed into it (SDK 2 leaves it out without an error). Fix: upload it to "
                f"{data['S3DataSource']['S3Uri'].rstrip('/')}/code/ and leave entry_point out."
            )
    elif not isinstance(data, str):
        raise ValueError(f"model_data={data!r} is a {type(data).__name__}. Fix: an s3:// URI, or a dict.")
    elif not a.entry_point:
        raise ValueError(
            f"model_data={data!r} is not in S3, where a container reads it from. Fix: an s3:// URI, such as "
            'estimator.model_data. With WHERE = "local" S3 is on this machine and free.'
        )


def _script(a: ModelArguments) -> None:
    if a.entry_point:
        if in_s3(a.entry_point):
            raise ValueError(f"entry_point={a.entry_point!r} is in S3. Fix: the URI as source_dir.")
        return
    for name in ("source_dir", "dependencies"):
        if getattr(a, name):
            raise ValueError(
                f"{name}={getattr(a, name)!r} without entry_point is not packed (SDK 2 says nothing). "
                'Fix: entry_point="inference.py".'
            )


def _others(a: ModelArguments) -> None:
    if a.name:
        check_name(a.name, "model")
    if a.code_location and not in_s3(a.code_location):
        raise ValueError(f"code_location={a.code_location!r} is not in S3. Fix: s3://bucket/prefix.")
    for key, value in (a.env or {}).items():
        if not isinstance(value, str):
            raise ValueError(f"env[{key!r}]={value!r} is a {type(value).__name__}. Fix: {str(value)!r}.")
    if a.vpc_config is not None:
        checked_vpc(a.vpc_config)


def checked_vpc(config: dict | None) -> dict | None:
    """Return the VpcConfig. Raises ValueError if it has not both lists, or more."""
    if config is None:
        return None
    members = ("Subnets", "SecurityGroupIds")
    lists = isinstance(config, dict) and all(config.get(m) and isinstance(config[m], list) for m in members)
    if not lists or set(config) != set(members):
        raise ValueError(f'vpc_config={config!r}. Fix: {{"Subnets": ["subnet-…"], "SecurityGroupIds": […]}}.')
    return config
