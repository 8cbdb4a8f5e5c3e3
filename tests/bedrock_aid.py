"""What the tests of Bedrock's runtime share: models to serve, a gateway that has them, a walk over shapes."""

import json
import shutil
from pathlib import Path

import psutil
from local_server import InProcess
from pocketaws.bedrock import served_models
from pocketaws.bedrock.served_models import ServedModel
from pocketaws.bedrock_runtime import asking, count_tokens

NOVA = "amazon.nova-micro-v1:0"
STAND_IN = served_models.STAND_IN
CONTEXT = 256  # tokens of the model that never ends
CHAT = "Amy: hi, are we meeting at 5?\nBob: yes, at the cafe."


def arn(kind: str, name: str) -> str:
    """An ARN such as "arn:aws:bedrock:us-east-1:123456789012:imported-model/llama0000000"."""
    return f"arn:aws:bedrock:us-east-1:123456789012:{kind}/{name.ljust(12, '0')}"


def user(text: str = CHAT) -> list[dict]:
    """Converse's messages with one turn."""
    return [{"role": "user", "content": [{"text": text}]}]


def never_ending(folder: Path) -> Path:
    """A copy of the stand-in model that never ends by itself: it writes until its context is full."""
    shutil.copytree(STAND_IN, folder)
    for name, changes in {
        "generation_config.json": {"eos_token_id": 0},
        "config.json": {"eos_token_id": 0, "max_position_embeddings": CONTEXT},
        "tokenizer_config.json": {"eos_token": "<|pad|>"},
    }.items():
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("eos_token", "'<|end|>'"))
    (folder / "special_tokens_map.json").unlink()
    return folder


def served(folder: Path, family: str, kind: str = "custom", name: str = "", **more) -> ServedModel:
    """A ServedModel without anything behind it but its folder."""
    where = {"custom": "custom-model-deployment", "imported": "imported-model"}.get(kind, "provisioned-model")
    model = arn(where, name or family.replace(".", ""))
    members = {"context_tokens": 2048, "output_tokens": 2048, "streaming": True, **more}
    return ServedModel(kind=kind, model_id=model, arn=model, family=family, folder=folder, **members)


class Runtime(InProcess):
    """A gateway in this process whose models are real processes; `add` makes one more modelId answer."""

    def __init__(self, home: Path, patch):
        super().__init__(home)
        self.models: dict[str, ServedModel] = {}
        for module in (asking, count_tokens):
            patch.setattr(module, "resolve", self._resolve)
        self.runtime = self.client("bedrock-runtime", max_pool_connections=120)

    def _resolve(self, state, region, model_id, account=None):
        return self.models.get(model_id) or served_models.resolve(state, region, model_id, account)

    def add(self, model: ServedModel) -> str:
        """Have a model answer; its modelId."""
        self.models[model.model_id] = model
        return model.model_id

    def close(self) -> None:
        """End the models' processes, then the gateway."""
        self.state.close(0)
        super().close()


def process_of(model: Path) -> psutil.Process | None:
    """The process that answers for the model in a folder, None when there is none."""
    for process in psutil.Process().children(recursive=True):
        try:
            line = process.cmdline()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if any(part.endswith("model_process.py") for part in line) and str(model) in line:
            return process
    return None


def walk(value, shape, place: str = "") -> int:
    """How many members of a parsed answer fit their shape. Fails on a missing, a wrong or an unknown one.

    value   as boto3 gave it     shape   botocore's, of the operation's output or of an event
    """
    kinds = {"string": str, "integer": int, "long": int, "boolean": bool, "float": (int, float),
             "double": (int, float), "blob": bytes}  # fmt: skip
    if shape.type_name == "structure":
        if getattr(shape, "is_document_type", False):
            return 1
        missing = set(shape.required_members) - set(value)
        assert not missing, f"{place or shape.name} lacks {sorted(missing)}"
        unknown = set(value) - set(shape.members) - {"ResponseMetadata"}
        assert not unknown, f"{place or shape.name} has {sorted(unknown)}, which its shape has not"
        inner = [
            (value[name], member, f"{place}.{name}")
            for name, member in shape.members.items()
            if name in value
        ]
    elif shape.type_name == "list":
        inner = [(each, shape.member, f"{place}[]") for each in value]
    elif shape.type_name == "map":
        inner = [(each, shape.value, f"{place}{{}}") for each in value.values()]
    else:
        wanted = kinds.get(shape.type_name)
        assert wanted is None or isinstance(value, wanted), f"{place} is {value!r}, not a {shape.type_name}"
        enum = getattr(shape, "enum", None)
        assert not enum or value in enum, f"{place} is {value!r}, none of {enum}"
        return 1
    return 1 + sum(walk(*each) for each in inner)
