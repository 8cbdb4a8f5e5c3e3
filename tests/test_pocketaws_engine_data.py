"""What a training job gets: channels as AWS lays them out, and a source directory that cannot escape."""

import io
import json
import tarfile
import textwrap

import pytest
from engine_aid import a_bare_aws, a_bench, tarball  # noqa: F401  (fixtures)
from pocketaws import s3_files
from pocketaws.training.channels import relative_name

# Prints every file below input/data with its content, and the channels' configuration.
LIST = """
import json, os, pathlib
root = pathlib.Path(os.environ["SM_INPUT_DIR"]) / "data"
files = [path for path in sorted(root.rglob("*")) if path.is_file()]
print("FILES " + json.dumps({str(path.relative_to(root)): path.read_text() for path in files}))
config = pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"]) / "inputdataconfig.json"
print("CONFIG " + config.read_text().replace("\\n", ""))
"""


def channel(uri: str, name="training", kind="S3Prefix", **more) -> dict:
    distribution = more.pop("distribution", "FullyReplicated")
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": distribution}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def files(bench, job, host: int = 0) -> dict:
    assert job.status == "Completed", job.failure_reason
    line = next(line for line in bench.log(job, host) if line.startswith("FILES "))
    return json.loads(line.removeprefix("FILES "))


def run(bench, *channels, **members):
    return bench.run(LIST, InputDataConfig=list(channels), **members)


@pytest.mark.parametrize(
    ("prefix", "key", "name"),
    [
        ("data/train", "data/train/a.csv", "a.csv"),
        ("data/train/", "data/train/a/b.csv", "a/b.csv"),
        ("data/train/a.csv", "data/train/a.csv", "a.csv"),
        ("data/tr", "data/train/a.csv", "train/a.csv"),
        ("data/train", "data/train.csv", "train.csv"),
        ("", "a/b.csv", "a/b.csv"),
        ("data/train/", "data/train/", ""),
        ("data/train", "data/train/", ""),
        ("a.csv", "a.csv", "a.csv"),
    ],
)
def test_an_object_lies_below_the_channel_by_what_follows_the_prefix(prefix, key, name):
    assert relative_name(key, prefix) == name


def test_a_prefix_brings_every_object_that_begins_with_it(bench):
    for key in ("d/train/a.csv", "d/train/sub/b.csv", "d/train.txt", "d/other/c.csv", "d/train/folder/"):
        bench.put(key, key)
    job = run(
        bench, channel(f"s3://{bench.bucket}/d/train"), channel(f"s3://{bench.bucket}/d/other/c.csv", "one")
    )
    assert files(bench, job) == {
        "training/a.csv": "d/train/a.csv",
        "training/sub/b.csv": "d/train/sub/b.csv",
        "training/train.txt": "d/train.txt",
        "one/c.csv": "d/other/c.csv",
    }


def test_more_objects_than_one_listing_page_all_arrive(bench, monkeypatch):
    monkeypatch.setattr(s3_files, "PAGE", 2)
    for index in range(5):
        bench.put(f"many/{index}", str(index))
    found = files(bench, run(bench, channel(f"s3://{bench.bucket}/many/")))
    assert found == {f"training/{index}": str(index) for index in range(5)}


def test_inputdataconfig_says_what_the_request_said(bench):
    uri = bench.put("d/x", "1")
    job = run(bench, channel(uri, ContentType="text/csv"), channel(uri, "fast", InputMode="FastFile"))
    line = next(line for line in bench.log(job) if line.startswith("CONFIG "))
    assert json.loads(line.removeprefix("CONFIG ")) == {
        "training": {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
            "ContentType": "text/csv",
        },
        "fast": {
            "TrainingInputMode": "FastFile",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        },
    }
    assert files(bench, job) == {"training/x": "1", "fast/x": "1"}


def test_a_manifest_brings_what_it_lists_from_its_prefix(bench):
    for key in ("base/a.txt", "base/sub/b.txt", "base/not-listed.txt"):
        bench.put(key, key)
    rows = [{"prefix": f"s3://{bench.bucket}/base/"}, "a.txt", "sub/b.txt"]
    job = run(bench, channel(bench.put("x.manifest", json.dumps(rows)), kind="ManifestFile"))
    assert files(bench, job) == {"training/a.txt": "base/a.txt", "training/sub/b.txt": "base/sub/b.txt"}


