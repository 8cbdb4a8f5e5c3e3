"""What tests of serving share: chat-1m and an adapter on it laid out as endpoints get them, and questions."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INFERENCE = ROOT / "code" / "container" / "inference"
CHAT_1M = ROOT / "code" / "pocketaws" / "hub" / "models" / "chat-1m"
DIALOGUES = ROOT / "code" / "pocketaws" / "hub" / "datasets" / "dialogues" / "test.jsonl"
HUB_ID = "pocketaws/chat-1m"
LAYOUTS = ("whole", "adapter", "merged", "base")
# The inference code is no package: it travels as code/ in an archive, its modules import each other by name.
if str(INFERENCE) not in sys.path:
    sys.path.append(str(INFERENCE))

import inference  # noqa: E402
import payloads  # noqa: E402

__all__ = ["inference", "payloads"]


def conversations(count: int) -> list[list[dict]]:
    """Questions of different lengths about the first test dialogues."""
    lines = DIALOGUES.read_text(encoding="utf-8").splitlines()[:count]
    texts = [f"Summarize the conversation.\n\n{json.loads(line)['dialogue']}" for line in lines]
    return [[{"role": "user", "content": text}] for text in texts]


def make_layouts(folder: Path) -> Path:
    """Write folder/<layout>/, each what an archive unpacks to: the model's files, and the script in code/.

    The adapter has large random weights, so that its answers are not the base model's.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(7)
    base = AutoModelForCausalLM.from_pretrained(CHAT_1M, dtype=torch.float32)
    config = LoraConfig(r=4, lora_alpha=32, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft reads what transformers 5 renames
        tuned = get_peft_model(base, config)
    tuned.save_pretrained(folder / "adapter", save_embedding_layers=False)
    small = [path for path in CHAT_1M.iterdir() if path.suffix in (".json", ".jinja")]
    for path in small:
        if path.name not in ("config.json", "generation_config.json"):
            shutil.copy(path, folder / "adapter")
    merged = folder / "merged" / "merged"
    tuned.merge_and_unload().save_pretrained(merged)
    for path in small:
        shutil.copy(path, merged)
    shutil.copytree(CHAT_1M, folder / "whole")
    (folder / "base").mkdir()
    for layout in LAYOUTS:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(INFERENCE, folder / layout / "code", ignore=ignore)
    return folder


def environment(cache: Path, layout: str = "", **more: str) -> dict[str, str]:
    """The variables of a container that serves a layout: one thread, and a hub cache that has chat-1m."""
    from pocketaws import hub_cache

    if not cache.is_dir():
        hub_cache.prepare(cache)
    model = {"HF_MODEL_ID": HUB_ID} if layout == "base" else {}
    own = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **own, **model, **more}


@contextmanager
def server(program: str, folder: Path, image: str, variables: dict[str, str]):
    """Run code/pocketaws/hosting/<program> for a container's folder until it answers /ping; a `Served`.

    Raises  AssertionError with what it printed if it ends or does not come up within a minute.
    """
    path = ROOT / "code" / "pocketaws" / "hosting" / program
    argv = [sys.executable, str(path), "--folder", str(folder), "--image", image]
    with (folder / "log.txt").open("w+") as log:
        process = subprocess.Popen(argv, env=variables, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        try:
            served = Served(folder, process)
            deadline = time.monotonic() + 60
            while not served.ready():
                ended = process.poll() is not None
                assert not ended and time.monotonic() < deadline, (folder / "log.txt").read_text()[-2000:]
                time.sleep(0.05)
            yield served
        finally:
            process.kill()
            process.wait()


class Served:
    """A running server of a model."""

    def __init__(self, folder: Path, process: subprocess.Popen):
        self.folder, self.process = folder, process

    def ready(self) -> bool:
        """Whether /ping says 200."""
        try:
            with self.ask("GET", "/ping") as response:
                return response.status == 200
        except (FileNotFoundError, ConnectionError):
            return False

    @contextmanager
    def ask(self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json"):
        """One request on a connection of its own: http.client's response, still to be read."""
        port = int((self.folder / "port").read_text())
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": content_type} if body is not None else {})
            yield connection.getresponse()
        finally:
            connection.close()

    def post(self, payload, content_type: str = "application/json") -> tuple[int, str]:
        """(status, text) of POST /invocations; payload: what JSON can hold, or bytes."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        with self.ask("POST", "/invocations", body, content_type) as response:
            return response.status, response.read().decode()
