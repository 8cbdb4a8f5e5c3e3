"""The hub's data set and base model: what DATA.md and MODEL.md claim, held by tests."""

import hashlib
import json
import re
import subprocess
from collections import Counter
from random import Random

import pytest
from environments import python_of
from pocketaws.hub import make_dialogues, pretraining_text
from pocketaws.hub.grammar import SLOT, Grammar
from pocketaws.hub.make_dialogues import FOLDER, SIZES, as_jsonl, blanked, make
from pocketaws.hub.pretraining_text import conversation, pretraining_grammar

MODEL = FOLDER.parents[1] / "models" / "chat-1m"
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def rows() -> dict:
    """The committed rows of each split."""
    return {
        split: [json.loads(line) for line in (FOLDER / f"{split}.jsonl").read_text("utf-8").splitlines()]
        for split in SPLITS
    }


@pytest.fixture(scope="module")
def drawn() -> dict:
    """The dialogues drawn again, with what they are about."""
    return make()


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(MODEL, local_files_only=True)


@pytest.fixture(scope="module")
def model():
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, local_files_only=True).eval()


# --- the data set


def test_the_generator_makes_the_committed_files_again(drawn):
    for split in SPLITS:
        text = as_jsonl(split, drawn[split]).encode("utf-8")
        assert text == (FOLDER / f"{split}.jsonl").read_bytes(), (
            f"{split}.jsonl is not what the grammar makes"
        )


def test_check_tells_a_changed_file(tmp_path, monkeypatch, capsys):
    for split in SPLITS:
        text = (FOLDER / f"{split}.jsonl").read_text("utf-8")
        (tmp_path / f"{split}.jsonl").write_text(text.replace("Friday", "Freitag", 1), encoding="utf-8")
    monkeypatch.setattr(make_dialogues, "FOLDER", tmp_path)
    assert make_dialogues.main(["--check"]) == 1
    assert "differs from the grammar: test.jsonl, validation.jsonl, train.jsonl" in capsys.readouterr().out


def test_the_splits_have_the_claimed_sizes_and_fields(rows):
    assert {split: len(rows[split]) for split in SPLITS} == {"train": 4000, "validation": 300, "test": 300}
    assert SIZES == {split: len(rows[split]) for split in SPLITS}
    for split in SPLITS:
        assert all(list(row) == ["id", "dialogue", "summary"] for row in rows[split])
        assert len({row["id"] for row in rows[split]}) == len(rows[split])


def test_no_dialogue_is_in_two_splits_even_with_the_names_changed(drawn):
    seen = [blanked(dialogue) for split in SPLITS for dialogue in drawn[split]]
    assert len(seen) == len(set(seen)) == sum(SIZES.values())


def test_no_two_splits_are_about_the_same_things(drawn):
    keys = {split: {d.key for d in drawn[split] if len(d.key) > 3} for split in SPLITS}
    assert min(len(keys[split]) for split in SPLITS) > 200
    assert not keys["train"] & keys["test"]
    assert not keys["train"] & keys["validation"]
    assert not keys["validation"] & keys["test"]


def test_there_are_50_kinds_and_166_outcomes_and_training_has_them_all(drawn):
    grammar = Grammar()
    assert len(grammar.kinds) == 50
    assert sum(len(kind.outcomes) for kind in grammar.kinds) == 166
    assert len({(d.kind, d.outcome) for d in drawn["train"]}) == 166
    assert max(Counter(d.kind for d in drawn["train"]).values()) < 2 * 4000 / 50


def test_every_wording_of_the_grammar_can_be_filled():
    grammar = Grammar()
    for kind in grammar.kinds:
        for outcome in kind.outcomes:
            said = {
                slot
                for _, texts in kind.turns + outcome.turns
                for text in texts
                for slot in SLOT.findall(text)
            }
            for text in outcome.summaries:
                wanted = set(SLOT.findall(text)) - {"A", "B", "C"}
                assert wanted <= said & set(kind.slots), f"{kind.name}/{outcome.name}: {text}"
            assert said <= {*kind.slots, "A", "B", "C"}, f"{kind.name}/{outcome.name}"


def test_every_line_of_a_dialogue_has_a_speaker_and_some_have_three(rows):
    speakers = Counter()
    for row in rows["train"]:
        lines = [re.match(r"([A-Z][a-z]+): \S", line) for line in row["dialogue"].split("\n")]
        assert all(lines), row["dialogue"]
        speakers[len({line[1] for line in lines})] += 1
    assert set(speakers) == {2, 3}
    assert speakers[3] > 100


def test_a_summary_is_one_sentence_and_names_somebody_or_something_of_the_dialogue(rows):
    for row in rows["train"] + rows["test"]:
        summary = row["summary"]
        assert summary[0].isupper() or summary[0].isdigit(), summary
        assert summary.endswith("."), summary
        assert not re.search(r"[.!?] [A-Z]", summary), summary
        assert "{" not in summary + row["dialogue"]
        assert not re.search(r"\ba [aeio]\w|\ban [b-dfgj-np-tv-z]", summary), summary


def test_the_first_line_is_no_summary(rows):
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    score = []
    for row in rows["test"][:100]:
        lead = row["dialogue"].split("\n")[0].partition(": ")[2]
        score.append(scorer.score(row["summary"], lead)["rougeL"].fmeasure)
    assert sum(score) / len(score) < 0.25
    assert max(score) < 0.9


