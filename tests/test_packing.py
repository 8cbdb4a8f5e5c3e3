"""Rows laid end to end cannot see each other, and a layer computed in fewer passes computes the same."""

import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny_chat
import torch
from environments import python_of
from tiny_chat import TRAINING
from transformers import AutoModelForCausalLM

import fused  # isort: skip  (the training script's folder is on the path since tiny_chat)
import packing  # isort: skip
from chat_data import IGNORE, Collator  # isort: skip
from qlora import Device, add_adapter, load_base  # isort: skip
from quiet import WARNED, silence  # isort: skip

pytestmark = [pytest.mark.filterwarnings(f"ignore:{part}:{kind.__name__}") for part, kind in WARNED]
CPU = Device("cpu", "cpu", torch.float32)
LENGTHS = (24, 7, 40, 2, 33)
LORA = {"lora_r": 8, "lora_alpha": 16, "lora_dropout": 0.0, "target_modules": "all-linear", "model_id": "x"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    silence()
    return tiny_chat.make_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(autouse=True)
def no_rows_left_behind():
    yield
    assert packing.Current.lengths is None


def with_adapter(base, packed=True, quantization="none", **more):
    model = load_base(str(base), CPU, quantization)
    assert packing.use_per_row_attention(model) is True or not packed
    model = add_adapter(model, SimpleNamespace(**{**LORA, **more}), str(base))
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.05)
    return model


def some_rows(lengths=LENGTHS, seed=1):
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randint(6, tiny_chat.VOCABULARY, (length,), generator=generator) for length in lengths]
    return [{"input_ids": ids.tolist(), "labels": [IGNORE, *ids[1:].tolist()]} for ids in rows]


def packed_logits(model, rows):
    """(tokens, vocabulary) of rows packed."""
    try:
        return packing._logits(model, packing.pack(rows), "cpu")
    finally:
        packing.enter(None)


def test_logits_of_packed_rows_are_those_of_each_row_alone_under_plain_attention(base):
    rows = some_rows()
    model = with_adapter(base)
    plain = with_adapter(base, packed=False)
    plain.get_base_model().set_attn_implementation("sdpa")
    with torch.no_grad():
        alone = [plain(torch.tensor([row["input_ids"]])).logits[0] for row in rows]
    found = packed_logits(model, rows).split(LENGTHS)
    assert [logits.shape[0] for logits in found] == list(LENGTHS)
    for one, other in zip(found, alone, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_what_a_row_says_does_not_change_its_neighbours(base):
    model = with_adapter(base)
    rows, others = some_rows(), some_rows(seed=2)
    before = packed_logits(model, rows).split(LENGTHS)
    after = packed_logits(model, [rows[0], others[1], rows[2], others[3], rows[4]]).split(LENGTHS)
    same = [torch.equal(one, other) for one, other in zip(before, after, strict=True)]
    assert same == [True, False, True, False, True]


def gradient(model, loss):
    model.zero_grad()
    loss.backward()
    packing.enter(None)
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad])


def packed_loss(model, batch):
    packing.enter(batch["lengths"])
    logits = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"]).logits[0, :-1]
    return torch.nn.functional.cross_entropy(logits, batch["labels"][0, 1:], ignore_index=IGNORE)


def padded_loss(model, batch):
    return model(**batch).loss


@pytest.mark.parametrize("recompute", [False, True], ids=["plain", "checkpointing"])
def test_the_gradient_of_packed_rows_is_that_of_padded_rows(base, recompute):
    rows, model = some_rows(), with_adapter(base).train()
    padded = gradient(model, padded_loss(model, Collator(0)(rows)))
    if recompute:
        with warnings.catch_warnings():  # transformers 5 has another name for it
            warnings.simplefilter("ignore", FutureWarning)
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    packed = gradient(model, packed_loss(model, packing.pack(rows)))
    assert torch.allclose(packed, padded, atol=1e-6, rtol=1e-4) and packed.norm() > 0.1


def leaky(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **kwargs):
    """What marking rows by positions alone amounts to: one causal sequence."""
    groups = query.shape[1] // key.shape[1]
    key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    out = torch.nn.functional.scaled_dot_product_attention(query, key, value, scale=scaling, is_causal=True)
    return out.transpose(1, 2), None


def test_a_model_whose_packed_rows_see_each_other_is_found_out(base, monkeypatch):
    monkeypatch.setattr(packing, "attend", leaky)
    model = load_base(str(base), CPU, "none")
    assert packing.use_per_row_attention(model) is False
    assert model.config._attn_implementation == "sdpa"


def test_only_attention_of_the_kind_that_runs_by_rows_is_taken():
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, MistralConfig

    model = GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=1, n_head=2, vocab_size=100, n_positions=128))
    assert packing.use_per_row_attention(model) is True  # learned positions, by position_ids
    model.set_attn_implementation("eager")
    assert packing.use_per_row_attention(model) is False
    assert packing.reads_plainly(LlamaConfig()) and packing.reads_plainly(MistralConfig(sliding_window=None))
    assert not packing.reads_plainly(MistralConfig(sliding_window=4096))


