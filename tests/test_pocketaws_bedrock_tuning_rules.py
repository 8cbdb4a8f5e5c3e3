"""What the local Bedrock refuses of training data: every broken file by rule and line, in flat memory."""

import io
import json
import tracemalloc

import pytest
from bedrock_broken_files import FILES, chat, pair
from pocketaws.bedrock import foundation_models
from pocketaws.bedrock_tuning import hyperparameters, training_rules
from pocketaws.bedrock_tuning.data_files import CHUNK_BYTES, DataFile
from pocketaws.bedrock_tuning.training_rules import MAX_LINE_BYTES, problems

BY_NAME = {broken.name: broken for broken in FILES}
# Rules that no line breaks: the files themselves are sent in tests/test_bedrock_broken_files.py.
OF_THE_FILE = {"wrong-extension", "bad-file-name", "file-too-large", "validation-not-supported"}


def split(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


@pytest.mark.parametrize("name", [each.name for each in FILES if each.rule not in OF_THE_FILE])
def test_a_broken_file_breaks_its_rule_at_its_line_and_no_other(name):
    broken = BY_NAME[name]
    row = next(model for model in foundation_models.every() if model.id == broken.model)
    validation = split(broken.validation()) if broken.validation else None
    found = list(problems(split(broken.training()), row.family, validation))
    found += hyperparameters.problems(broken.hyperparameters, row.limits)
    assert [(problem.rule, problem.line) for problem in found] == [(broken.rule, broken.line)]
    assert found[0].message.endswith(".") and broken.rule in str(found[0])


def rules(records: list, family: str = "nova", validation: list | None = None) -> list[str]:
    """The rules that records break, with their lines, as "line rule"."""
    data = [[json.dumps(record).encode() for record in some] for some in (records, validation or [])]
    return [f"{p.line} {p.rule}" for p in problems(data[0], family, data[1] if validation else None)]


def test_what_aws_passes_over_is_passed_over():
    assert rules([chat(schemaVersion=None, extra=1)] * 8) == []
    assert rules([chat(schemaVersion="anything", system=[])] * 8) == []
    assert rules([chat(question="", system=[{"text": "a"}, {"text": "b"}])] * 8)[0] == "1 empty-text"
    two_blocks = {"role": "user", "content": [{"text": ""}, {"text": "Hi"}]}
    answer = {"role": "assistant", "content": [{"text": "Hi"}]}
    assert rules([chat(messages=[two_blocks, answer])] * 8) == []
    assert rules([chat("Users: three. Systemic: no.")] * 8) == []


def test_reserved_words_are_novas_only_and_in_any_case():
    said = chat("my SYSTEM: on")
    assert rules([said] * 8) == [f"{line} reserved-word" for line in range(1, 9)]
    assert rules([said] * 100, "llama3.3") == []


def test_llamas_validation_data_and_system_texts_are_limited():
    two = chat(system=[{"text": "a"}, {"text": "b"}])
    assert rules([chat()] * 99 + [two], "llama3.3") == ["100 too-many-system"]
    assert rules([pair()] * 100, "llama3.1", [pair()] * 1001) == ["0 too-many-records"]
    assert rules([pair()] * 60, "llama3.1", [pair()] * 40) == []  # Llama's least is for both together
    assert rules([chat()] * 7, "nova", [chat()] * 40) == ["0 too-few-records"]
    assert rules([chat()] * 19_990, "nova", [chat()] * 11) == ["0 too-many-records"]


def test_memory_does_not_grow_with_the_file():
    line = json.dumps(chat("word " * 200)).encode()

    def peak(count: int) -> int:
        tracemalloc.start()
        assert sum(1 for _ in problems((line for _ in range(count)), "nova")) == 0
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    assert peak(4_000) < peak(400) + 20_000


class OneObject:
    """S3 with one object."""

    def __init__(self, body: bytes):
        self.body = body

    def head_object(self, **_) -> dict:
        return {"ContentLength": len(self.body)}

    def get_object(self, **_) -> dict:
        return {"Body": io.BytesIO(self.body)}


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["no-line-feed", "line-feed"])
def test_lines_across_chunks_come_whole_and_the_copy_is_the_file(tmp_path, end):
    body = b"\n".join([b"a" * (CHUNK_BYTES - 3), b"bcdefgh", b"", b"c" * (2 * CHUNK_BYTES)]) + end
    found = list(DataFile(OneObject(body), "s3://b/k.jsonl").lines(tmp_path / "copy"))
    assert [(len(line), line[:1]) for line in found] == [
        (CHUNK_BYTES - 3, b"a"), (7, b"b"), (0, b""), (2 * CHUNK_BYTES, b"c")
    ]  # fmt: skip
    assert (tmp_path / "copy").read_bytes() == body


def test_a_line_without_end_is_refused_without_being_kept(tmp_path):
    body = b"x" * (MAX_LINE_BYTES + 3 * CHUNK_BYTES) + b"\n" + json.dumps(chat()).encode()
    file = DataFile(OneObject(body), "s3://b/k.jsonl")
    found = list(file.lines(tmp_path / "copy"))
    assert len(found) == 2 and len(found[0]) <= MAX_LINE_BYTES + CHUNK_BYTES
    counted = training_rules.Counted()
    limits = foundation_models.families()["nova"]
    told = list(training_rules.line_problems(found, limits, counted, "training"))
    assert [(p.line, p.rule) for p in told] == [(1, "too-many-tokens")]


def test_titans_files_have_a_size_and_nova_2_no_validation_data():
    class Large(OneObject):
        def head_object(self, **_):
            return {"ContentLength": 10**8 + 1}

    families = foundation_models.families()
    file = DataFile(Large(b""), "s3://b/k.jsonl", "validation")
    assert [p.rule for p in file.file_problems(families["titan"])] == ["file-too-large"]
    assert [p.rule for p in file.file_problems(families["nova"])] == []
    assert [p.rule for p in file.file_problems(families["nova2"])] == ["validation-not-supported"]
    assert list(DataFile(Large(b""), "s3://b/k.jsonl").file_problems(families["titan"])) == []


def test_a_default_learning_rate_is_the_local_recipe_and_others_keep_their_proportion():
    for family, limits in foundation_models.families().items():
        assert hyperparameters.settings({}, limits).learning_rate == hyperparameters.LOCAL_RATE, family
        assert not list(
            hyperparameters.problems({n: r["default"] for n, r in limits["hyperparameters"].items()}, limits)
        )
    nova = foundation_models.families()["nova"]
    asked = {"learningRate": "5e-6", "epochCount": "3", "learningRateWarmupSteps": "0"}
    assert hyperparameters.settings(asked, nova) == hyperparameters.Settings(3, 3e-3, 0)
    assert hyperparameters.settings({}, nova).warmup_steps == 10