def test_pretraining_uses_nothing_that_validation_or_test_is_about(drawn, monkeypatch):
    taken = {dialogue.key for split in ("validation", "test") for dialogue in drawn[split]}
    grammar, rng = pretraining_grammar(), Random("test")
    met, used = [], []
    draw, ask = grammar.draw, pretraining_text.about_dialogue
    grammar.draw = lambda rng: met.append(draw(rng)) or met[-1]
    monkeypatch.setattr(pretraining_text, "about_dialogue", lambda *a: used.append(a[1]) or ask(*a))
    talk = "\n".join(m["content"] for i in range(800) for m in conversation(rng, grammar, taken, i % 4))
    assert any(dialogue.key in taken for dialogue in met), "800 draws should meet a taken one"
    assert len(used) > 400
    assert not any(dialogue.key in taken for dialogue in used)
    assert "ummar" not in talk, "no pretraining task asks for a summary"


def test_no_pretraining_answer_is_a_summary():
    grammar, rng = pretraining_grammar(), Random("answers")
    for _ in range(300):
        dialogue = grammar.draw(rng)
        for level in (1, 2, 3):
            messages = pretraining_text.about_dialogue(rng, dialogue, level)
            assert dialogue.summary[:-1] not in [m["content"].rstrip(".") for m in messages[1::2]]


# --- the base model


def test_the_model_is_small_and_holds_what_its_card_says(model, tokenizer):
    card = (MODEL / "README.md").read_text("utf-8")
    assert f"{model.num_parameters():,} parameters" in card
    assert f"{len(tokenizer):,} tokens" in card
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 4e6
    digest = hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest()
    assert digest in card


def test_special_tokens_are_apart_from_each_other(tokenizer, model):
    ids = [tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id]
    assert len(set(ids)) == 3 and None not in ids
    assert [model.config.pad_token_id, model.config.bos_token_id, model.config.eos_token_id] == ids
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id


@pytest.mark.parametrize(
    "text", ["Zoë: 7 €, naïve\n\tñandú", "日本語 ✓ 🙂❤", "a\r\nb  c", " lead and trail ", "ﬁ ½ 1234567890"]
)
def test_the_tokenizer_gives_every_text_back(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_the_chat_template_ends_each_turn_and_opens_the_answer(tokenizer):
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": " Hi "},
        {"role": "assistant", "content": "Hello."},
    ]
    whole = "<|begin|><|system|>Be brief.<|end|><|user|>Hi<|end|><|assistant|>Hello.<|end|>"
    assert tokenizer.apply_chat_template(chat, tokenize=False) == whole
    opened = tokenizer.apply_chat_template(chat[:2], tokenize=False, add_generation_prompt=True)
    assert whole.startswith(opened) and opened.endswith("<|assistant|>")
    assert tokenizer(whole, add_special_tokens=False)["input_ids"][-1] == tokenizer.eos_token_id


def test_the_chat_template_refuses_a_role_it_does_not_know(tokenizer):
    with pytest.raises(Exception, match="system, user and assistant, not tool"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)


def test_the_generation_mask_covers_the_answer_and_its_end(tokenizer):
    chat = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Anna and Ben."}]
    out = tokenizer.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True)
    kept = [i for i, keep in zip(out["input_ids"], out["assistant_masks"], strict=True) if keep]
    assert tokenizer.decode(kept) == "Anna and Ben.<|end|>"


def answer(tokenizer, model, question: str) -> str:
    chat = [{"role": "user", "content": question}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    inputs = tokenizer(text, add_special_tokens=False, return_tensors="pt", return_token_type_ids=False)
    out = model.generate(**inputs, max_new_tokens=60, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert out[-1] == tokenizer.eos_token_id, "the answer does not end"
    return tokenizer.decode(out, skip_special_tokens=True)


@pytest.mark.parametrize("names", [("Tavemi", "Gustav"), ("Olga", "Remo")])
def test_the_model_answers_a_question_about_a_dialogue(tokenizer, model, names):
    a, b = names
    talk = f"{a}: Hi {b}!\n{b}: Hi {a}!\n{a}: Do we need anything?\n{b}: Butter, please."
    assert answer(tokenizer, model, f"Who takes part?\n\n{talk}") == f"{a} and {b}."


ANOTHER_VERSION = """
import json, sys, torch, transformers
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], local_files_only=True)
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32, local_files_only=True).eval()
chat = [{"role": "user", "content": "Zo\u00eb: 7:30?\\nBen: No, half past eight :)"}]
text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
ids = tokenizer(text, add_special_tokens=False)["input_ids"]
logits = model(input_ids=torch.tensor([ids])).logits[0, -1].tolist()
print(json.dumps({"version": transformers.__version__, "ids": ids, "logits": logits}))
"""


def test_an_older_transformers_gives_the_same_tokens_and_logits(tokenizer, model):
    import torch
    import transformers

    done = subprocess.run([python_of("studio"), "-c", ANOTHER_VERSION, MODEL], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    old = json.loads(done.stdout.splitlines()[-1])
    assert old["version"].startswith("4.57.") and not transformers.__version__.startswith("4.")
    chat = [{"role": "user", "content": "Zoë: 7:30?\nBen: No, half past eight :)"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert ids == old["ids"]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
    assert torch.allclose(logits, torch.tensor(old["logits"]), atol=1e-4)
