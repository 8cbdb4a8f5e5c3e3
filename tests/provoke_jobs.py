"""Provocations of jobs that fail, wait or run for too long; all of them are started together."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from provoking import PROVOKED, provokes

TRAINING = Path(__file__).resolve().parents[1] / "code" / "container" / "training"
SLOW = "import time; print('training', flush=True); time.sleep(300)"
BEGUN: dict = {}  # row -> what starts it


def fails(row: str, script: str, **changes) -> None:
    """A row that a job with this script provokes, by its FailureReason or its log."""
    files = {"train.py": script, **changes.pop("files", {})}
    job(row, lambda world: world.script(files, **plain(changes, world)))


def job(row: str, start) -> None:
    """A row that a job provokes which start(world) begins, and names."""
    BEGUN[row] = start
    PROVOKED[row] = lambda world: world.words(world.begun(row))


def plain(changes: dict, world) -> dict:
    return {name: value(world) if callable(value) else value for name, value in changes.items()}


# --- the script and what it needs

fails("script-failed", "import sys; sys.exit(3)")
fails("module-missing", "import peft_that_is_not_there")
fails("import", "from json import loads_faster")
fails("requirements", "print('never')", files={"requirements.txt": "--no-index\nno-such-package==9.9\n"})
fails("script-missing", "print('never')", program="trane.py")
fails("entry-point", "print('never')", program="../train.py")
fails("syntax", "def train(:\n    pass")
fails("arguments", "import argparse\nargparse.ArgumentParser().parse_args()", hyperparameters={"epocs": 3})
fails("channel-variable", "import os; print(os.environ['SM_CHANNEL_TRAIN'])")
fails("file-missing", "open('/opt/ml/input/data/training/rows.jsonl')")
fails("not-json", "import json; json.loads(\"{'messages': []}\")")
fails("not-utf8", r"open('rows.csv', 'wb').write('Grüße'.encode('latin-1')); open('rows.csv').read()")
fails("no-rows", "import sys; from pathlib import Path; from chat_rows import read_channel\n"
      "read_channel(Path(sys.argv[0]).parent, 'training')",
      files={"rows.jsonl": "\n", **{name: (TRAINING / name).read_text() for name in
                                    ("chat_rows.py", "arguments.py")}})  # fmt: skip
# A loss that really diverges: gradient descent on x² with a step that is far too long.
fails("loss-nan", "x, loss = 1.0, 1.0\nwhile loss == loss:\n    x -= 1e200 * 2 * x\n    loss = x * x\n"
      "print(f'loss={loss}', flush=True)\nraise SystemExit('ValueError: training has diverged')")  # fmt: skip

# --- memory and disk

fails("memory", "rows = bytearray(1 << 50)")
fails("killed", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
# /dev/full is the kernel's own full disk: ENOSPC.
fails("disk-full", "with open('/dev/full', 'w') as file:\n    file.write('a checkpoint')")

# --- code and data on the way

MANIFEST = json.dumps([{"prefix": "s3://fixes-here/"}, "data/gone.jsonl"])
fails("data-gone", "print('never')", InputDataConfig=lambda world: [
    world.data(world.put("data.manifest", MANIFEST), S3DataType="ManifestFile")])  # fmt: skip
job("source-archive", lambda world: world.script(b"no archive at all"))
job("no-script", lambda world: world.train())


# --- the model hub: what it answers is written down here, what raises is huggingface_hub itself


class Hub(BaseHTTPRequestHandler):
    """Answers as huggingface.co does: the headers that huggingface_hub's hf_raise_for_status reads."""

    ANSWERS = {"gated": (401, "GatedRepo"), "asked": (403, "GatedRepo")}

    def do_GET(self):
        status, code = next((found for name, found in self.ANSWERS.items() if name in self.path),
                            (401, "RepoNotFound"))  # fmt: skip
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


def from_the_hub(row: str, model: str) -> None:
    def start(world):
        if not hasattr(world, "hub"):
            world.hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
            threading.Thread(target=world.hub.serve_forever, args=(0.05,), daemon=True).start()
            world.closing.callback(world.hub.server_close)
            world.closing.callback(world.hub.shutdown)
        there = {"HF_ENDPOINT": f"http://127.0.0.1:{world.hub.server_port}", "HF_HUB_OFFLINE": "0"}
        return world.script({"train.py": load(model)}, Environment=there)

    job(row, start)


def load(model: str) -> str:
    return f"from huggingface_hub import hf_hub_download\nhf_hub_download({model!r}, 'config.json')"


from_the_hub("hub-gated", "meta-llama/gated")
from_the_hub("hub-not-asked", "meta-llama/asked")
from_the_hub("hub-unknown", "meta-llama/lama")
fails("hub-offline", load("meta-llama/Llama-3.2-1B"))

# --- machines and time


def status_messages(place, name: str) -> str:
    changes = place.sm.describe_training_job(TrainingJobName=name)["SecondaryStatusTransitions"]
    return "\n".join(f"{change['Status']}: {change.get('StatusMessage', '')}" for change in changes)


BEGUN["max-run-over"] = lambda world: world.script({"train.py": SLOW},
                                                   StoppingCondition={"MaxRuntimeInSeconds": 1})  # fmt: skip


@provokes("max-run-over")
def _(world):
    name = world.begun("max-run-over")
    assert world.ended(name)["TrainingJobStatus"] == "Stopped"
    return status_messages(world, name)


@provokes("capacity")
def _(world):
    with world.strict.rehearsing("capacity.json", {"ml.m5.large": 0}):
        return world.strict.words(world.strict.train())


def spot(world) -> str:
    waiting = {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 1}
    return world.strict.train(EnableManagedSpotTraining=True, StoppingCondition=waiting,
                              ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1,
                                              "VolumeSizeInGB": 5},
                              HyperParameters={"sagemaker_program": '"train.py"'})  # fmt: skip


@provokes("waits-for-machines")
def _(world):
    with world.strict.rehearsing("capacity.json", {"ml.m5.xlarge": 0}):
        name = world.strict.ended(spot(world))["TrainingJobName"]
    return next(line for line in status_messages(world.strict, name).splitlines() if "Insufficient" in line)


@provokes("spot-wait-over")
def _(world):
    with world.strict.rehearsing("capacity.json", {"ml.m5.xlarge": 0}):
        name = world.strict.ended(spot(world))["TrainingJobName"]
    return status_messages(world.strict, name).splitlines()[-1]
