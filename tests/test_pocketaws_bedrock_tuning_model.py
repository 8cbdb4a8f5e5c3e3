"""The trainer's own Llama, tokens and plan against transformers and against arithmetic."""

import pytest
import torch
from pocketaws import hub_cache
from pocketaws.bedrock_tuning import llama, lora, rows
from transformers import AutoModelForCausalLM, AutoTokenizer

BASE = hub_cache.SHIPPED / "chat-1m"
CHATS = [
    [("user", "Anna: Lunch at 12?\nBen: Make it 1."), ("assistant", "Anna and Ben have lunch at 1.")],
    [
        ("system", " Be short. "),
        ("user", "Hi\n"),
        ("assistant", "Hello."),
        ("user", "And?"),
        ("assistant", " Bye."),
    ],
    [("user", "Ünïcode ☃ <|end|> inside"), ("assistant", "Fine.")],
]


@pytest.fixture(scope="module", name="tokenizer")
def the_tokenizer():
    return AutoTokenizer.from_pretrained(BASE)


@pytest.fixture(scope="module", name="encoded")
def encoded_chats():
    return rows.ChatTokens(BASE).rows(CHATS)


def messages(chat) -> list[dict]:
    return [{"role": role, "content": text} for role, text in chat]


def test_tokens_are_those_of_the_chat_template_and_answers_end_with_their_end_token(tokenizer, encoded):
    for chat, row in zip(CHATS, encoded, strict=True):
        text = tokenizer.apply_chat_template(messages(chat), tokenize=False)
        assert list(row.ids) == tokenizer(text, add_special_tokens=False)["input_ids"]
        said = [tokenizer.decode(row.ids[start:end]) for start, end in row.answers]
        assert said == [f"{text.strip()}<|end|>" for role, text in chat if role == "assistant"]


def reference_loss(model, encoded) -> float:
    """The summed cross entropy of the answers, by transformers."""
    total = 0.0
    for row in encoded:
        ids = torch.tensor([list(row.ids)])
        logits = model(ids).logits.log_softmax(-1)
        total -= sum(
            logits[0, at - 1, ids[0, at]].item() for start, end in row.answers for at in range(start, end)
        )
    return total


def test_the_loss_is_transformers_own_before_and_after_tuning(encoded, tmp_path):
    model, batch = lora.LoraLlama(BASE), llama.batch_of(encoded)
    with torch.no_grad():
        before = llama.loss_sum(model.step_weights(), model.shape, batch).item()
        base = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
        assert before == pytest.approx(reference_loss(base, encoded), rel=1e-4)
        for _, b in model.adapter.values():
            b.normal_(std=0.05, generator=torch.Generator().manual_seed(1))
        after = llama.loss_sum(model.step_weights(), model.shape, batch).item()
        assert abs(after - before) > 1, "the adapter changes nothing"
        model.save(tmp_path / "model")
        tuned = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
        assert after == pytest.approx(reference_loss(tuned, encoded), rel=2e-3)  # stored in 16 bits


def test_rows_in_a_batch_do_not_see_each_other(encoded):
    model = lora.LoraLlama(BASE)
    with torch.no_grad():
        weights = model.step_weights()
        alone = sum(llama.loss_sum(weights, model.shape, llama.batch_of([row])).item() for row in encoded)
        together = llama.loss_sum(weights, model.shape, llama.batch_of(encoded)).item()
    assert together == pytest.approx(alone, rel=1e-5)
