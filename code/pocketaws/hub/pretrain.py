"""Pretrain the small base model (pocketaws/chat-1m): tokenizer, chat template and weights.

    cd code
    OMP_NUM_THREADS=1 python -m pocketaws.hub.pretrain

Save with transformers 4.57: what 5 saves, 4 cannot read. It goes on from `--checkpoint` if that file exists.
The text is made on the fly by pretraining_text.py and holds no summary; see MODEL.md.
"""

import argparse
import json
import time
from pathlib import Path
from random import Random

from pocketaws.hub.make_dialogues import make
from pocketaws.hub.pretraining_text import conversation, pretraining_grammar

FOLDER = Path(__file__).resolve().parent / "models" / "chat-1m"
SEED = "chat-1m"
SPECIAL = ["<|pad|>", "<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
PROMPT_WEIGHT = 0.1
CHUNK_STEPS = 50
LEVEL_STARTS = (800, 6000, 9000)
# One turn is <|role|>content<|end|>; {% generation %} marks what the assistant writes, its <|end|> included.
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('chat-1m knows the roles system, user and assistant, not ' + message['role']) }}"
    "{% endif %}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] | trim }}{{ eos_token }}{% endgeneration %}"
    "{% else %}{{ message['content'] | trim }}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def taken_keys() -> set:
    """Return what the validation and test dialogues are about: pretraining uses none of it."""
    splits = make()
    return {dialogue.key for name in ("validation", "test") for dialogue in splits[name]}


def train_tokenizer(taken: set, vocab_size: int, conversations: int = 12000):
    """Train the byte-level BPE on pretraining text and wrap it for transformers. Digits stand alone."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    grammar, rng = pretraining_grammar(), Random(f"{SEED}-tokenizer")
    texts = (m["content"] for _ in range(conversations) for m in conversation(rng, grammar, taken))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=SPECIAL, initial_alphabet=sorted(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|pad|>", bos_token="<|begin|>", eos_token="<|end|>",
        additional_special_tokens=SPECIAL[3:], model_max_length=2048, clean_up_tokenization_spaces=False,
        padding_side="right",
    )  # fmt: skip
    fast.chat_template = CHAT_TEMPLATE
    return fast


def make_model(tokenizer, seed: int = 1):
    """Return the untrained Llama: hidden 128, 4 layers, 4 heads, 2 key-value heads, tied: 1 M weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=128, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=384, max_position_embeddings=2048, tie_word_embeddings=True,
        rope_theta=10000.0, pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def encode(tokenizer, messages: list) -> tuple:
    """Return (token ids, loss weights) of one conversation; answers and their end weigh 1, the rest 0.1."""
    ids, weights = [tokenizer.bos_token_id], [0.0]
    for message in messages:
        answer = message["role"] == "assistant"
        text = f"<|{message['role']}|>", message["content"] + "<|end|>"
        for part, weight in zip(text, (PROMPT_WEIGHT, 1.0 if answer else PROMPT_WEIGHT), strict=True):
            new = tokenizer(part, add_special_tokens=False)["input_ids"]
            ids += new
            weights += [weight] * len(new)
    return ids, weights


def chunk(tokenizer, grammar, taken: set, index: int, batch_tokens: int, max_tokens: int) -> list:
    """Return CHUNK_STEPS batches of rows [(ids, weights), ...]; rows of like length share a batch."""
    rng, rows, filled = Random(f"{SEED}-chunk-{index}"), [], 0
    while filled < batch_tokens * CHUNK_STEPS:
        level = sum(index * CHUNK_STEPS >= start for start in LEVEL_STARTS)
        row = encode(tokenizer, conversation(rng, grammar, taken, level))
        if len(row[0]) <= max_tokens:
            rows.append(row)
            filled += len(row[0])
    rows.sort(key=lambda row: len(row[0]))
    batches = [[]]
    for row in rows:
        if batches[-1] and len(row[0]) * (len(batches[-1]) + 1) > batch_tokens * 1.02:
            batches.append([])
        batches[-1].append(row)
    order = sorted((rng.random(), i) for i in range(len(batches)))
    return [batches[i] for _, i in order]


def losses(model, batch: list):
    """Return (loss per target token, its weight, whether it is predicted), each (rows, width - 1).

    Padding stands right and attention is causal, so no token sees it and no mask is needed.
    """
    import torch

    width = max(len(ids) for ids, _ in batch)
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    weights = torch.zeros(len(batch), width)
    for i, (row, weight) in enumerate(batch):
        ids[i, : len(row)] = torch.tensor(row)
        weights[i, : len(row)] = torch.tensor(weight)
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    target = ids[:, 1:]
    loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), target, reduction="none")
    return loss, weights[:, 1:], logits.argmax(-1) == target


