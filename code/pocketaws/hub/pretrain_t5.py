"""Pretrain the small sequence-to-sequence base model (pocketaws/t5-1m), of T5's kind.

    cd code
    OMP_NUM_THREADS=1 python -m pocketaws.hub.pretrain_t5

Save with transformers 4.57: what 5 saves, 4 cannot read. The text is chat-1m's (pretraining_text.py), the
tokens too; see MODEL.md. The encoder reads what the user says, the decoder learns what is answered.
"""

import argparse
import json
import time
from pathlib import Path
from random import Random

from pocketaws.hub.pretrain import FOLDER as CHAT_1M
from pocketaws.hub.pretrain import taken_keys
from pocketaws.hub.pretraining_text import conversation, pretraining_grammar

FOLDER = CHAT_1M.parent / "t5-1m"
SEED = "t5-1m"
IGNORE = -100
CHUNK_STEPS = 50
# (share of the time, levels of pretraining_text.conversation drawn from there on)
LEVELS = ((0.0, (0,)), (0.12, (1,)), (0.45, (1, 2, 3)), (0.7, (2, 3)))


def make_tokenizer():
    """Return chat-1m's tokens as T5 uses them: no chat template, and <|end|> after every text."""
    from tokenizers import Tokenizer, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer.from_file(str(CHAT_1M / "tokenizer.json"))
    end = ("<|end|>", tokenizer.token_to_id("<|end|>"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <|end|>", pair="$A <|end|> $B <|end|>", special_tokens=[end]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>", model_max_length=2048,
        clean_up_tokenization_spaces=False, padding_side="right",
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def make_model(tokenizer, seed: int = 1):
    """Return the untrained T5: width 128, 2 + 2 layers, 4 heads, tied, FLAN-T5's gated GELU: 1 M weights."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=128, d_kv=32, d_ff=256, num_layers=2, num_decoder_layers=2,
        num_heads=4, relative_attention_num_buckets=32, relative_attention_max_distance=128, dropout_rate=0.0,
        feed_forward_proj="gated-gelu", tie_word_embeddings=True, pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id, decoder_start_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return T5ForConditionalGeneration(config)


def pair(messages: list, rng: Random) -> tuple:
    """Return (prompt, answer) of a conversation: its first question, or all of them, one answer a line."""
    messages = messages if rng.random() < 0.6 else messages[:2]
    asked, answered = ([m["content"] for m in messages[start::2]] for start in (0, 1))
    return "\n\n".join(asked), "\n".join(answered)


def draw(tokenizer, rng: Random, grammar, taken: set, level: int) -> tuple:
    """Return (prompt ids, answer ids), each ended by <|end|>."""
    texts = pair(conversation(rng, grammar, taken, level), rng)
    return tuple(tokenizer(list(texts))["input_ids"])


def chunk(
    tokenizer, grammar, taken: set, index: int, done: float, batch_tokens: int, max_tokens: int
) -> list:
    """Return CHUNK_STEPS batches of rows; rows of like length share a batch.

    done    share of the run that is over, 0 to 1
    """
    rng, rows, filled = Random(f"{SEED}-chunk-{index}"), [], 0
    levels = [some for start, some in LEVELS if done >= start][-1]
    while filled < batch_tokens * CHUNK_STEPS:
        row = draw(tokenizer, rng, grammar, taken, levels[int(rng.random() * len(levels))])
        if len(row[0]) <= max_tokens:
            rows.append(row)
            filled += len(row[0]) + len(row[1])
    rows.sort(key=lambda row: (len(row[0]), len(row[1])))
    batches, used = [[]], 0
    for row in rows:
        size = len(row[0]) + len(row[1])
        if batches[-1] and used + size > batch_tokens:
            batches.append([])
            used = 0
        batches[-1].append(row)
        used += size
    order = sorted((rng.random(), i) for i in range(len(batches)))
    return [batches[i] for _, i in order]


def padded(rows: list, value: int):
    """Return rows of ids as one tensor (rows, longest), filled up with `value` on the right."""
    import torch

    width = max(map(len, rows))
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])


def answer_logits(model, batch: list) -> tuple:
    """Return (logits, labels) of a batch: (rows, longest answer, tokens) and (rows, longest answer)."""
    ids = padded([row[0] for row in batch], 0)
    labels = padded([row[1] for row in batch], IGNORE)
    out = model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels, use_cache=False)
    return out.logits, labels


def loss_of(logits, labels):
    """Return the mean cross-entropy of an answer's token, in nats."""
    import torch

    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE)


def make_optimizers(model, muon_lr: float, adam_lr: float) -> list:
    """Return Muon for the hidden matrices and AdamW for the embedding, the position biases and the norms.

    T5 does not divide attention scores by sqrt(d_kv): its query matrices are smaller by that, and so are
    their steps.
    """
    import torch

    def hidden(name, p):
        return p.ndim == 2 and "shared" not in name and "relative" not in name

    named = list(model.named_parameters())
    queries = [p for name, p in named if hidden(name, p) and name.endswith(".q.weight")]
    matrices = [p for name, p in named if hidden(name, p) and not name.endswith(".q.weight")]
    others = [p for name, p in named if not hidden(name, p)]
    groups = [
        {"params": matrices, "lr": muon_lr},
        {"params": queries, "lr": muon_lr * model.config.d_kv**-0.5},
    ]
    muon = torch.optim.Muon(groups, lr=muon_lr, weight_decay=0.0, momentum=0.95)
    optimizers = [muon, torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.95), weight_decay=0.0)]
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        group["peak"] = group["lr"]
    return optimizers


