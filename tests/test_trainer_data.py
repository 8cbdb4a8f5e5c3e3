"""chat_data.py and chat_rows.py: what is read, what is refused, and which tokens the loss sees."""

import json
from pathlib import Path

import pytest
import tiny_chat
from arguments import UserError
from chat_data import IGNORE, Collator, answers, encode, encode_channel, sample, special_tokens
from chat_rows import Report, Row, read_channel, read_rows
from tiny_chat import row, write_jsonl


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    """template name → tokenizer."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizers")
    made = {}
    for name in tiny_chat.TEMPLATES:
        tiny_chat.make_tokenizer(folder / name, name)
        made[name] = AutoTokenizer.from_pretrained(str(folder / name))
    return made


def encoded(tokenizer, *rows, max_seq_length=512):
    report = Report("training")
    found = encode(tokenizer, [Row(f"line {i}", each["messages"]) for i, each in enumerate(rows, 1)],
                   max_seq_length, report)  # fmt: skip
    return found, report


def load_channel(tokenizer, folder, channel, max_seq_length):
    rows, report = read_channel(folder, channel)
    return encode_channel(tokenizer, rows, report, max_seq_length), report


def trained_texts(tokenizer, example) -> list[str]:
    """The text of each run of labels."""
    runs, before = [], IGNORE
    for label in example["labels"]:
        if label != IGNORE:
            if before == IGNORE:
                runs.append([])
            runs[-1].append(label)
        before = label
    return [tokenizer.decode(run) for run in runs]


SYSTEM = {"role": "system", "content": "Be short."}


@pytest.mark.parametrize("template", ["chatml", "llama3", "no system role"])
def test_the_loss_sees_every_answer_to_its_end_token_and_nothing_else(tokenizers, template):
    tokenizer = tokenizers[template]
    many = row("Where is Ana?", "At school.", "And Ben? \n", "Ben is at\nthe market, too.")
    rows = [row("Sum up.", "Ana brings Ben the cake. 🎂 äö"), many]
    if template != "no system role":
        rows.append({"messages": [SYSTEM, *many["messages"]]})
    examples, report = encoded(tokenizer, *rows)
    wanted = [[m["content"] + "<|im_end|>" for m in r["messages"] if m["role"] == "assistant"] for r in rows]
    assert [trained_texts(tokenizer, example) for example in examples] == wanted
    assert report.trained_on == sum(label != IGNORE for example in examples for label in example["labels"])


@pytest.mark.parametrize("template", ["chatml", "llama3"])
def test_the_tokens_are_those_of_the_template_with_one_bos_at_most(tokenizers, template):
    tokenizer, talk = tokenizers[template], row("Where is Ana?", "At school.")
    assert tokenizer("Ana")["input_ids"][0] == tokenizer.bos_token_id  # so a second one would be easy to get
    examples, _ = encoded(tokenizer, talk)
    asked = tokenizer.apply_chat_template(talk["messages"], tokenize=True, return_dict=True)["input_ids"]
    assert examples[0]["input_ids"] == list(asked)
    assert examples[0]["input_ids"].count(tokenizer.bos_token_id) == (1 if template == "llama3" else 0)


def test_the_prompt_is_tokenized_as_it_will_be_at_inference(tokenizers):
    tokenizer, talk = tokenizers["chatml"], row("Where is Ana?", "At school.")
    examples, _ = encoded(tokenizer, talk)
    prompt = tokenizer.apply_chat_template(talk["messages"][:1], tokenize=False, add_generation_prompt=True)
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    first = next(i for i, label in enumerate(examples[0]["labels"]) if label != IGNORE)
    assert examples[0]["input_ids"][:first] == ids


def test_a_template_that_rejects_a_system_message_is_refused_with_its_own_words(tokenizers):
    talk = {"messages": [SYSTEM, *row("a", "b")["messages"]]}
    with pytest.raises(UserError, match="line 1: .*roles system, user, assistant: System role not supported"):
        encoded(tokenizers["no system role"], talk)


def test_a_template_that_rewrites_earlier_text_is_refused(tokenizers):
    tokenizer = tokenizers["not prefix-stable"]
    with pytest.raises(UserError, match="(?s)does not keep the text up to message 2.*rows with one answer"):
        encoded(tokenizer, row("Where is Ana?", "At school.", "And Ben?", "At the market."))
    examples, _ = encoded(tokenizer, row("Where is Ana?", "At school."))
    assert trained_texts(tokenizer, examples[0]) == ["(thought) At school.<|im_end|>"]


def test_a_model_without_a_chat_template_is_refused(tokenizers, monkeypatch):
    monkeypatch.setattr(tokenizers["chatml"], "chat_template", None)
    with pytest.raises(UserError, match="no chat template.\nFix: take the instruct"):
        encoded(tokenizers["chatml"], row("a", "b"))


def test_labels_agree_with_the_generation_marks_of_trls_templates(tokenizers, monkeypatch):
    """TRL marks the answers in real models' templates by hand; these labels come from the rendering alone.

    Where both know the answer, ours lies within TRL's, and what TRL counts on top is never a word of it:
    white space after the end token, the head that the generation prompt already holds, or an empty thought.
    """
    import trl

    tokenizer = tokenizers["chatml"]
    compared, equal, refused = 0, 0, set()
    for path in sorted(Path(trl.__file__).parent.glob("chat_templates/*_training.jinja")):
        if path.name.startswith("llava"):
            continue  # takes a list of parts, not a string
        monkeypatch.setattr(tokenizer, "chat_template", path.read_text())
        for talk in (row("hi Ana", "hello Ben"), row("hi Ana", "hello Ben", "where?", "at school")):
            theirs = tokenizer.apply_chat_template(
                talk["messages"], tokenize=True, return_dict=True, return_assistant_tokens_mask=True
            )
            try:
                (example,), _ = encoded(tokenizer, talk, max_seq_length=10_000)
            except UserError:
                refused.add(path.name)
                continue
            ours = [label != IGNORE for label in example["labels"]]
            assert example["input_ids"] == theirs["input_ids"], path.name
            both = list(zip(theirs["input_ids"], theirs["assistant_masks"], ours, strict=True))
            more = tokenizer.decode([token for token, a, b in both if a and not b])
            assert not [token for token, a, b in both if b and not a], path.name
            assert not any(word in more for word in ("hello", "Ben", "school")), path.name
            compared, equal = compared + 1, equal + (not more)
    assert compared >= 35 and equal >= 15, (compared, equal)
    # Thinking models whose prompt opens a thought that a plain answer does not have; gpt-oss and Phi-3 end
    # the last turn in another way than those before it.
    kinds = {name.split("_")[0] for name in refused}
    assert kinds == {"deepseek", "deepseekv3", "gptoss", "nemotron", "phi3"}


def test_labels_are_those_that_the_hubs_own_template_marks(course_root):
    from transformers import AutoTokenizer

    hub = course_root / "code" / "pocketaws" / "hub"
    tokenizer = AutoTokenizer.from_pretrained(str(hub / "models" / "chat-1m"))
    rows = []
    for line in (
        (hub / "datasets" / "dialogues" / "validation.jsonl").read_text(encoding="utf-8").splitlines()[:50]
    ):
        given = json.loads(line)
        rows.append(
            row(f"Summarize this conversation in one sentence.\n\n{given['dialogue']}", given["summary"])
        )
    examples, _ = encoded(tokenizer, *rows, row("hi", "ok", "and?", "no"), max_seq_length=2048)
    for talk, example in zip([*rows, row("hi", "ok", "and?", "no")], examples, strict=True):
        marked = tokenizer.apply_chat_template(
            talk["messages"], tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        assert example["input_ids"] == marked["input_ids"]
        assert [label != IGNORE for label in example["labels"]] == [
            bool(m) for m in marked["assistant_masks"]
        ]
    assert len(examples) == 51


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")  # TRL's own
def test_labels_agree_with_trls_sft_trainer_on_a_prompt_and_its_completion(tokenizers, tmp_path):
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    model = tiny_chat.make_model(tmp_path / "base", "llama3")
    tokenizer, talk = tokenizers["llama3"], row("Where is Ana?", "At school.")
    data = Dataset.from_list([{"prompt": talk["messages"][:1], "completion": talk["messages"][1:]}])
    config = SFTConfig(output_dir=str(tmp_path), use_cpu=True, report_to="none", bf16=False, max_length=512)
    theirs = SFTTrainer(
        str(model), args=config, train_dataset=data, processing_class=tokenizer
    ).train_dataset[0]
    (example,), _ = encoded(tokenizer, talk)
    assert example["input_ids"] == theirs["input_ids"]
    assert example["labels"] == theirs["labels"]


def test_rows_are_cut_on_the_right_counted_and_dropped_when_no_answer_is_left(tokenizers):
    tokenizer = tokenizers["chatml"]
    short, long_answer = row("hi", "ok"), row("hi", "ok " * 50)
    long_prompt, second_prompt = row("hi " * 60, "ok"), row("hi", "ok", "hi " * 60, "ok")
    examples, report = encoded(tokenizer, short, long_answer, long_prompt, second_prompt, max_seq_length=40)
    assert (report.kept, report.cut, report.cut_answers) == (3, 3, 1)
    assert report.dropped == {"the answer lies beyond max_seq_length": 1}
    assert [len(example["input_ids"]) for example in examples] == [len(examples[0]["input_ids"]), 40, 40]
    lines = "\n".join(report.lines(40))
    assert "1 dropped: the answer lies beyond max_seq_length (first: line 3)" in lines
    assert "3 rows were longer than max_seq_length 40 and were cut, 1 of them inside an answer" in lines


def test_a_channel_of_which_nothing_is_left_is_refused_with_the_length_it_needs(tokenizers, tmp_path):
    write_jsonl(tmp_path / "a.jsonl", [row("hi " * 60, "ok")] * 3)
    with pytest.raises(
        UserError, match="(?s)none of the 3 rows.*3: the answer lies beyond.*max_seq_length from 40"
    ):
        load_channel(tokenizers["chatml"], tmp_path, "training", 40)


def test_rows_that_teach_nothing_are_dropped_and_counted(tokenizers, tmp_path):
    only_user = {"messages": row("hi", "x")["messages"][:1]}
    write_jsonl(
        tmp_path / "a.jsonl", [row("hi", "ok"), row("hi", "  "), row("", "ok"), only_user, {"messages": []}]
    )
    examples, report = load_channel(tokenizers["chatml"], tmp_path, "training", 512)
    assert len(examples) == report.kept == 1 and report.read == 5
    assert report.dropped == {"an empty message": 2, "no assistant message": 2}
    assert "2 dropped: an empty message (first: a.jsonl line 2)" in "\n".join(report.lines(512))


def test_files_are_read_by_name_with_their_subfolders_and_hidden_ones_are_not(tokenizers, tmp_path):
    for name in ("b.jsonl", "a.jsonl", "more/c.jsonl", ".ipynb_checkpoints/a.jsonl", "notes.txt"):
        write_jsonl(tmp_path / name, [row("hi", name)])
    examples, report = load_channel(tokenizers["chatml"], tmp_path, "training", 512)
    assert report.files == report.kept == 3
    texts = [trained_texts(tokenizers["chatml"], example)[0] for example in examples]
    assert texts == [f"{name}<|im_end|>" for name in ("a.jsonl", "b.jsonl", "more/c.jsonl")]


def test_crlf_a_byte_order_mark_blank_lines_and_odd_separators_are_fine(tmp_path):
    line = json.dumps(row("a\u2028b", "ok"), ensure_ascii=False)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + f"{line}\r\n\r\n{line}".encode())
    found = list(read_rows(path))
    assert [each.place for each in found] == ["a.jsonl line 1", "a.jsonl line 3"]
    assert found[1].messages[0]["content"] == "a\u2028b"


@pytest.mark.parametrize(
    "line, said",
    [
        ('{"messages": [{"role": "user", "content": "hi', "line 2 is not JSON"),
        ("[1, 2]", 'line 2 has no list "messages" but list'),
        ('{"dialogue": "a", "summary": "b"}', 'line 2 has no list "messages" but the keys dialogue, summary'),
        (
            '{"messages": [{"role": "tool", "content": "x"}]}',
            "line 2 has a message .*without one of the roles",
        ),
        ('{"messages": ["hi"]}', "line 2 has a message 'hi' without"),
        (
            '{"messages": [{"role": "user", "content": [{"type": "text"}]}]}',
            'line 2 has a "content" that is not',
        ),
        ('{"messages": [{"role": "user", "content": "\\ud83d"}]}', "line 2 holds half a character"),
        (b"\xff\xfe{", "line 2 is not UTF-8"),
    ],
)
def test_a_broken_line_is_refused_with_its_file_and_number(tmp_path, line, said):
    path = write_jsonl(tmp_path / "rows.jsonl", [row("hi", "ok")])
    with path.open("ab") as file:
        file.write(line if isinstance(line, bytes) else line.encode())
    with pytest.raises(UserError, match=f"rows.jsonl {said}"):
        list(read_rows(path))


@pytest.mark.parametrize(
    "files, said",
    [
        ({"train.json": "[]", "b.csv": ""}, "no \\*.jsonl file; it holds: b.csv, train.json"),
        ({}, "no \\*.jsonl file; it holds: nothing"),
        ({"a.jsonl": "\n\n"}, "1 \\*.jsonl file\\(s\\), and not one row in them"),
    ],
)
def test_a_channel_without_rows_is_refused(tokenizers, tmp_path, files, said):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=said):
        load_channel(tokenizers["chatml"], tmp_path, "training", 512)


def test_a_missing_channel_folder_is_refused(tokenizers, tmp_path):
    with pytest.raises(UserError, match="the folder of the channel 'validation' is not there"):
        load_channel(tokenizers["chatml"], tmp_path / "no", "validation", 512)


def test_the_sample_marks_what_is_trained_on(tokenizers):
    examples, _ = encoded(tokenizers["llama3"], row("hi", "Gus is at school.", "and Ben?", "no", "x", "y"))
    lines = sample(tokenizers["llama3"], examples[0])
    assert lines == [
        '[sample] given      "<|bos|><|start|>user<|end|>\\n\\nhi<|im_end|><|start|>assistant<|end|>\\n\\n"',
        '[sample] trained on "Gus is at school.<|im_end|>"',
        '[sample] given      "<|start|>user<|end|>\\n\\nand Ben?<|im_end|><|start|>assistant<|end|>\\n\\n"',
    ]


def test_a_huge_row_is_cut_and_shown_in_short(tokenizers):
    examples, report = encoded(tokenizers["chatml"], row("hi", "word " * 200_000), max_seq_length=128)
    assert report.longest > 200_000 and len(examples[0]["input_ids"]) == 128
    assert max(map(len, sample(tokenizers["chatml"], examples[0]))) < 400


def test_batches_are_padded_on_the_right_to_a_multiple_of_8():
    rows = [{"input_ids": [5, 6, 7], "labels": [IGNORE, 6, 7]}, {"input_ids": [5] * 9, "labels": [5] * 9}]
    batch = Collator(pad_id=0)(rows)
    assert batch["input_ids"].shape == batch["labels"].shape == batch["attention_mask"].shape == (2, 16)
    assert batch["input_ids"][0].tolist() == [5, 6, 7] + [0] * 13
    assert batch["labels"][0].tolist() == [IGNORE, 6, 7] + [IGNORE] * 13
    assert batch["attention_mask"].sum(dim=1).tolist() == [3, 9]


def test_answers_gives_text_and_places(tokenizers):
    special = special_tokens(tokenizers["chatml"])
    assert set(special) == set(tiny_chat.SPECIAL)
    text, spans = answers(tokenizers["chatml"], row("hi", "ok", "and?", "no")["messages"], special)
    assert [text[start:end] for start, end in spans] == ["ok<|im_end|>", "no<|im_end|>"]
