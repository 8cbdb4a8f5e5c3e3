"""config.yaml as frozen, checked values.

    cfg = load()                                      # the course's config.yaml
    cfg = load(where="aws")                           # the values for aws
    cfg = load(**{"training.max_steps": 20})          # one value changed

Precedence: a value given to load(), then the file. There are no defaults in this module, so a key that
is missing from the file is an error, like one that is misspelt or impossible. Each error names the key's
full path, the line, the value seen and what would be accepted, and all of them come at once.
"""

import dataclasses
import difflib
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from tuneaws import learner, lesson
from tuneaws.config_reader import PLACES, ConfigError, Reader, parse_yaml, rule

__all__ = ["Config", "ConfigError", "course_root", "load"]

# The limits of names and tags are AWS's: tag key 128 and value 256 characters, "aws:" is reserved
# (https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html, 2026-11).
INSTANCE_TYPE = r"ml\.[a-z][a-z0-9-]*\.[a-z0-9-]+"
VERSION = r"\d+\.\d+(\.\d+)?"

_latest: dict = {}  # where: the Config that was loaded last


@dataclass(frozen=True)
class Project:
    """Names and tags. `tags` finds things; `labels()` and `tag_list()` are what new things carry."""

    name: str = rule(pattern=r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?",
                     says="1 to 20 lower-case letters, digits and hyphens, a letter first and no hyphen last")
    tags: dict = rule(pattern=r".{0,256}", says="tags, each value up to 256 characters")
    learner: str | None = rule(pattern=r"[\w .@-]{1,64}", says="a short name such as ana")

    def labels(self) -> dict:
        """The tags of something that is made now: `tags`, who makes it, and in which lesson, where known.

        Only to make things. They are found by `tags`: another lesson, or another learner, may look for them.
        """
        made_by = {"learner": learner.current(self.learner), "lesson": lesson.current()}
        known = {key: re.sub(r"[^A-Za-z0-9._-]+", "-", value) for key, value in made_by.items()
                 if value and key not in self.tags}
        return {**self.tags, **known}

    def tag_list(self) -> list:
        """labels() in the form that AWS's requests take: [{"Key": ..., "Value": ...}, ...]."""
        return [{"Key": key, "Value": value} for key, value in self.labels().items()]


@dataclass(frozen=True)
class Model:
    """`id` is a hub id such as "Qwen/Qwen2.5-0.5B-Instruct"."""

    id: str = rule(pattern=r"[\w.-]+(/[\w.-]+)?", says='a hub id such as "Qwen/Qwen2.5-0.5B-Instruct"')
    hf_token_secret: str | None = rule(pattern=r"(?!hf_)[A-Za-z0-9/_+=.@-]{1,512}",
                                       says="a secret's name such as tuneaws/hf-token, never the token")


@dataclass(frozen=True)
class Fields:
    """Our name of each field: the name of the column that it is read from."""

    id: str | None = rule(pattern=r".+", says="a column name")
    dialogue: str = rule(pattern=r".+", says="a column name")
    summary: str = rule(pattern=r".+", says="a column name")


@dataclass(frozen=True)
class Dataset:
    """Where the rows are and how many of them are used (0 means all)."""

    source: str = rule(pattern=r".+", says="a file, a folder or a hub id")
    fields: Fields
    train_rows: int = rule(low=0)
    validation_rows: int = rule(low=0)
    test_rows: int = rule(low=0)
    max_chars: int = rule(low=1)
    seed: int = rule(low=0, high=2**32 - 1)


@dataclass(frozen=True)
class Prompt:
    """The one prompt. `user` holds {dialogue}; an empty `system` sends no system message."""

    system: str = rule()
    user: str = rule(pattern=r"(?s).*\{dialogue\}.*", says="a text that holds {dialogue}")