def probe(model, rows: list) -> dict:
    """Return loss, share of tokens and share of whole answers predicted, on conversations not trained on."""
    import torch

    total = right = count = whole = 0.0
    with torch.no_grad():
        for row in rows:
            logits, labels = answer_logits(model, [row])
            hit = logits.argmax(-1) == labels
            total += loss_of(logits, labels).item() * labels.numel()
            right += hit.sum().item()
            count += labels.numel()
            whole += bool(hit.all())
    return {
        "answer_loss": round(total / count, 4),
        "tokens_right": round(right / count, 4),
        "answers_right": round(whole / len(rows), 4),
    }


def train(model, tokenizer, taken: set, args) -> dict:
    """Train for `args.minutes` and return the figures: the rate is flat for 40 % of it and then falls."""
    import torch

    grammar, rng = pretraining_grammar(), Random(f"{SEED}-probe")
    held_out = [draw(tokenizer, rng, grammar, taken, level) for level in (1, 3) for _ in range(60)]
    optimizers = make_optimizers(model, args.muon_lr, args.adam_lr)
    step, tokens, index, started = 0, 0, 0, time.monotonic()
    while (seconds := time.monotonic() - started) < 60 * args.minutes:
        done = seconds / (60 * args.minutes)
        batches = chunk(tokenizer, grammar, taken, index, done, args.batch_tokens, args.max_tokens)
        for batch in batches:
            loss_of(*answer_logits(model, batch)).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            done = (time.monotonic() - started) / (60 * args.minutes)
            factor = min(1.0, (step + 1) / 40) * min(1.0, max(0.02, (1 - done) / 0.6))
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * factor
                optimizer.step()
                optimizer.zero_grad()
            step += 1
            tokens += sum(len(ids) for row in batch for ids in row)
        index += 1
        if index % 5 == 0 or done >= 1:
            seconds = round(time.monotonic() - started)
            figures = {"step": step, "tokens": tokens, "seconds": seconds, **probe(model, held_out)}
            print(json.dumps(figures), flush=True)
    return figures


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description="Pretrain pocketaws/t5-1m.")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--minutes", type=float, default=14)
    parser.add_argument("--batch-tokens", type=int, default=1536)
    parser.add_argument("--max-tokens", type=int, default=700)
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=0.01)
    args = parser.parse_args(argv)
    tokenizer = make_tokenizer()
    model = make_model(tokenizer)
    print(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens", flush=True)
    train(model, tokenizer, taken_keys(), args)
    import torch

    args.out.mkdir(parents=True, exist_ok=True)
    model.to(torch.float16).save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)


if __name__ == "__main__":
    main()
