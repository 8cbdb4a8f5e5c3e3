"""A job that has run or runs is found again by what it is made of, and is not started twice."""

import contextlib
import functools
import json
from types import SimpleNamespace

import pytest
from bedrock_api import BedrockApi
from local_server import until
from training_api import TrainingApi, channel, request_for
from tuneaws import bedrock_models, once, variants

CODE = {"train.py": "print(1)"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with contextlib.closing(TrainingApi(tmp_path_factory.mktemp("home"))) as made:
        yield made


@pytest.fixture
def source(tmp_path):
    (tmp_path / "train.py").write_text("print(1)")
    return tmp_path


def request(aws, rows="uploads/one", **changes) -> dict:
    """A request whose name stands in its addresses too, as lesson 07 has it."""
    made = request_for(aws, **changes)
    name = made["TrainingJobName"]
    session(aws).client("s3").put_object(Bucket="learner", Key=f"{rows}/{name}/a.jsonl", Body=b"{}")
    made["InputDataConfig"] = [channel("training", f"s3://learner/{rows}/{name}/")]
    made["CheckpointConfig"] = {"S3Uri": f"s3://learner/checkpoints/{name}"}
    return made


def session(aws):
    """A session with each client made once: a new one reads botocore's model anew, for half a second."""
    if not hasattr(aws, "session"):
        aws.session = SimpleNamespace(client=functools.cache(aws.client), where="local")
    return aws.session


def test_a_completed_job_is_found_a_running_one_too_and_a_failed_one_is_run_again(aws, source, capsys):
    first = request(aws)
    assert once.start(session(aws), first, source) == first["TrainingJobName"]
    second = request(aws)
    assert once.start(session(aws), second, source) == first["TrainingJobName"], "it runs"
    aws.job(first["TrainingJobName"]).fail("InternalServerError: the local AWS ended")
    assert once.start(session(aws), second, source) == second["TrainingJobName"]
    model = f"out/{second['TrainingJobName']}/output/model.tar.gz"
    session(aws).client("s3").put_object(Bucket="learner", Key=model, Body=b"m")
    aws.job(second["TrainingJobName"]).model_artifacts = f"s3://learner/{model}"
    aws.job(second["TrainingJobName"]).move("Completed")
    third = request(aws)
    assert once.start(session(aws), third, source) == second["TrainingJobName"]
    assert "has done this already: no second job" in capsys.readouterr().out
    assert once.start(session(aws), third, source, again=True) == third["TrainingJobName"]
    aws.job(third["TrainingJobName"]).fail("no")
    session(aws).client("s3").delete_object(Bucket="learner", Key=model)
    fourth = request(aws)
    assert once.start(session(aws), fourth, source) == fourth["TrainingJobName"], "the model is gone"


def test_another_byte_of_the_data_or_the_code_another_machine_or_another_lesson_is_another_job(aws, source):
    s3, code = session(aws).client("s3"), "hash"
    asked = request(aws, "uploads/two", Tags=[{"Key": "lesson", "Value": "04"}])
    keys = [once.made_of(s3, asked, code), once.made_of(s3, asked, "another")]
    keys.append(once.made_of(s3, {**asked, "Tags": [{"Key": "lesson", "Value": "05"}]}, code))
    machine = {**asked["ResourceConfig"], "InstanceType": "ml.m5.xlarge"}
    keys.append(once.made_of(s3, {**asked, "ResourceConfig": machine}, code))
    keys.append(once.made_of(s3, {**asked, "EnableManagedSpotTraining": True}, code))
    assert once.made_of(s3, {**asked, "CheckpointConfig": {"S3Uri": "s3://learner/other"}}, code) == keys[0]
    name = asked["TrainingJobName"]
    s3.put_object(Bucket="learner", Key=f"uploads/two/{name}/a.jsonl", Body=b"{ }")
    keys.append(once.made_of(s3, asked, code))
    assert len(set(keys)) == len(keys) == 6


def test_where_the_data_and_the_packed_code_lie_does_not_matter(aws):
    s3 = session(aws).client("s3")
    first, other = request(aws, "uploads/there"), request(aws, "uploads/elsewhere")
    for each in (first, other):
        submitted = f"s3://learner/code/{each['TrainingJobName']}/source.tar.gz"
        each["HyperParameters"] = {once.CODE: json.dumps(submitted), "epochs": "1"}
    other["TrainingJobName"] += "-local"
    assert once.made_of(s3, first, "code") == once.made_of(s3, other, "code")
    other["HyperParameters"]["epochs"] = "2"
    assert once.made_of(s3, first, "code") != once.made_of(s3, other, "code")


def test_a_tuning_job_is_found_while_it_runs_and_begun_again_once_it_was_stopped(aws, source, capsys):
    asked = request(aws, "uploads/tuning")
    asked["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "eval:loss", "Regex": "loss=([0-9.]+)"}]
    price, space = SimpleNamespace(usd_per_hour=1.0), {"learning_rate": [1e-3, 2e-3]}

    def search(name: str, cap_usd: float = 5, **more) -> str:
        tuning = variants.tuning_request(asked, name, space, max_jobs=1, parallel=1)
        return once.search(session(aws), tuning, source, price, cap_usd, **more)

    with pytest.raises(variants.CapError):
        search("dear", cap_usd=0.01)
    assert search("one") == "one" == search("two")
    assert "one does this already" in capsys.readouterr().out
    aws.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="one")
    until(lambda: aws.state.tuning_jobs.find("one", "us-east-1", aws.state.account).launched(), 20)
    aws.end_all()
    assert aws.state.tuning_jobs.find("one", "us-east-1", aws.state.account).ended.wait(20)
    assert search("two") == "two" and search("three", again=True) == "three"
    aws.end_all()


def test_an_estimator_is_given_the_job_that_has_run_and_keeps_its_own_tags(aws, source):
    made = request(aws, "uploads/three")

    class Estimator:
        source_dir, tags, sagemaker_session = str(source), [{"Key": "a", "Value": "b"}], None
        latest_training_job = None
        fitted = 0

        def request(self, inputs, job_name):
            text = {**made, "TrainingJobName": job_name, "InputDataConfig": [channel("training", inputs)]}
            return {**text, "Tags": self.tags, "OutputDataConfig": {"S3OutputPath": f"s3://learner/{job_name}"}}

        def fit(self, inputs, wait):
            self.fitted += 1
            name = f"fitted-{self.fitted}"
            aws.sagemaker.create_training_job(**{**self.request(inputs, name), "TrainingJobName": name})
            self.latest_training_job = SimpleNamespace(name=name)

    uri = made["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]
    first, second = Estimator(), Estimator()
    assert once.fit(session(aws), first, uri) == "fitted-1"
    assert first.tags == [{"Key": "a", "Value": "b"}]
    aws.job("fitted-1").move("Completed")
    assert once.fit(session(aws), second, uri) == "fitted-1" == second.latest_training_job.name
    assert (first.fitted, second.fitted) == (1, 0)


def test_a_customization_is_found_unless_its_model_was_deleted(tmp_path):
    with contextlib.closing(BedrockApi(tmp_path)) as aws:
        asked = {**aws.request(), "jobTags": [{"key": "course", "value": "tuneaws"}]}
        job = aws.state.bedrock.customization_jobs
        started = once.tune(session(aws), asked)
        renamed = {**asked, "jobName": "another", "customModelName": "another"}
        assert once.tune(session(aws), renamed)["jobArn"] == started["jobArn"], "it runs"
        job.by_arn(started["jobArn"]).fail("the local AWS ended")
        again = once.tune(session(aws), renamed)
        assert again["jobName"] == "another" and len(aws.tuning.started) == 2
        tuned = aws.tuned(jobTags=asked["jobTags"])
        renamed = {**aws.request(), "jobTags": asked["jobTags"]}
        key = once.made_of(aws.s3, renamed)
        aws.bedrock.tag_resource(resourceARN=tuned.arn, tags=[{"key": once.TAG, "value": key}])
        aws.state.bedrock.customization_jobs.by_arn(again["jobArn"]).fail("no")
        assert once.tune(session(aws), renamed)["jobArn"] == tuned.arn
        aws.bedrock.delete_custom_model(modelIdentifier=tuned.output_model_arn)
        assert once.tune(session(aws), renamed)["jobName"] == renamed["jobName"]


def test_an_import_is_found_unless_its_model_was_deleted(tmp_path):
    with contextlib.closing(BedrockApi(tmp_path)) as aws:
        uri, role = aws.put_model("merged"), aws.import_role()
        asked = bedrock_models.import_request("one", role, uri, {"course": "tuneaws"})
        first = once.bring_in(session(aws), asked)
        model = bedrock_models.wait(aws.bedrock, first, show=False)["importedModelArn"]
        renamed = bedrock_models.import_request("two", role, uri, {"course": "tuneaws"})
        assert once.bring_in(session(aws), renamed) == first
        aws.bedrock.delete_imported_model(modelIdentifier=model)
        assert once.bring_in(session(aws), renamed) != first