@dataclass(frozen=True)
class Training:
    """The training script's arguments by their own names, plus `model_id`, which is model.id."""

    epochs: float = rule(low=0.001, high=1000)
    max_steps: int = rule(low=-1)
    learning_rate: float = rule(low=1e-8, high=1)
    per_device_train_batch_size: int = rule(low=1)
    per_device_eval_batch_size: int = rule(low=1)
    gradient_accumulation_steps: int = rule(low=1)
    max_seq_length: int = rule(low=16, high=1_000_000)
    lora_r: int = rule(low=1, high=1024)
    lora_alpha: int = rule(low=1)
    lora_dropout: float = rule(low=0, high=0.99)
    target_modules: str = rule(pattern=r"[\w.-]+(,[\w.-]+)*", joins=True,
                               says="all-linear, or layer names: q_proj,v_proj")
    quantization: str = rule(choices=("nf4", "none"))
    lr_scheduler_type: str = rule(choices=("cosine", "linear", "constant", "constant_with_warmup"))
    warmup_ratio: float = rule(low=0, high=1)
    weight_decay: float = rule(low=0, high=1)
    seed: int = rule(low=0, high=2**32 - 1)
    logging_steps: int = rule(low=1)
    eval_steps: int = rule(low=-1)
    save_steps: int = rule(low=0)
    merge_weights: bool = rule()
    fsdp: bool = rule()
    gradient_checkpointing: str = rule(choices=("auto", "true", "false"))
    model_id: str = dataclasses.field(default="", metadata={"derived": True})

    def hyperparameters(self) -> dict:
        """Return {argument: value} for the training script, model_id first."""
        return {"model_id": self.model_id, **{k: v for k, v in vars(self).items() if k != "model_id"}}


@dataclass(frozen=True)
class SageMaker:
    """The machine, its limits and the image. Times in seconds, disk in GB."""

    role_arn: str | None = rule(pattern=r"arn:aws[a-z-]*:iam::\d{12}:role/.+",
                                says="arn:aws:iam::<12 digits>:role/<name>")
    instance_type: str = rule(pattern=INSTANCE_TYPE, says='an instance type such as "ml.g5.xlarge"')
    instance_count: int = rule(low=1, high=100)
    volume_size_gb: int = rule(low=1, high=16384)
    max_run_s: int = rule(low=1, high=2_419_200)
    spot: bool = rule()
    max_wait_s: int = rule(low=1, high=2_419_200)
    keep_alive_s: int = rule(low=0, high=21_600)
    transformers_version: str = rule(pattern=VERSION, says='a version in quotes such as "4.56.2"')
    pytorch_version: str = rule(pattern=VERSION, says='a version in quotes such as "2.8.0"')
    py_version: str = rule(pattern=r"py3\d+", says='such as "py312"')


@dataclass(frozen=True)
class Endpoint:
    """The machine that answers, how long it may live, and what serves the model. Times in seconds."""

    instance_type: str = rule(pattern=INSTANCE_TYPE, says='an instance type such as "ml.g5.xlarge"')
    instance_count: int = rule(low=1, high=100)
    ttl_s: int = rule(low=60, high=2_419_200)
    serve: str = rule(choices=("huggingface", "vllm", "lmi"))
    max_new_tokens: int = rule(low=1, high=100_000)
    startup_timeout_s: int = rule(low=60, high=3600)
    transformers_version: str = rule(pattern=VERSION, says='a version in quotes such as "5.5.3"')
    pytorch_version: str = rule(pattern=VERSION, says='a version in quotes such as "2.6.0"')
    py_version: str = rule(pattern=r"py3\d+", says='such as "py312"')


