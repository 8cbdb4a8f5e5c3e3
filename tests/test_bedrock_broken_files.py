"""Every broken training file is refused before it is uploaded, by the rule that it breaks and at its line."""

import copy
import random
import time
import tracemalloc

import bedrock_broken_files
import boto3
import pytest
from bedrock_broken_files import FILES, LLAMA31, VERSION, chat, lines, messages, pair
from botocore.config import Config
from botocore.exceptions import ClientError
from pocketaws.bedrock import foundation_models
from pocketaws.bedrock_tuning import training_rules
from tuneaws import bedrock_data, bedrock_jobs

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
    assert rules | {"file-too-large"} == set(bedrock_data.RULES), "a rule without a file that breaks it"
    print(f"{len(FILES)} files, {len(rules)} rules")


@pytest.mark.parametrize("name", BY_NAME)
def test_the_validator_names_file_line_rule_and_fix(name, tmp_path):
    broken = BY_NAME[name]
    problem = found_in(broken, tmp_path)[0]
    assert (problem.rule, problem.line) == (broken.rule, broken.line)
    text = str(problem)
    expected = "hyperParameters" if broken.hyperparameters else (
        "validation.jsonl" if broken.in_validation else broken.file_name)
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


def test_a_line_without_an_end_is_not_read_into_memory_and_the_next_one_is_counted_right(tmp_path):
    path = tmp_path / "train.jsonl"
    with path.open("wb") as file:
        file.write(lines([chat()] * 7))
        file.seek(100 * 1024**2, 1)  # sparse: 100 MB of zeros on line 8
        file.write(b"\n" + lines([chat(), messages()]))
    tracemalloc.start()
    report = bedrock_data.check(path, bedrock_data.family("nova"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(p.line, p.rule) for p in report.problems] == [(8, "too-many-tokens"), (10, "empty-messages")]
    assert peak < 80 * 1024**2 and report.records == 10


def test_a_space_in_the_name_is_refused(tmp_path):
    path = tmp_path / "my rows.jsonl"
    path.write_bytes(lines([chat()] * 8))
    report = bedrock_data.check(path, bedrock_data.family("nova"))
    assert [problem.rule for problem in report.problems] == ["bad-file-name"]
    assert "call it my-rows.jsonl" in str(report)


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


# --- the two validators were written apart, from the same pages: they must not differ


ODD = [
    None, True, 0, 1.5, "", "  ", "x", "user", "assistant", "system", [], {}, [[]], [{}], ["x"],
    [{"text": "x"}], [{"text": ""}], [{"text": None}], [{"text": "Bot: x"}], [{"image": {}}], {"text": "x"},
    [{"text": "x", "cachePoint": {}}], "USER: hi", VERSION, [{"role": "user", "content": [{"text": "x"}]}],
]  # fmt: skip
KEYS = ["schemaVersion", "system", "messages", "role", "content", "text", "prompt", "completion", "extra"]


def holders(value) -> list:
    """Every dict and list in a record."""
    if not isinstance(value, (dict, list)):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [value, *(found for each in inner for found in holders(each))]


def changed(chance: random.Random, record: dict) -> dict:
    """The record with one or two things taken out, replaced or put in, anywhere."""
    record = copy.deepcopy(record)
    for _ in range(chance.choice((1, 1, 2))):
        holder, odd = chance.choice(holders(record)), copy.deepcopy(chance.choice(ODD))
        places = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if places and chance.random() < 0.4:
            del holder[chance.choice(places)]
        elif places and chance.random() < 0.6:
            holder[chance.choice(places)] = odd
        elif isinstance(holder, dict):
            holder[chance.choice(KEYS)] = odd
        else:
            holder.append(odd)
    return record


@pytest.mark.parametrize("name", ["nova", "llama3.3", "llama3.1", "titan"])
def test_our_check_refuses_exactly_the_records_that_the_local_aws_refuses(name, tmp_path):
    chance, family, path = random.Random(7), bedrock_data.family(name), tmp_path / "train.jsonl"
    bases = [chat(), chat(system=[{"text": "Be short."}]), pair()]
    path.write_bytes(lines([changed(chance, chance.choice(bases)) for _ in range(2000)]))
    ours = {problem.line for problem in bedrock_data.problems(path, family)} - {0}
    with path.open("rb") as file:
        theirs = {problem.line for problem in training_rules.problems(file, name)} - {0}
    assert ours == theirs and 200 < len(ours) < 2000, sorted(ours ^ theirs)[:5]
    print(f"{name}: {len(ours)} of 2,000 changed records refused by both")


def test_both_hold_every_family_to_the_same_numbers():
    theirs, one_put = foundation_models.families(), 5 * 1024**3
    assert set(theirs) <= set(bedrock_data.FAMILIES) and len(theirs) >= 6
    for name, row in theirs.items():
        ours = bedrock_data.FAMILIES[name]
        assert (ours.schema, ours.together, ours.validation) == (
            row["schema"], row.get("records_together", False), row.get("validation", True)), name
        assert (ours.min_records, ours.max_records, ours.max_validation, ours.max_tokens) == (
            row["min_records"], row["max_records"], row.get("max_validation"), row["max_tokens"]), name
        assert (ours.training_bytes, ours.validation_bytes) == (
            row.get("max_training_bytes", one_put), row.get("max_validation_bytes", one_put)), name
        values = {key: (each.low, each.high, each.default, each.whole)
                  for key, each in ours.hyperparameters.items()}
        assert values == {key: (each["min"], each["max"], each["default"], each["kind"] == "integer")
                          for key, each in row["hyperparameters"].items()}, name


# --- sent anyway: the local AWS refuses each of them too, by the same line and rule


class Sender:
    """Sends broken files to the local AWS without a check: one bucket and one role for each region."""

    def __init__(self, local_aws):
        self.url, self.iam = local_aws.url, local_aws.client("iam")
        self.clients, self.roles = {}, {}

    def client(self, service: str, region: str):
        """A boto3 client, made once."""
        if (service, region) not in self.clients:
            boto, once = boto3.session.Session(region_name=region), Config(retries={"total_max_attempts": 1})
            self.clients[service, region] = boto.client(service, endpoint_url=self.url, config=once)
        return self.clients[service, region]

    def bucket(self, region: str) -> str:
        """A bucket of the region, and the role that may read it."""
        name = f"broken-files-{region}"
        if region not in self.roles:
            where = {} if region == "us-east-1" else {"LocationConstraint": region}
            more = {"CreateBucketConfiguration": where} if where else {}
            self.client("s3", region).create_bucket(Bucket=name, **more)
            role = f"broken-files-{region}"
            self.roles[region] = bedrock_jobs.ensure_role(self.iam, "123456789012", region, name, role)
        return name

    def send(self, broken):
        """Upload the file and start a job on it; return the job's ARN, or the error that refused it."""
        region, s3 = broken.region, self.client("s3", broken.region)
        bucket, uris = self.bucket(region), {}
        for name, make in (("training", broken.training), ("validation", broken.validation)):
            if make:
                file = broken.file_name if name == "training" else "validation.jsonl"
                s3.put_object(Bucket=bucket, Key=f"{broken.name}/{file}", Body=make())
                uris[name] = f"s3://{bucket}/{broken.name}/{file}"
        asked = bedrock_jobs.request(
            f"broken-{broken.name}", broken.model, self.roles[region], uris["training"], f"s3://{bucket}/out",
            broken.hyperparameters, uris.get("validation"))  # fmt: skip
        try:
            return self.client("bedrock", region).create_model_customization_job(**asked)["jobArn"]
        except ClientError as err:
            return err

    def refusal(self, broken, sent) -> str:
        """What the local AWS says: the error of the request, or the failureMessage of the job."""
        if isinstance(sent, ClientError):
            assert sent.response["Error"]["Code"] == "ValidationException"
            return sent.response["Error"]["Message"]
        bedrock, deadline = self.client("bedrock", broken.region), time.monotonic() + 60
        while (job := bedrock_jobs.get(bedrock, sent))["status"] == "InProgress":
            assert time.monotonic() < deadline, job
            time.sleep(0.02)
        assert job["status"] == "Failed", job
        assert job["statusDetails"]["validationDetails"]["status"] == "Failed"
        assert job["statusDetails"]["trainingDetails"]["status"] == "NotStarted"
        return job["failureMessage"]


@pytest.fixture(scope="module")
def refusals(local_aws) -> dict:
    """{name of the broken file: what the local AWS says of it}, when all have been sent."""
    sender = Sender(local_aws)
    sent = {broken.name: sender.send(broken) for broken in FILES}
    return {broken.name: sender.refusal(broken, sent[broken.name]) for broken in FILES}


@pytest.mark.parametrize("name", BY_NAME)
def test_the_local_aws_refuses_it_when_it_is_sent_anyway(name, refusals):
    broken, said = BY_NAME[name], refusals[name]
    assert broken.rule in said
    if broken.line:
        file = "validation" if broken.in_validation else "training"
        assert f"line {broken.line:,} of the {file} data" in said.lower()