@pytest.mark.parametrize("text", ["not json", "[]", '["no prefix"]', '[{"prefix": "s3://b/p"}, 3]', "{}"])
def test_a_manifest_that_is_none_fails_the_job_and_shows_the_form(bench, text):
    job = run(bench, channel(bench.put("x.manifest", text), kind="ManifestFile"))
    assert job.status == "Failed"
    assert "is not a manifest" in job.failure_reason and '[{"prefix"' in job.failure_reason


def test_a_manifest_that_names_a_missing_object_fails_with_its_key(bench):
    rows = [{"prefix": f"s3://{bench.bucket}/base/"}, "gone.txt"]
    job = run(bench, channel(bench.put("x.manifest", json.dumps(rows)), kind="ManifestFile"))
    assert f"s3://{bench.bucket}/base/gone.txt" in job.failure_reason and "NoSuchKey" in job.failure_reason


def test_sharding_gives_each_host_its_part_and_replication_all(bench):
    for name in "abcde":
        bench.put(f"d/{name}", name)
    uri = f"s3://{bench.bucket}/d/"
    job = run(
        bench,
        channel(uri, "sharded", distribution="ShardedByS3Key"),
        channel(uri, "whole"),
        ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    parts = [{name for name in files(bench, job, rank) if name.startswith("sharded")} for rank in (0, 1)]
    assert parts == [{"sharded/a", "sharded/c", "sharded/e"}, {"sharded/b", "sharded/d"}]
    assert {name for name in files(bench, job, 1) if name.startswith("whole")} == {
        f"whole/{n}" for n in "abcde"
    }


@pytest.mark.parametrize("uri", ["s3://{bucket}/nothing/here", "s3://no-such-bucket-at-all/x"])
def test_a_prefix_with_nothing_behind_it_fails_the_job_as_on_aws(bench, uri):
    uri = uri.format(bucket=bench.bucket)
    job = run(bench, channel(uri))
    assert job.status == "Failed"
    assert job.failure_reason.startswith("ClientError: Data download failed:") and uri in job.failure_reason
    assert "Training" not in [step["Status"] for step in job.transitions]


@pytest.mark.parametrize("key", ["d/../../../../escaped.txt", "d/a/../../../escaped.txt", "d/.."])
def test_a_key_with_dots_never_leaves_the_channels_folder(bench, key):
    bench.put(key, "evil")
    job = run(bench, channel(f"s3://{bench.bucket}/d/"))
    assert job.status == "Failed" and key in job.failure_reason
    bench.engine.close()  # after that nobody changes the folders
    assert not list(bench.home.parent.rglob("escaped.txt"))


def test_keys_that_no_folder_can_hold_together_fail_with_the_reason(bench):
    bench.put("d/a", "a file")
    bench.put("d/a/b", "and a file below it")
    job = run(bench, channel(f"s3://{bench.bucket}/d/"))
    assert job.status == "Failed" and job.failure_reason.startswith("ClientError: Data download failed")


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"InputMode": "Pipe"}, "Pipe"),
        ({"kind": "AugmentedManifestFile"}, "AugmentedManifestFile"),
        ({"DataSource": {"FileSystemDataSource": {"FileSystemId": "fs-1"}}}, "FileSystemDataSource"),
    ],
)
def test_what_is_not_there_is_refused_by_name(bench, members, named):
    kind = members.pop("kind", "S3Prefix")
    job = run(bench, {**channel(bench.put("d/x", "1"), kind=kind), **members})
    assert job.status == "Failed" and named in job.failure_reason and "'training'" in job.failure_reason


def test_opt_ml_in_hyperparameters_becomes_the_jobs_folder(bench):
    script = """
        import os, sys
        root = os.environ["SAGEMAKER_BASE_DIR"]
        assert sys.argv[2] == root + "/checkpoints", sys.argv
        assert os.environ["SM_HP_OTHER"] == "/data/opt/ml", os.environ["SM_HP_OTHER"]
    """
    job = bench.run(
        textwrap.dedent(script), hyperparameters={"dir": '"/opt/ml/checkpoints"', "other": "/data/opt/ml"}
    )
    assert job.status == "Completed", job.failure_reason
    assert job.describe()["HyperParameters"]["dir"] == '"/opt/ml/checkpoints"'


def member(name: str, kind=tarfile.REGTYPE, link: str = "", data: bytes = b"x") -> tuple:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    return info, data


