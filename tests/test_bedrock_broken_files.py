"""Every broken training file is refused before it is uploaded, by the rule that it breaks and at its line."""

import bedrock_broken_files
import pytest
from bedrock_broken_files import FILES, LLAMA31, NOVA2, chat, lines, pair
from tuneaws import bedrock_data

BY_NAME = {each.name: each for each in FILES}


def written(broken, folder):
    """(training, validation) of a broken file, written out."""
    training = folder / broken.file_name
    training.write_bytes(broken.training())
    validation = None
    if broken.validation:
        validation = folder / "validation.jsonl"
        validation.write_bytes(broken.validation())
    return training, validation


def found_in(broken, folder) -> list:
    """All problems of a broken file and its hyperparameters."""
    family = bedrock_data.family(broken.model)
    report = bedrock_data.check(written(broken, folder)[0], family, written(broken, folder)[1])
    return report.problems + bedrock_data.check_hyperparameters(broken.hyperparameters, family)


def test_there_are_over_forty_files_and_each_breaks_one_rule(tmp_path):
    assert len(FILES) == len(BY_NAME) >= 40
    for broken in FILES:
        assert {problem.rule for problem in found_in(broken, tmp_path)} == {broken.rule}, broken.name
    rules = {broken.rule for broken in FILES}
    elsewhere = {"file-too-large", "bad-file-name", "validation-not-supported", "too-many-system"}
    assert rules | elsewhere == set(bedrock_data.RULES), "a rule without a file that breaks it"
    print(f"{len(FILES)} files, {len(rules)} rules")


@pytest.mark.parametrize("name", BY_NAME)
def test_the_validator_names_file_line_rule_and_fix(name, tmp_path):
    broken = BY_NAME[name]
    problem = found_in(broken, tmp_path)[0]
    assert (problem.rule, problem.line) == (broken.rule, broken.line)
    text = str(problem)
    expected = "hyperParameters" if broken.hyperparameters else (
        "validation.jsonl" if broken.validation and broken.line else broken.file_name)
    assert text.startswith(f"{expected} line {broken.line}" if broken.line else expected)
    assert f"({broken.rule})" in text and "Fix: " in text


def test_the_good_files_behind_the_broken_ones_pass(tmp_path):
    for model, good in ((bedrock_broken_files.NOVA, chat()), (bedrock_broken_files.LLAMA33, chat()),
                        (LLAMA31, pair())):
        path = tmp_path / "train.jsonl"
        path.write_bytes(lines([good] * 100))
        report = bedrock_data.check(path, bedrock_data.family(model), path)
        assert report.ok and "nothing is wrong" in str(report), str(report)


def test_nothing_is_uploaded_of_a_broken_file(tmp_path):
    class NoS3:
        def upload_file(self, *_):
            raise AssertionError("it was uploaded")

    broken = BY_NAME["user-twice"]
    with pytest.raises(bedrock_data.BedrockDataError, match=r"nothing was uploaded(.|\n)*train.jsonl line 3"):
        bedrock_data.upload(NoS3(), "b", "p", written(broken, tmp_path)[0], bedrock_data.family(broken.model))


def test_a_file_over_the_size_is_refused_without_being_read(tmp_path):
    path = tmp_path / "train.jsonl"
    with path.open("wb") as file:
        file.truncate(2**30 + 1)  # sparse: no byte is written
    report = bedrock_data.check(path, bedrock_data.family("amazon.titan-text-lite-v1:0:4k"))
    assert report.problems[0].rule == "file-too-large" and report.records == 0


def test_a_space_in_the_name_is_refused(tmp_path):
    path = tmp_path / "my rows.jsonl"
    path.write_bytes(lines([chat()] * 8))
    report = bedrock_data.check(path, bedrock_data.family("nova"))
    assert [problem.rule for problem in report.problems] == ["bad-file-name"]
    assert "call it my-rows.jsonl" in str(report)


def test_nova_2_takes_no_validation_file(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(lines([chat()] * 200))
    family = bedrock_data.family(NOVA2)
    assert bedrock_data.check(path, family).ok
    assert [p.rule for p in bedrock_data.check(path, family, path).problems] == ["validation-not-supported"]


def test_llama_takes_one_system_text_and_a_thousand_validation_records(tmp_path):
    family, path = bedrock_data.family("llama3.3"), tmp_path / "train.jsonl"
    path.write_bytes(lines([chat(system=[{"text": "a"}, {"text": "b"}]), *[chat()] * 1000]))
    rules = [problem.rule for problem in bedrock_data.check(path, family, path).problems]
    assert rules == ["too-many-system", "too-many-system", "too-many-records"]


def test_every_problem_of_a_file_is_named_and_a_thousand_are_kept(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"{}\n" * 2500)
    report = bedrock_data.check(path, bedrock_data.family("nova"))
    assert report.rules == {"missing-messages": 2500} and len(report.problems) == 1000
    assert "2,500 problems in all: missing-messages 2,500" in str(report)
    assert sum(1 for _ in bedrock_data.problems(path, bedrock_data.family("nova"))) == 2500


def test_a_key_that_nothing_reads_is_noted_as_aws_passes_over_it(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(lines([*[chat()] * 8, chat(sytem=[{"text": "Be short."}])]))
    report = bedrock_data.check(path, bedrock_data.family("nova"))
    assert report.ok and "nothing reads the key 'sytem' of 1 records, first in line 9" in str(report)
