"""The trainer's own Llama, tokens and plan against transformers and against arithmetic."""

from array import array

import pytest
import torch
from pocketaws import hub_cache
from pocketaws.bedrock_tuning import llama, lora, muon, recipe, rows
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


def test_an_epoch_has_every_row_once_and_rows_of_like_length_share_a_step():
    lengths = [50 + 7 * n % 400 for n in range(1003)]
    steps = list(recipe.plan(lengths, 2))
    for epoch in (0, 1):
        chosen = [row for of, some in steps for row in some if of == epoch]
        assert sorted(chosen) == list(range(1003))
    assert steps == list(recipe.plan(lengths, 2)), "the order differs from run to run"
    assert [some for of, some in steps if of == 0] != [some for of, some in steps if of == 1]
    padded = sum(max(lengths[row] for row in some) * len(some) for _, some in steps)
    assert padded / (2 * sum(lengths)) < 1.05


def test_the_rate_rises_for_the_warm_up_and_falls_to_zero():
    shares = [recipe.rate(step, 100, 10) for step in range(100)]
    assert shares[:2] == [0.1, 0.2] and shares[9] == 1.0 == max(shares)
    assert shares[10:] == sorted(shares[10:], reverse=True) and shares[-1] < 0.001
    assert [recipe.rate(step, 2, 10) for step in range(2)] == [0.1, 0.2]  # fewer steps than warm-up
    assert recipe.rate(0, 1, 0) == 1.0


def test_muon_is_torchs_own_for_every_size_of_matrix():
    make = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=make) for shape in ((8, 32), (48, 8), (8, 8), (8, 32))]
    mine = [each.clone().requires_grad_() for each in start]
    theirs = [each.clone().requires_grad_() for each in start]
    ours = muon.Muon(mine)
    reference = torch.optim.Muon(theirs, lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        for one, other in zip(mine, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=make)
            other.grad = one.grad.clone()
        ours.step(0.01)
        reference.step()
    for one, other, begun in zip(mine, theirs, start, strict=True):
        # torch makes them orthogonal in bfloat16, which has three digits
        assert (one - other).norm() < 0.03 * (other - begun).norm()


def training(count: int) -> list[rows.Row]:
    words = ("Anna", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana")
    chats = [
        [("user", f"Call {words[n % 8]} at {n % 12}."), ("assistant", f"{words[n % 8]} is called.")]
        for n in range(count)
    ]
    return rows.ChatTokens(BASE).rows(chats)


def test_it_learns_and_says_the_losses_of_each_step_and_epoch():
    model, told = lora.LoraLlama(BASE), []
    settings = {"epochs": 2, "learning_rate": 6e-3, "warmup_steps": 2}
    recipe.tune(model, training(96), settings, [training(8), training(16)], told.append)
    steps = [row for row in told if "validation" not in row]
    assert [row["step"] for row in steps] == list(range(12)) and steps[11]["epoch"] == 1
    assert steps[11]["loss"] < 0.4 * steps[0]["loss"]
    held_out = [(row["step"], row["epoch"], row["validation"]) for row in told if "validation" in row]
    assert held_out == [(5, 0, 0), (5, 0, 1), (11, 1, 0), (11, 1, 1)]
    assert told[-1]["loss"] < 0.4 * steps[0]["loss"]


def test_rows_in_parts_have_the_gradient_of_one_batch(monkeypatch):
    some, found = training(7), []
    for most in (10_000, 60, 1):
        monkeypatch.setattr(recipe, "TOKENS_AT_ONCE", most)
        model = lora.LoraLlama(BASE)
        loss = recipe.backward(model, some)
        found.append((loss, [b.grad for _, b in model.adapter.values()], len(list(recipe.parts(some)))))
    assert [count for *_, count in found] == [1, 3, 7]
    whole, *others = found
    for loss, gradients, _ in others:
        assert loss == pytest.approx(whole[0], rel=1e-5)
        assert all(
            torch.allclose(one, other, atol=1e-5) for one, other in zip(gradients, whole[1], strict=True)
        )


def test_a_loss_that_is_no_number_ends_the_training():
    settings = {"epochs": 5, "learning_rate": 1e20, "warmup_steps": 0}
    with pytest.raises(recipe.NotANumber, match="the training loss is (nan|inf) at step [1-4]"):
        recipe.tune(lora.LoraLlama(BASE), training(8), settings, [], lambda row: None)


def test_a_long_conversation_keeps_its_first_token_and_its_end():
    ids = array("i", range(2000))
    row = rows.cut(ids, [(10, 20), (990, 1010), (1900, 2000)], most=1000)
    assert len(row.ids) == 1000 and row.ids[0] == 0 and row.ids[-1] == 1999
    assert row.answers == ((1, 10), (900, 1000))
    assert list(row.ids[900:1000]) == list(range(1900, 2000)) and list(row.ids[1:10]) == list(
        range(1001, 1010)
    )
