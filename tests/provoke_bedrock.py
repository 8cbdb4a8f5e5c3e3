"""Provocations of Bedrock: models, customization and import jobs, the runtime."""

import json
import threading

from bedrock_api import BedrockApi
from botocore.config import Config
from local_server import until
from provoking import PROVOKED, boto_session, new_name, provokes
from tuneaws.session import Session

NOVA = "amazon.nova-micro-v1:0"
TUNED = f"{NOVA}:128k"
ONCE = Config(retries={"total_max_attempts": 1})


def chat(first: str = "user", text: str = "Hello") -> str:
    """A row of training data as Nova takes it, if `first` is the user."""
    turns = [
        {"role": first, "content": [{"text": text}]},
        {"role": "assistant", "content": [{"text": "Yes."}]},
    ]
    return json.dumps({"schemaVersion": "bedrock-conversation-2024", "messages": turns})


GOOD = "\n".join([chat()] * 8)


def tune(world, **changes) -> str:
    """Send a CreateModelCustomizationJob; the job's ARN."""
    request = {
        "jobName": new_name("tune"), "customModelName": new_name("model"), "roleArn": world.bedrock_role,
        "baseModelIdentifier": TUNED, "trainingDataConfig": {"s3Uri": f"s3://{world.bucket}/data/rows.jsonl"},
        "outputDataConfig": {"s3Uri": f"s3://{world.bucket}/out"}, **changes,
    }  # fmt: skip
    return world.bedrock.create_model_customization_job(**request)["jobArn"]


BEGUN: dict = {}


def fails(row: str, rows: str, **changes) -> None:
    """A row that a job with this training data provokes."""

    def start(world):
        uri = world.put(f"data/{row}.jsonl", rows)
        return tune(world, trainingDataConfig={"s3Uri": uri}, **changes)

    def message(world):
        arn, job = world.begun(row), {}

        def over() -> bool:
            job.update(world.bedrock.get_model_customization_job(jobIdentifier=arn))
            return job["status"] not in ("InProgress", "Stopping")

        until(over, 60)
        return job["failureMessage"], []

    BEGUN[row], PROVOKED[row] = start, message


fails("bedrock-too-few", chat())
fails("bedrock-schema", "\n".join([json.dumps({"prompt": "a", "completion": "b"})] * 8))
fails("bedrock-too-long", f"{GOOD}\n{chat(text='word ' * 40_000)}")
fails("bedrock-hyperparameter", GOOD, hyperParameters={"epochCount": "99"})
fails("bedrock-jsonl", f"{GOOD}\n{{'messages': []}}")
fails("bedrock-record", f"{GOOD}\n{chat(first='assistant')}")

# --- which model


def asks(row: str, model: str, **more) -> None:
    """A row that a Converse of this model provokes."""
    request = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}], **more}
    PROVOKED[row] = lambda world: world.client("bedrock-runtime").converse(modelId=model, **request)


def says(*turns: str) -> dict:
    roles = ("user", "assistant")
    return {
        "messages": [
            {"role": roles[place % 2], "content": [{"text": text}]} for place, text in enumerate(turns)
        ]
    }


asks("model-id", "amazon.nova-mikro-v1:0")
asks("model-on-demand", "amazon.nova-2-lite-v1:0")
asks("model-ended", "us.amazon.nova-premier-v1:0")
asks("max-tokens", NOVA, inferenceConfig={"maxTokens": 100_000})
asks("turns", NOVA, **says("Hello", "Hi"))
asks("empty-turn", NOVA, **says(" "))


@provokes("not-tunable")
def _(world):
    tune(world, baseModelIdentifier="anthropic.claude-haiku-4-5-20251001-v1:0")


def rehearsed(row: str, kind: str) -> None:
    def ask(world):
        with world.strict.rehearsing("bedrock_access.json", {kind: [NOVA]}):
            request = says("Hello")
            world.strict.client("bedrock-runtime").converse(modelId=NOVA, **request)

    PROVOKED[row] = ask


rehearsed("model-access", "denied")
rehearsed("model-legacy", "legacy")

# --- a job's request


@provokes("bedrock-role")
def _(world):
    tune(world, roleArn=world.role)


@provokes("bedrock-file-folder")
def _(world):
    tune(world, trainingDataConfig={"s3Uri": f"s3://{world.bucket}/data/"})


@provokes("bedrock-read")
def _(world):
    tune(world, trainingDataConfig={"s3Uri": f"s3://{world.bucket}/data/never.jsonl"})


@provokes("bedrock-write")
def _(world):
    tune(world, outputDataConfig={"s3Uri": f"s3://{world.abroad}/out"})


