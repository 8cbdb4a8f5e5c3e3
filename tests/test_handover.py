"""tuneaws.handover: what one lesson leaves in S3 for the next."""

import json
from types import SimpleNamespace

import pytest
from tuneaws import buckets, handover

PROMPT = SimpleNamespace(system="", user="Summarize:\n{dialogue}")


@pytest.fixture
def own_rows(tmp_path):
    """A file of 30 rows without splits, and the dataset section that reads it."""
    rows = [{"dialogue": f"Ann: Is it {n}?\r\nBo: It is.", "summary": f"It is {n}."} for n in range(30)]
    path = tmp_path / "My own rows.json"
    path.write_text(json.dumps(rows))
    fields = SimpleNamespace(id="id", dialogue="dialogue", summary="summary")
    return SimpleNamespace(source=str(path), fields=fields, train_rows=20, validation_rows=5, test_rows=5,
                           max_chars=1000, seed=7)


def test_a_prefix_is_made_of_the_name_of_the_source():
    assert handover.data_prefix("pocketaws/dialogues") == "data/dialogues"
    assert handover.data_prefix("/some/where/samsum/") == "data/samsum"
    assert handover.data_prefix("../My own rows.json") == "data/my-own-rows"
    assert handover.data_prefix("/") == "data/rows"


def test_a_bucket_without_rows_gives_none(local_aws, bucket):
    assert handover.find_rows(local_aws.client("s3"), bucket, "pocketaws/dialogues") == {}


def test_rows_are_made_once_and_then_found(local_aws, bucket, own_rows, capsys):
    s3 = local_aws.client("s3")
    made = handover.find_or_make_rows(s3, bucket, own_rows, PROMPT)
    assert made == {split: f"s3://{bucket}/data/my-own-rows/{split}/" for split in handover.SPLITS}
    assert "none in the bucket" in capsys.readouterr().out
    assert handover.find_or_make_rows(s3, bucket, own_rows, PROMPT) == made
    assert "found in" in capsys.readouterr().out


def test_a_missing_split_is_made_again(local_aws, bucket, own_rows, capsys):
    s3 = local_aws.client("s3")
    handover.find_or_make_rows(s3, bucket, own_rows, PROMPT)
    s3.delete_object(Bucket=bucket, Key="data/my-own-rows/test/test.jsonl")
    assert set(handover.find_rows(s3, bucket, own_rows.source)) == {"train", "validation"}
    assert len(handover.find_or_make_rows(s3, bucket, own_rows, PROMPT)) == 3


def test_rows_of_two_sources_do_not_mix(local_aws, bucket, own_rows):
    s3 = local_aws.client("s3")
    handover.find_or_make_rows(s3, bucket, own_rows, PROMPT)
    assert handover.find_rows(s3, bucket, "pocketaws/dialogues") == {}


def test_what_was_handed_over_are_messages_in_the_wanted_numbers(local_aws, bucket, own_rows, tmp_path):
    s3 = local_aws.client("s3")
    uris = handover.find_or_make_rows(s3, bucket, own_rows, PROMPT)
    counts = {}
    for split, uri in uris.items():
        (path,) = buckets.download(s3, uri, tmp_path / split)
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert all([m["role"] for m in row["messages"]] == ["user", "assistant"] for row in rows)
        counts[path.name] = len(rows)
    assert counts == {"train.jsonl": 20, "validation.jsonl": 5, "test.jsonl": 5}
