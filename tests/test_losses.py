"""The loss in pieces is the loss, and its memory does not grow with the vocabulary."""

import subprocess
import sys

import pytest
import tiny_chat
import torch
from tiny_chat import TRAINING, chat_rows, write_jsonl

import losses  # isort: skip  (the training script's folder is on the path since tiny_chat)
import packing  # isort: skip
from chat_data import IGNORE  # isort: skip
from quiet import WARNED, silence  # isort: skip

pytestmark = [pytest.mark.filterwarnings(f"ignore:{part}:{kind.__name__}") for part, kind in WARNED]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    silence()
    return tiny_chat.make_model(tmp_path_factory.mktemp("base"))


@pytest.fixture
def in_pieces(monkeypatch):
    """Every loss of more than one label is computed in pieces of seven."""
    monkeypatch.setattr(losses, "WHOLE_BYTES", 1)
    monkeypatch.setattr(losses, "PIECE_BYTES", 7 * 4 * tiny_chat.VOCABULARY)


def test_pieces_give_the_loss_and_the_gradient_of_the_whole():
    torch.manual_seed(0)
    head = torch.nn.Linear(16, 50, bias=False).requires_grad_(False)
    hidden = torch.randn(1, 23, 16, requires_grad=True)
    wanted = torch.randint(50, (1, 23))
    wanted[0, 4:9] = IGNORE
    whole = losses.total(head(hidden), wanted)
    (expected,) = torch.autograd.grad(whole / 3, hidden)
    pieces = losses.Pieces.apply(hidden.flatten(0, 1), wanted.flatten(), head, 7)
    (found,) = torch.autograd.grad(pieces / 3, hidden)
    assert pieces.item() == pytest.approx(whole.item(), rel=1e-6)
    assert torch.allclose(found, expected, atol=1e-7) and found.norm() > 0.1


def test_hidden_states_in_float32_meet_a_head_in_16_bits():
    torch.manual_seed(0)
    head = torch.nn.Linear(16, 50, bias=False, dtype=torch.bfloat16).requires_grad_(False)
    hidden, wanted = torch.randn(9, 16, requires_grad=True), torch.randint(50, (9,))
    losses.Pieces.apply(hidden, wanted, head, 4).backward()
    exact = torch.autograd.grad(losses.total(hidden @ head.weight.float().T, wanted), hidden)[0]
    assert hidden.grad.dtype == torch.float32 and (hidden.grad - exact).norm() / exact.norm() < 2e-2


def train(base, folder, **changes):
    """The adapter's gradient and the loss of the first step of a run on eight rows."""
    import train_qlora
    from arguments import parse_arguments
    from transformers import set_seed

    write_jsonl(folder / "train" / "a.jsonl", chat_rows(8))
    values = {
        "model_id": base, "training": folder / "train", "model_dir": folder / "model", "max_steps": 1,
        "quantization": "none", "lora_dropout": 0, "per_device_train_batch_size": 8, **changes,
    }  # fmt: skip
    args = parse_arguments([f"--{name}={value}" for name, value in values.items()], "")
    set_seed(args.seed)
    source, _, tokenizer = train_qlora.open_base(args)
    examples = train_qlora.encode_data(tokenizer, train_qlora.read_data(args), args)
    trainer = train_qlora.make_run(args, source, tokenizer, examples)
    batch = trainer.data_collator(examples["training"])
    loss = trainer.compute_loss(trainer.model.train(), batch)
    loss.backward()
    packing.enter(None)
    gradient = torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.requires_grad])
    return loss.item(), gradient, trainer


def test_a_run_learns_the_same_in_pieces(base, tmp_path, in_pieces, monkeypatch):
    pieces, found, trainer = train(base, tmp_path / "pieces")
    assert trainer.head.must_wait(2)
    monkeypatch.setattr(losses, "WHOLE_BYTES", 1 << 30)
    whole, expected, trainer = train(base, tmp_path / "whole")
    assert not trainer.head.must_wait(1000)
    assert pieces == pytest.approx(whole, rel=1e-6)
    assert torch.allclose(found, expected, atol=1e-7) and found.norm() > 1e-3


def test_the_output_layer_is_a_models_own_again_after_the_loss(base, tmp_path, in_pieces):
    _, _, trainer = train(base, tmp_path)
    ids = torch.tensor([[5, 6, 7]])
    assert "forward" not in vars(trainer.head.layer)
    assert trainer.model(input_ids=ids).logits.shape == (1, 3, tiny_chat.VOCABULARY)


def test_an_output_layer_that_is_trained_or_followed_by_something_is_left_in_place(base, in_pieces):
    from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    assert not losses.Head(model).must_wait(100)  # its weights are not frozen
    model.requires_grad_(False)
    assert losses.Head(model).must_wait(100)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
             "head_dim": 8, "intermediate_size": 16, "vocab_size": 100}  # fmt: skip
    softcapped = Gemma2ForCausalLM(Gemma2Config(**small)).requires_grad_(False)
    assert not losses.Head(softcapped).must_wait(10**6)


PEAK = """
import resource, sys
sys.path.insert(0, {folder!r})
import torch, losses
def peak():
    # On Linux ru_maxrss begins with what the parent had when it started this program; VmHWM does not.
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])

hidden = torch.randn(1024, 32, requires_grad=True)
head = torch.nn.Linear(32, 100_000, bias=False).requires_grad_(False)
wanted = torch.randint(100_000, (1024,))
losses.total(head(hidden[:64]), wanted[:64]).backward()  # what the libraries take once
before = peak()
for pieces in (True, False):
    loss = losses.Pieces.apply(hidden, wanted, head, 128) if pieces else losses.total(head(hidden), wanted)
    loss.backward()
    print(peak() - before)
"""


def test_pieces_take_little_memory():
    """1,024 labels of 100,000 tokens: 0.4 GB for each of three tensors, 51 MB for each in pieces of 128."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    command = [sys.executable, "-c", PEAK.format(folder=str(TRAINING))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    pieces, whole = (int(line) / unit for line in done.stdout.split())
    assert whole > 750 and pieces < whole / 6, (pieces, whole)