def make_optimizers(model, muon_lr: float, adam_lr: float) -> list:
    """Return Muon for the hidden matrices and AdamW for embedding and norms."""
    import torch

    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    muon = torch.optim.Muon(matrices, lr=muon_lr, weight_decay=0.0, momentum=0.95)
    return [muon, torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.95), weight_decay=0.0)]


def schedule(step: int, steps: int) -> float:
    """Return the learning rate's factor.

    Levels 0 and 1 together: 40 steps up, flat, then straight down to 0.02 over the last half.
    Levels 2 and 3, each: 40 steps up, then straight down to 0.02.
    """
    first, second, third = 0, *LEVEL_STARTS[1:]
    start, end = (third, steps) if step >= third else (second, third) if step >= second else (first, second)
    left = (end - step) / (end - start) * (2 if start == first else 1)
    return min(1.0, (step - start + 1) / 40) * min(1.0, max(0.02, left))


def probe(model, rows: list) -> dict:
    """Return loss, share of tokens and share of whole answers predicted, on conversations not trained on."""
    import torch

    total = right = count = answers = whole = 0.0
    with torch.no_grad():
        for row in rows:
            loss, weights, hit = losses(model, [row])
            answer = weights[0] == 1.0
            total += loss[0][answer].sum().item()
            right += hit[0][answer].sum().item()
            count += answer.sum().item()
            starts = torch.diff(answer.int(), prepend=torch.zeros(1, dtype=torch.int)).clamp(min=0)
            number = starts.cumsum(0) * answer
            for i in range(1, int(number.max()) + 1):
                answers += 1
                whole += bool(hit[0][number == i].all())
    return {
        "answer_loss": round(total / count, 4),
        "tokens_right": round(right / count, 4),
        "answers_right": round(whole / answers, 4),
    }


def train(model, tokenizer, taken: set, args) -> dict:
    """Run the training loop and return its figures. Resumes from and writes `args.checkpoint`."""
    import torch

    grammar = pretraining_grammar()
    probe_rng = Random(f"{SEED}-probe")
    held_out = [encode(tokenizer, conversation(probe_rng, grammar, taken)) for _ in range(60)]
    held_out += [encode(tokenizer, conversation(probe_rng, grammar, taken, level=3)) for _ in range(60)]
    optimizers = make_optimizers(model, args.muon_lr, args.adam_lr)
    base_lrs = [args.muon_lr, args.adam_lr]
    step, tokens, seconds = 0, 0, 0.0
    if args.checkpoint.exists():
        state = torch.load(args.checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step, tokens, seconds = state["step"], state["tokens"], state["seconds"]
        print(f"goes on from step {step}", flush=True)
    while step < args.steps:
        started = time.monotonic()
        index = step // CHUNK_STEPS
        batches = chunk(tokenizer, grammar, taken, index, args.batch_tokens, args.max_tokens)
        for batch in batches[:CHUNK_STEPS]:
            loss, weights, _ = losses(model, batch)
            (loss * weights).sum().div(weights.sum()).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer, lr in zip(optimizers, base_lrs, strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = lr * schedule(step, args.steps)
                optimizer.step()
                optimizer.zero_grad()
            step += 1
            tokens += sum(len(ids) for ids, _ in batch)
        seconds += time.monotonic() - started
        step = (index + 1) * CHUNK_STEPS
        figures = {"step": step, "tokens": tokens, "seconds": round(seconds), **probe(model, held_out)}
        print(json.dumps(figures), flush=True)
        state = {"model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}
        torch.save({**state, "step": step, "tokens": tokens, "seconds": seconds}, args.checkpoint)
    return figures


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description="Pretrain pocketaws/chat-1m.")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--checkpoint", type=Path, default=Path("chat-1m-pretraining.pt"))
    parser.add_argument("--steps", type=int, default=11500)
    parser.add_argument("--vocab-size", type=int, default=1800)
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--max-tokens", type=int, default=1024)
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=0.008)
    args = parser.parse_args(argv)
    taken = taken_keys()
    tokenizer = train_tokenizer(taken, args.vocab_size)
    model = make_model(tokenizer)
    print(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens", flush=True)
    figures = train(model, tokenizer, taken, args)
    import torch

    args.out.mkdir(parents=True, exist_ok=True)
    model.generation_config.do_sample = False
    model.to(torch.float16).save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    (args.out / "pretraining.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
