"""The model in memory: load it, complete a batch of prompts, stream one answer.

Runs with transformers 4.51 (AWS's newest Hugging Face inference image) to 5.x, on a CPU or one GPU.
"""

import queue
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from payloads import DEFAULT_MAX_TOKENS
from stopping import UNFINISHED, Cancelled, Pieces, StopTexts, cut, decode
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    StoppingCriteriaList,
)
from transformers.generation.streamers import BaseStreamer
from transformers.utils import logging

BATCH_ROWS = 32  # prompts computed together; more take turns
# What an encoder-decoder without a chat template reads of messages: finetune.py trains it on the same text.
PLAIN = (
    "{% for m in messages %}{{ 'Answer: ' if m['role'] == 'assistant' else '' }}{{ m['content'] | trim }}"
    "{{ '' if loop.last else '\\n\\n' }}{% endfor %}"
)


@dataclass(frozen=True)
class Result:
    """An answer or a piece of one. reason: "stop" (the model or a stop text ended it), "length", or None so
    far."""

    text: str
    reason: str | None
    prompt_tokens: int
    tokens: int


def load(source: str, adapter: str | None = None, gpu: int | None = None) -> "ChatModel":
    """Load a model (folder or hub id), with an adapter merged into it if there is one, on a GPU if there is
    one.

    bfloat16 on GPUs that have it, float16 on others (float32 for an encoder-decoder: T5 leaves float16's
    range), float32 on a CPU. OSError and ValueError of transformers pass through: the container's log then
    says why it did not start.
    """
    pairs = AutoConfig.from_pretrained(source).is_encoder_decoder
    logging.disable_progress_bar()  # a container's log has no use for one
    device, dtype = torch.device("cpu"), torch.float32
    if torch.cuda.is_available():
        device = torch.device("cuda", gpu or 0)
        half = torch.float32 if pairs else torch.float16
        dtype = torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else half
    beside = adapter if adapter and (Path(adapter) / "tokenizer_config.json").is_file() else source
    tokenizer = AutoTokenizer.from_pretrained(beside)
    kind = AutoModelForSeq2SeqLM if pairs else AutoModelForCausalLM
    model = kind.from_pretrained(source, **{_dtype_name(): dtype}).to(device)
    if adapter:
        model = _with_adapter(model, adapter)
    return ChatModel(model.eval(), tokenizer, Path(adapter or source).name)


def _with_adapter(model, adapter: str):
    """Merge an adapter in: a token costs what the base model's does, not two small products a layer more."""
    from peft import PeftModel

    with warnings.catch_warnings():
        # peft reads an attribute of the model that transformers 5 renames; it works.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing. is deprecated", FutureWarning)
        return PeftModel.from_pretrained(model, adapter).merge_and_unload()


def _dtype_name() -> str:
    """torch_dtype became dtype in transformers 4.56."""
    major, minor = map(int, transformers.__version__.split(".")[:2])
    return "dtype" if (major, minor) >= (4, 56) else "torch_dtype"