BAD_MEMBERS = {
    "parent": [member("../escaped.txt")],
    "parent inside": [member("a/../../escaped.txt")],
    "absolute": [member("/tmp/escaped.txt")],
    "link out": [member("link", tarfile.SYMTYPE, "../../..")],
    "absolute link": [member("link", tarfile.SYMTYPE, "/etc")],
    "through a link": [member("here", tarfile.SYMTYPE, "."), member("here/x.txt")],
    "link to a link": [member("a", tarfile.SYMTYPE, "."), member("b", tarfile.SYMTYPE, "a/..")],
    "hard link out": [member("hard", tarfile.LNKTYPE, "../../x")],
    "device": [member("null", tarfile.CHRTYPE)],
    "fifo": [member("pipe", tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("case", BAD_MEMBERS)
def test_a_source_archive_that_would_leave_its_folder_is_refused(bench, case):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info, data in [member("train.py", data=b"print('ran')"), *BAD_MEMBERS[case]]:
            tar.addfile(info, io.BytesIO(data))
    uri = bench.put("evil.tar.gz", buffer.getvalue())
    job = bench.run(hyperparameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": uri})
    assert job.status == "Failed" and "was not extracted" in job.failure_reason
    assert uri in job.failure_reason and "ran" not in bench.log(job)
    bench.engine.close()  # after that nobody changes the folders
    assert not list(bench.home.parent.rglob("escaped.txt"))


def test_links_and_modes_within_a_source_archive_survive(bench):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info, data in [
            member("./pkg/tool.sh", data=b"#!/bin/sh\necho tool ran\n"),
            member("./run", tarfile.SYMTYPE, "pkg/tool.sh"),
            member("./train.py", data=b"import subprocess; subprocess.run(['./run'], check=True)"),
        ]:
            info.mode = 0o755
            tar.addfile(info, io.BytesIO(data))
    uri = bench.put("good.tar.gz", buffer.getvalue())
    job = bench.run(hyperparameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": uri})
    assert job.status == "Completed", job.failure_reason
    assert "tool ran" in bench.log(job)


@pytest.mark.parametrize("body", [b"", b"no archive", tarball({"train.py": "x" * 9999})[:60]],
                         ids=["empty", "no archive", "cut short"])  # fmt: skip
def test_a_source_archive_that_is_none_fails_the_job(bench, body):
    uri = bench.put("broken.tar.gz", body)
    job = bench.run(hyperparameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": uri})
    assert job.status == "Failed" and "cannot be read as a gzipped tar file" in job.failure_reason


def test_a_missing_source_archive_fails_with_its_uri(bench):
    uri = f"s3://{bench.bucket}/gone.tar.gz"
    job = bench.run(hyperparameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": uri})
    assert job.status == "Failed" and uri in job.failure_reason


def test_the_script_may_be_named_by_the_environment_and_its_directory_may_not(bench):
    """What the toolkit does: test_raw_jobs.py asks it."""
    uri = bench.put("env.tar.gz", tarball({"train.py": "print('from the environment')"}))
    by_name = {"SAGEMAKER_PROGRAM": "train.py"}
    job = bench.run(Environment=by_name, hyperparameters={"sagemaker_submit_directory": uri})
    assert job.status == "Completed", job.failure_reason
    assert "from the environment" in bench.log(job)
    lost = bench.run(Environment={**by_name, "SAGEMAKER_SUBMIT_DIRECTORY": uri})
    assert lost.status == "Failed" and "train.py" in lost.failure_reason


@pytest.mark.parametrize("path", ["code.tar.gz", "", "train.py"])
def test_the_source_directory_may_lie_in_a_channel(bench, path):
    """As an archive, as a folder, as one script."""
    if path == "code.tar.gz":
        uri = bench.put("code/code.tar.gz", tarball({"train.py": "print('from the channel')"}))
    else:
        uri = bench.put("files/train.py", "print('from the channel')")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri.rpartition("/")[0] + "/"}}
    job = bench.run(
        hyperparameters={
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"/opt/ml/input/data/code/{path}".rstrip("/"),
        },
        InputDataConfig=[{"ChannelName": "code", "DataSource": source}],
    )
    assert job.status == "Completed", job.failure_reason
    assert "from the channel" in bench.log(job)


def test_a_source_directory_that_no_channel_brings_fails_the_job_with_its_name(bench):
    given = {"sagemaker_program": "train.py", "sagemaker_submit_directory": "/opt/ml/input/data/code/gone.gz"}
    job = bench.run(hyperparameters=given)
    assert job.status == "Failed" and "'gone.gz', which cannot be read" in job.failure_reason
