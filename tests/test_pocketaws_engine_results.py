"""What a training job leaves: archives at AWS's keys, plain files, checkpoints; and the model cache."""

import gzip
import hashlib
import os
import textwrap
from pathlib import Path

import pytest
from engine_aid import a_bare_aws, a_bench  # noqa: F401  (fixtures)
from huggingface_hub import snapshot_download
from pocketaws import hub_cache
from pocketaws.training import artifacts, checkpoints
from pocketaws.training.checkpoints import CheckpointSync

RESULTS = """
import os, sys
model, output = os.environ["SM_MODEL_DIR"], os.environ["SM_OUTPUT_DATA_DIR"]
os.makedirs(model + "/sub/empty"); open(model + "/sub/weights.bin", "wb").write(b"w" * 100)
os.symlink("weights.bin", model + "/sub/latest"); os.symlink(os.path.abspath("train.py"), model + "/code.py")
open(output + "/metrics.json", "w").write("{}")
"""


def test_model_and_output_archives_lie_at_awss_keys(bench):
    job = bench.run(RESULTS, OutputDataConfig={"S3OutputPath": f"s3://{bench.bucket}/results/"})
    prefix = f"results/{job.name}/output/"
    assert bench.keys("results/") == [prefix + "model.tar.gz", prefix + "output.tar.gz"]
    answer = job.describe()["ModelArtifacts"]
    assert answer == {"S3ModelArtifacts": f"s3://{bench.bucket}/{prefix}model.tar.gz"}
    found = bench.archive(prefix + "model.tar.gz")
    assert found["sub/weights.bin"] == b"w" * 100
    assert found["code.py"].decode() == RESULTS  # a link that would be broken elsewhere is the file itself
    assert bench.archive(prefix + "output.tar.gz") == {"metrics.json": b"{}"}


def test_an_empty_model_folder_makes_no_object_and_no_output_either(bench):
    job = bench.run("pass")
    assert job.status == "Completed" and bench.keys("results/") == []
    assert job.describe()["ModelArtifacts"]["S3ModelArtifacts"].endswith("/output/model.tar.gz")


def test_a_failed_job_keeps_its_output_but_no_model(bench):
    job = bench.run(RESULTS + "\nraise RuntimeError('after all')")
    assert job.status == "Failed" and "after all" in job.failure_reason
    assert bench.keys("results/") == [f"results/{job.name}/output/output.tar.gz"]
    assert "ModelArtifacts" not in job.describe()


def test_without_compression_the_files_lie_below_the_prefix(bench):
    output = {"S3OutputPath": f"s3://{bench.bucket}/results", "CompressionType": "NONE"}
    job = bench.run(RESULTS, OutputDataConfig=output)
    prefix = f"results/{job.name}/output/"
    assert bench.keys("results/") == [
        prefix + name
        for name in ("data/metrics.json", "model/code.py", "model/sub/latest", "model/sub/weights.bin")
    ]
    assert job.model_artifacts == f"s3://{bench.bucket}/{prefix}model/"


def test_an_archive_of_many_parts_arrives_whole(bench):
    """40 MB that do not shrink: five parts, so a wrong order or a lost part would show."""
    script = """
        import hashlib, os
        data = os.urandom(40_000_000)
        open(os.environ["SM_MODEL_DIR"] + "/w", "wb").write(data)
        print(hashlib.sha1(data).hexdigest())
    """
    job = bench.run(textwrap.dedent(script))
    assert job.status == "Completed", job.failure_reason
    whole = bench.archive(f"results/{job.name}/output/model.tar.gz")["w"]
    assert hashlib.sha1(whole).hexdigest() in bench.log(job)
    head = bench.s3.head_object(Bucket=bench.bucket, Key=f"results/{job.name}/output/model.tar.gz")
    assert head["ETag"].strip('"').endswith("-5")


def test_results_that_cannot_be_uploaded_fail_the_job_and_say_where_to(bench):
    job = bench.run(RESULTS, OutputDataConfig={"S3OutputPath": "s3://no-such-bucket-at-all/x"})
    assert job.status == "Failed"
    assert "s3://no-such-bucket-at-all/x" in job.failure_reason and "NoSuchBucket" in job.failure_reason


def test_an_archive_is_aborted_when_a_file_cannot_be_read(bench, tmp_path):
    (tmp_path / "big").write_bytes(os.urandom(9 << 20))
    found = {"big": tmp_path / "big", "gone": tmp_path / "gone"}
    with pytest.raises(FileNotFoundError):
        artifacts._upload_tar(bench.s3, bench.bucket, "broken.tar.gz", found)
    assert bench.keys("broken") == []
    assert "Uploads" not in bench.s3.list_multipart_uploads(Bucket=bench.bucket)


def config(bench, **more) -> dict:
    return {"S3Uri": f"s3://{bench.bucket}/checkpoints/run", **more}