def test_padded_batches_and_generation_go_on_as_before(base):
    model, plain = with_adapter(base), with_adapter(base, packed=False)
    plain.get_base_model().set_attn_implementation("sdpa")
    batch = Collator(0)(some_rows())
    with torch.no_grad():
        assert torch.allclose(model(**batch).logits, plain(**batch).logits, atol=1e-5)
    ids = torch.tensor([some_rows()[0]["input_ids"]])
    told = [
        m.generate(input_ids=ids, max_new_tokens=5, do_sample=False, use_cache=True) for m in (model, plain)
    ]
    assert torch.equal(*told)


def test_columns_are_where_the_next_token_has_a_label():
    rows = [
        {"input_ids": [5, 6, 7], "labels": [IGNORE, 6, IGNORE]},
        {"input_ids": [8, 9], "labels": [IGNORE, 9]},
    ]
    batch = packing.pack(rows)
    assert batch["columns"].tolist() == [0, 3] and batch["lengths"] == (3, 2)
    assert batch["labels"][0, 1:][batch["columns"]].tolist() == [6, 9]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
    nothing = packing.PackedCollator(pad_id=0)([])
    assert nothing["input_ids"].shape == (1, 2) and nothing["columns"].tolist() == []


@pytest.mark.parametrize("quantization", ["none", "nf4"])
@pytest.mark.parametrize("bf16", [False, True], ids=["float32", "autocast"])
def test_a_layer_in_fewer_passes_gives_the_numbers_of_peft(base, quantization, bf16):
    model = with_adapter(base, quantization=quantization).train()
    batch = Collator(0)(some_rows())

    def both():
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = padded_loss(model, batch)
        return loss.item(), gradient(model, loss)

    theirs, expected = both()
    assert fused.fuse(model) == 7 * tiny_chat.LAYERS
    ours, found = both()
    assert ours == pytest.approx(theirs, rel=1e-2 if bf16 else 1e-6)
    assert (found - expected).norm() / expected.norm() < (2e-2 if bf16 else 1e-5)


def test_dropout_is_of_what_the_adapter_reads_and_its_gradient_is_right():
    """Against autograd of the formula, with the mask that was drawn."""
    torch.manual_seed(0)
    x, a, b, w = (torch.randn(*shape, dtype=torch.float64, requires_grad=True)
                  for shape in ((6, 10), (3, 10), (8, 3), (8, 10)))  # fmt: skip
    args = (lambda dtype: w.detach(), None, 0.5, 0.25)
    torch.manual_seed(7)
    ours = fused.Lora.apply(x, a, b, *args)
    torch.manual_seed(7)
    dropped, mask = torch.native_dropout(x, 0.25, True)
    assert 0 < mask.sum() < mask.numel()
    theirs = x @ w.detach().T + 0.5 * (dropped @ a.T @ b.T)
    assert torch.allclose(ours, theirs)
    weights = torch.randn_like(ours)
    found = torch.autograd.grad((ours * weights).sum(), (x, a, b))
    expected = torch.autograd.grad((theirs * weights).sum(), (x, a, b))
    assert all(torch.allclose(one, other) for one, other in zip(found, expected, strict=True))


def test_a_layer_that_is_merged_or_switched_off_is_pefts_own(base):
    model = with_adapter(base).eval()
    batch = Collator(0)(some_rows())
    with torch.no_grad(), model.disable_adapter():
        off = model(**batch).logits
    with torch.no_grad():
        on = model(**batch).logits
        fused.fuse(model)
        with model.disable_adapter():
            assert torch.equal(model(**batch).logits, off)
        merged = model.merge_and_unload()
        assert torch.allclose(merged(**batch).logits, on, atol=1e-5) and not torch.allclose(
            on, off, atol=1e-2
        )


def test_layers_of_another_kind_are_left_alone(base):
    from peft import LoraConfig, get_peft_model

    plain = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    model = get_peft_model(plain, LoraConfig(target_modules=["q_proj"], r=4, use_dora=True))
    assert fused.fuse(model) == 0


STUDIO = """
import sys
sys.path[:0] = [{tests!r}, {training!r}]
import tiny_chat, test_packing as t, transformers, torch
from pathlib import Path
base = Path({base!r})
t.test_logits_of_packed_rows_are_those_of_each_row_alone_under_plain_attention(base)
t.test_what_a_row_says_does_not_change_its_neighbours(base)
for recompute in (False, True):
    t.test_the_gradient_of_packed_rows_is_that_of_padded_rows(base, recompute)
for quantization in ("none", "nf4"):
    t.test_a_layer_in_fewer_passes_gives_the_numbers_of_peft(base, quantization, False)
print(transformers.__version__, "ok")
"""


def test_the_same_holds_on_sagemaker_studios_versions(base):
    code = STUDIO.format(tests=str(Path(__file__).parent), training=str(TRAINING), base=str(base))
    done = subprocess.run(
        [str(python_of("studio")), "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.stdout == "4.57.6 ok\n", done.stderr[-2000:]
    assert sys.version_info >= (3, 10)