@dataclass(frozen=True)
class Bedrock:
    """The model that Bedrock tunes, how, and how long it may be deployed. Times in seconds."""

    model_id: str = rule(pattern=r"[a-z0-9-]+\.[a-z0-9-]+(:[a-z0-9-]+){0,2}",
                         says='a base model such as "amazon.nova-micro-v1:0"')
    region: str = rule(pattern=r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", says='a region such as "us-east-1"')
    role_arn: str | None = rule(pattern=r"arn:aws[a-z-]*:iam::\d{12}:role/.+",
                                says="arn:aws:iam::<12 digits>:role/<name>")
    epochs: int = rule(low=1, high=50)
    learning_rate: float = rule(low=1e-8, high=1)
    warmup_steps: int | None = rule(low=0, high=1000)
    ttl_s: int = rule(low=60, high=2_419_200)
    max_new_tokens: int = rule(low=1, high=100_000)


@dataclass(frozen=True)
class Config:
    """The whole file, for one place."""

    where: str = rule(choices=PLACES)
    region: str = rule(pattern=r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", says='a region such as "us-east-1"')
    account: str | None = rule(pattern=r"\d{12}",
                               says='12 digits in quotes (a leading zero is lost without them)')
    budget_usd: float = rule(low=0)
    total_budget_usd: float = rule(low=0)
    alert_email: str | None = rule(pattern=r"[^@\s]+@[^@\s]+", says="an e-mail address")
    project: Project
    model: Model
    dataset: Dataset
    prompt: Prompt
    training: Training
    sagemaker: SageMaker
    endpoint: Endpoint
    bedrock: Bedrock


def course_root() -> Path:
    """The folder that holds config.yaml and code/."""
    return Path(__file__).resolve().parents[2]


def load(path=None, where: str | None = None, **overrides) -> Config:
    """Read and check the configuration.

    path       the YAML file; None is the course's config.yaml
    where      "local" or "aws"; None is what the file says
    overrides  values by dotted path, `**{"training.max_steps": 20}`; None means "as in the file"
    Raises     ConfigError, with every problem it found
    """
    path = Path(path) if path is not None else course_root() / "config.yaml"
    overrides = {key: value for key, value in overrides.items() if value is not None}
    if where is not None:
        overrides["where"] = where
    _check_paths(overrides)
    root = parse_yaml(_read(path), path.name)
    place = _place(root, overrides, path.name)
    reader = Reader(place, path.name, overrides)
    cfg = reader.section(Config, root, "")
    if not reader.problems:
        reader.problems += _impossible(cfg)
    if reader.problems:
        raise ConfigError(reader.problems)
    training = dataclasses.replace(cfg.training, model_id=cfg.model.id)
    cfg = _latest[cfg.where] = dataclasses.replace(cfg, training=training)
    return cfg


def latest(where: str) -> Config:
    """The configuration that was loaded last for this place, else the file's.

    The guard of tuneaws.costs takes its budgets from it, so that a budget given to load() holds there too.
    """
    return _latest.get(where) or load(where=where)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as err:
        raise ConfigError([f"there is no {path}. Fix: give load(path=...) the file"]) from err
    except UnicodeDecodeError as err:
        byte = f"byte {err.start} is {err.object[err.start]:#x}"
        raise ConfigError([f"{path.name} is not UTF-8 ({byte}). Fix: save it as UTF-8"]) from err


def _leaves(cls, prefix: str = "") -> list:
    paths = []
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(field.type):
            paths += _leaves(field.type, f"{prefix}{field.name}.")
        elif not field.metadata.get("derived"):
            paths.append(prefix + field.name)
    return paths


def _check_paths(overrides: dict) -> None:
    known = _leaves(Config)
    problems = []
    for path in overrides:
        if path not in known:
            near = difflib.get_close_matches(path, known, n=1) or [
                k for k in known if k.rpartition(".")[2] == path.rpartition(".")[2]]
            hint = f"did you mean {near[0]!r}?" if near else "write it as in training.max_steps"
            problems.append(f"{path} (given to load()): is not a key of the configuration; {hint}")
    if problems:
        raise ConfigError(problems)


def _place(root, overrides: dict, name: str) -> str:
    """Find `where` first: it decides between the branches of every other value."""
    if "where" in overrides:
        return str(overrides["where"]).lower()
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    for key, node in pairs:
        if key.value == "where" and isinstance(node, yaml.ScalarNode):
            return node.value.lower()
    return PLACES[0]


def _impossible(cfg: Config) -> list:
    """Values that are each allowed but can't be true together, and tags that AWS refuses."""
    problems = []
    job = cfg.sagemaker
    if job.spot and job.max_wait_s < job.max_run_s:
        problems.append(f"sagemaker.max_wait_s: {job.max_wait_s} is less than max_run_s, {job.max_run_s}; "
                        "with spot it counts waiting and running together. Fix: raise it to max_run_s")
    if job.spot and job.keep_alive_s:
        problems.append("sagemaker.keep_alive_s: a spot job can't keep its instance warm. Fix: set it to 0")
    if cfg.training.max_steps == 0:
        problems.append("training.max_steps: 0 trains nothing. Fix: -1 (by epochs) or at least 1")
    for key in cfg.project.tags:
        if not re.fullmatch(r"(?!aws:)[\w .:/=+@-]{1,128}", key):
            problems.append(f"project.tags.{key}: a tag's name has 1 to 128 letters, digits, spaces and "
                            "_.:/=+-@ and does not start with aws:")
    if not cfg.project.tags:
        problems.append("project.tags: is empty, and the clean-up finds things by their tags. Fix: keep one")
    return problems