def test_checkpoints_are_restored_synced_while_the_job_runs_and_at_its_end(bench):
    bench.put("checkpoints/run/step-1/state", "1")
    script = """
        import os, signal, sys
        folder = sys.argv[2]
        print("found", open(folder + "/step-1/state").read())
        os.makedirs(folder + "/step-2"); open(folder + "/step-2/state", "w").write("2")
        def end(*_):
            open(folder + "/last", "w").write("3"); sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("running")
        while True: signal.pause()
    """
    job = bench.start(
        bench.request(
            {"train.py": textwrap.dedent(script)},
            hyperparameters={"checkpoint_dir": "/opt/ml/checkpoints"},
            CheckpointConfig=config(bench),
        )
    )
    assert "found 1" in bench.until_logged(job, "running")
    bench.s3.get_waiter("object_exists").wait(
        Bucket=bench.bucket, Key="checkpoints/run/step-2/state", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    assert not job.ended.is_set()
    job.request_stop()
    bench.engine.stop(job)
    assert job.ended.wait(20) and job.status == "Stopped"
    assert bench.get("checkpoints/run/last") == b"3"
    assert bench.get("checkpoints/run/step-1/state") == b"1"


def test_a_local_path_of_ones_own_leads_to_the_checkpoints_too(bench):
    script = "import os, sys; open(sys.argv[2] + '/c', 'w').write(os.environ['WHERE'])"
    job = bench.run(
        script,
        hyperparameters={"dir": '"/my/checkpoints"'},
        Environment={"WHERE": "/my/checkpoints/x"},
        CheckpointConfig=config(bench, LocalPath="/my/checkpoints"),
    )
    assert job.status == "Completed", job.failure_reason
    assert bench.get("checkpoints/run/c").decode().endswith(f"{job.name}/algo-1/checkpoints/x")


def test_checkpoints_of_a_failed_job_are_kept(bench):
    script = "import sys; open(sys.argv[2] + '/c', 'w').write('1'); sys.exit(1)"
    job = bench.run(script, hyperparameters={"dir": "/opt/ml/checkpoints"}, CheckpointConfig=config(bench))
    assert job.status == "Failed" and bench.get("checkpoints/run/c") == b"1"


def test_a_file_that_is_still_growing_waits_for_the_next_look(bench, tmp_path):
    sync = CheckpointSync(bench.s3, f"s3://{bench.bucket}/c", tmp_path)
    (tmp_path / "half").write_text("half")
    looks = [sync._look()]
    (tmp_path / "half").write_text("half and more")
    looks.append(sync._look())
    assert looks[0] != looks[1]
    sync._seen = looks[0]
    settled = {name: state for name, state in looks[1].items() if sync._seen.get(name) == state}
    assert settled == {}
    sync.finish()
    assert bench.get("c/half") == b"half and more"
    assert checkpoints.LOOK_EVERY_S <= 1


def test_jobs_find_the_shipped_models_by_their_hub_id(bench, tmp_path, monkeypatch):
    shipped = tmp_path / "models"
    (shipped / "tiny").mkdir(parents=True)
    (shipped / "tiny" / "config.json").write_text('{"model_type": "llama"}')
    users = tmp_path / "users" / "models--someone--else"
    users.mkdir(parents=True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "users"))
    monkeypatch.setattr(hub_cache, "SHIPPED", shipped)
    monkeypatch.setattr(hub_cache.prepare, "__defaults__", (shipped,))
    script = """
        import os, pathlib
        cache = pathlib.Path(os.environ["HF_HUB_CACHE"])
        place = cache / "models--pocketaws--tiny"
        revision = (place / "refs" / "main").read_text()
        print(len(revision), (place / "snapshots" / revision / "config.json").read_text())
        print((cache / "models--someone--else").is_dir())
    """
    job = bench.run(textwrap.dedent(script))
    assert job.status == "Completed", job.failure_reason
    assert {'40 {"model_type": "llama"}', "True"} <= set(bench.log(job))


def test_a_model_that_changed_gets_a_new_revision_and_others_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    shipped, cache = tmp_path / "models", tmp_path / "hub"
    (shipped / "tiny").mkdir(parents=True)
    (shipped / "tiny" / "config.json").write_text("{}")
    assert hub_cache.prepare(cache, shipped) == ["pocketaws/tiny"]
    found = snapshot_download("pocketaws/tiny", cache_dir=cache, local_files_only=True)
    assert (Path(found) / "config.json").read_text() == "{}"
    main = cache / "models--pocketaws--tiny" / "refs" / "main"
    first = main.read_text()
    hub_cache.prepare(cache, shipped)
    assert main.read_text() == first
    (shipped / "tiny" / "config.json").write_text('{"a": 1}')
    hub_cache.prepare(cache, shipped)
    assert main.read_text() != first


def test_archives_are_gzip_that_anybody_can_read(bench):
    job = bench.run(RESULTS)
    assert gzip.decompress(bench.get(f"results/{job.name}/output/model.tar.gz"))[257:262] == b"ustar"