@provokes("bedrock-not-there")
def _(world):
    world.bedrock.get_custom_model(modelIdentifier="never-was")


@provokes("bedrock-validation")
def _(world):
    tune(world, customModelName="my model")


# --- models that are there: tuned and served by the engines' fakes of the other Bedrock tests


class Faked(BedrockApi):
    """A gateway in this process; its clients are a tuneaws session's."""

    def __init__(self, home):
        super().__init__(home)
        boto = boto_session("testing", "testing", region_name="us-east-1")
        self.session = Session("local", "us-east-1", "123456789012", boto, "arn", self.url, home)
        self.bedrock, self.runtime = (
            boto.client(name, endpoint_url=self.url, config=ONCE) for name in ("bedrock", "bedrock-runtime")
        )


def faked(world) -> Faked:
    if not hasattr(world, "fake"):
        world.fake = Faked(world.home.parent / "fixes-faked")
        world.closing.callback(world.fake.close)
    return world.fake


@provokes("bedrock-name-taken")
def _(world):
    api = faked(world)
    job = api.create()
    api.bedrock.create_model_customization_job(**api.request(jobName=job.name))


@provokes("bedrock-job-over")
def _(world):
    api = faked(world)
    api.bedrock.stop_model_customization_job(jobIdentifier=api.tuned().arn)


@provokes("bedrock-in-use")
def _(world):
    api = faked(world)
    job = api.tuned()
    api.deployed(job)
    api.bedrock.delete_custom_model(modelIdentifier=job.output_model_arn)


@provokes("bedrock-quota")
def _(world):
    api = faked(world)
    api.bedrock.create_provisioned_model_throughput(
        modelUnits=2, provisionedModelName=new_name("bought"), modelId=api.tuned().output_model_arn
    )


@provokes("model-not-ready")
def _(world):
    """A deployment whose model is still being loaded."""
    api, loaded, whole = faked(world), threading.Event(), faked(world).serving.whole
    api.serving.whole = lambda *_, **__: loaded.wait(60)
    try:
        made = api.bedrock.create_custom_model_deployment(
            modelDeploymentName=new_name("deployment"), modelArn=api.tuned().output_model_arn
        )
        api.runtime.converse(modelId=made["customModelDeploymentArn"], **says("Hello"))
    finally:
        loaded.set()
        api.serving.whole = whole


@provokes("model-error")
def _(world):
    api = faked(world)
    api.serving.why = "its process ended"
    try:
        api.runtime.converse(modelId=NOVA, **says("Hello"))
    finally:
        api.serving.why = ""


# --- imports


def imports(row: str, **changes) -> None:
    PROVOKED[row] = lambda world: (
        faked(world).imported(faked(world).put_model(row, files=changes))["failureMessage"],
        [],
    )


def config(**changes) -> bytes:
    return json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama", **changes}).encode()


imports("import-files", **{"tokenizer.json": None})
imports("import-adapter", **{"model.safetensors": None, "adapter_config.json": b"{}"})
imports("import-architecture", **{"config.json": config(architectures=["PhiForCausalLM"])})
imports("import-weights", **{"model.safetensors": b"not weights"})

# --- asked


@provokes("bedrock-throttled")
def _(world):
    with world.strict.rehearsing("bedrock_throttle.json", {"requests_per_minute": 0}):
        runtime = world.strict.once("bedrock-runtime")
        runtime.converse(modelId=NOVA, **says("Hello"))


@provokes("model-body")
def _(world):
    world.client("bedrock-runtime").invoke_model(modelId=NOVA, body=json.dumps({"prompt": "Hello"}))


BEGUN["awake"] = lambda world: world.once("bedrock-runtime").converse(modelId=NOVA, **says("Hello"))


@provokes("context-too-long")
def _(world):
    world.begun("awake")
    world.once("bedrock-runtime").converse(modelId=NOVA, **says("word " * 5_000))


@provokes("model-timeout")
def _(world):
    world.begun("awake")
    with world.rehearsing("bedrock_throttle.json", {"timeout_s": 0.001}):
        world.once("bedrock-runtime").converse(modelId=NOVA, **says("word " * 1_200))


@provokes("not-a-chat-model")
def _(world):
    """Qwen 2.5 comes in by an import, and Converse does not take it."""
    api = faked(world)
    found = api.imported(api.put_model("qwen", files={"config.json": config(
        architectures=["Qwen2ForCausalLM"], model_type="qwen2")}))  # fmt: skip
    api.runtime.converse(modelId=found["importedModelArn"], **says("Hello"))