class ChatModel:
    """A loaded model. One answer, or one batch of them, is made at a time; other threads wait."""

    def __init__(self, model, tokenizer, name: str):
        self.model, self.tokenizer, self.name = model, tokenizer, name
        own = model.generation_config
        ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
        self.ends = sorted({end for end in [*ends, tokenizer.eos_token_id] if end is not None})
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        self.encoder_decoder = model.config.is_encoder_decoder
        more = {}
        if self.encoder_decoder:
            tokenizer.chat_template = tokenizer.chat_template or PLAIN
            # T5's configuration names the token that starts the decoder, and its generation settings may not.
            start = own.decoder_start_token_id
            more["decoder_start_token_id"] = model.config.decoder_start_token_id if start is None else start
            more["forced_bos_token_id"] = own.forced_bos_token_id
        # The model's own sampling settings are left out: without a temperature the answer is the likeliest.
        self.model.generation_config = GenerationConfig(
            eos_token_id=self.ends, pad_token_id=tokenizer.pad_token_id, bos_token_id=own.bos_token_id,
            repetition_penalty=own.repetition_penalty, **more,
        )  # fmt: skip
        self.context = getattr(model.config, "max_position_embeddings", None)
        self.lock = threading.Lock()

    def complete(self, prompts: list, settings) -> list[Result]:
        """The answers to texts or conversations, in their order.

        The longest are computed together first: a batch is as slow as its longest row, and padding costs.
        """
        ids = [self.prompt_ids(prompt) for prompt in prompts]
        room = [self.room(len(each), settings) for each in ids]
        order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
        results: list = [None] * len(ids)
        with self.lock:
            for start in range(0, len(order), BATCH_ROWS):
                rows = order[start : start + BATCH_ROWS]
                made = self._batch([ids[i] for i in rows], settings, min(room[i] for i in rows))
                for i, result in zip(rows, made, strict=True):
                    results[i] = result
        return results

    def stream(self, prompt, settings) -> Iterator[Result]:
        """The pieces of one answer as they are made. A prompt that cannot be answered raises at once.

        Closing the iterator, as a server does when the client has gone, ends the work after the token it is
        at.
        """
        ids = self.prompt_ids(prompt)
        return self._stream(ids, settings, self.room(len(ids), settings))

    def prompt_ids(self, prompt) -> list[int]:
        """Token ids of a text, or of a conversation by the model's chat template, ready for the answer."""
        from jinja2.exceptions import TemplateError

        if isinstance(prompt, str):
            return self.tokenizer(prompt)["input_ids"]
        if not self.tokenizer.chat_template:
            raise ValueError(f"{self.name} has no chat template: send inputs as texts.")
        try:
            text = self.tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        except TemplateError as err:
            raise ValueError(f"the model's chat template refuses the messages: {err}") from err
        # A chat template writes the special tokens; an encoder's end token its tokenizer adds.
        return self.tokenizer(text, add_special_tokens=self.encoder_decoder)["input_ids"]

    def room(self, prompt_tokens: int, settings) -> int:
        """How many tokens the answer may have. Raises ValueError if the model's context has too few."""
        left = (self.context or 1 << 30) - prompt_tokens
        if self.encoder_decoder and left >= 0:
            left += prompt_tokens  # the prompt is in the encoder, the answer in the decoder
        wanted = settings.max_tokens or min(DEFAULT_MAX_TOKENS, max(left, 1))
        if wanted > left:
            raise ValueError(
                f"a prompt of {prompt_tokens} tokens and an answer of {wanted} are more than the "
                f"{self.context} that the model takes. Shorten the prompt, or ask for fewer tokens."
            )
        return wanted

    def _arguments(self, ids: list[list[int]], settings, tokens: int) -> dict:
        """What generate() takes, prompts padded on the left, where answers go on from them (an encoder's on
        the right). One seed makes one batch repeatable."""
        if settings.seed is not None:
            torch.manual_seed(settings.seed)
        width = max(map(len, ids))
        pad = self.tokenizer.pad_token_id
        rows = torch.tensor([self._padded(row, pad, width) for row in ids])
        mask = torch.tensor([self._padded([1] * len(row), 0, width) for row in ids])
        device = self.model.device
        arguments = {
            "input_ids": rows.to(device),
            "attention_mask": mask.to(device),
            "max_new_tokens": tokens,
            "do_sample": settings.sample,
        }
        if settings.sample:
            arguments |= {
                "temperature": settings.temperature,
                "top_p": settings.top_p,
                "top_k": settings.top_k,
            }
        if settings.repetition_penalty is not None:
            arguments["repetition_penalty"] = settings.repetition_penalty
        return arguments

    def _padded(self, row: list[int], value: int, width: int) -> list[int]:
        gap = [value] * (width - len(row))
        return row + gap if self.encoder_decoder else gap + row

    def _batch(self, ids: list[list[int]], settings, tokens: int) -> list[Result]:
        arguments = self._arguments(ids, settings, tokens)
        # What generate() gives back begins with the prompt, or with the token that starts the decoder.
        width = 1 if self.encoder_decoder else arguments["input_ids"].shape[1]
        stops = StopTexts(self.tokenizer, settings.stop, width) if settings.stop else None
        criteria = StoppingCriteriaList([stops] if stops else [])
        made = self.model.generate(**arguments, stopping_criteria=criteria)[:, width:].tolist()
        lengths = stops.tokens if stops else {}
        return [
            self._result(len(prompt), row[: lengths.get(i)], settings.stop)
            for i, (prompt, row) in enumerate(zip(ids, made, strict=True))
        ]

    def _result(self, prompt_tokens: int, row: list[int], stops: tuple[str, ...]) -> Result:
        """A row's own answer: what follows its end is padding, until the longest row of the batch ended."""
        end = next((i for i, token in enumerate(row) if token in self.ends), None)
        row = row if end is None else row[: end + 1]
        text = decode(self.tokenizer, row).rstrip(UNFINISHED)
        before = cut(text, stops)
        reason = "length" if end is None and before is None else "stop"
        return Result(text if before is None else before, reason, prompt_tokens, len(row))

    def _stream(self, ids: list[int], settings, tokens: int) -> Iterator[Result]:
        """generate() in a thread, its tokens through a queue: None at the end, an exception as it is."""
        out: queue.SimpleQueue = queue.SimpleQueue()
        enough = threading.Event()
        text, count, reason = Pieces(self.tokenizer, settings.stop), 0, "length"
        with self.lock:
            arguments = self._arguments([ids], settings, tokens)
            arguments["stopping_criteria"] = StoppingCriteriaList([Cancelled(enough)])
            worker = threading.Thread(target=self._generate_into, args=(out, arguments), daemon=True)
            worker.start()
            try:
                while (token := out.get()) is not None:
                    if isinstance(token, BaseException):
                        raise token
                    count += 1
                    new = text.add(token)
                    if text.stopped or token in self.ends:
                        reason = "stop"
                        break
                    if new:
                        yield Result(new, None, len(ids), count)
                last = new if text.stopped else text.rest()
                yield Result(last, reason, len(ids), count)
            finally:
                enough.set()
                worker.join()

    def _generate_into(self, out: queue.SimpleQueue, arguments: dict) -> None:
        try:
            self.model.generate(**arguments, streamer=_Tokens(out))
        except BaseException as err:
            out.put(err)


class _Tokens(BaseStreamer):
    """Hands on each new token's id as generate() makes it; the prompt, which comes first, it leaves out."""

    def __init__(self, out: queue.SimpleQueue):
        self.out, self.prompt = out, True

    def put(self, value):
        if not self.prompt:
            self.out.put(int(value.reshape(-1)[0]))
        self.prompt = False

    def end(self):
        self.out.put(None)
