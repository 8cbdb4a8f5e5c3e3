"""What a server makes of each thing that the one before left half done, and of a store that is damaged."""

import contextlib
import json
import shutil
import types
from datetime import datetime, timedelta, timezone

import pytest
from bedrock_api import BedrockApi, FakeServing
from hosting_api import container
from local_server import FakeEngine, FakeHosting, until
from pocketaws import endings, restart
from pocketaws.bedrock.tables import new_id
from pocketaws.hub_cache import SHIPPED
from pocketaws.keeping import cut_off, json_values
from pocketaws.keeping.kept import Kept
from pocketaws.sagemaker.metric_series import MetricSeries
from pocketaws.state import State

ENDED_AT = datetime.now(timezone.utc) + timedelta(hours=1)  # later than anything that a test does


@pytest.fixture
def aws(tmp_path):
    """A gateway with fake engines, whose store is closed by the test, or after it."""
    with contextlib.closing(BedrockApi(tmp_path)) as made:
        yield made
        made.state.store.close()


def next_server(aws, resume=True) -> State:
    """The state of a server that starts on the home of another that was killed just now."""
    aws.state.store.close()
    state = State(aws.home, "us-east-1")
    state._engine, state._hosting, state._serving = FakeEngine(), FakeHosting(), FakeServing()
    restart.read(state, ENDED_AT)
    if resume:
        restart.resume(state)
    return state


@pytest.fixture
def after(aws):
    """after(): next_server(aws), closed at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda **more: stack.enter_context(_closed(next_server(aws, **more)))


@contextlib.contextmanager
def _closed(state):
    try:
        yield state
    finally:
        state.store.close()


def test_what_bedrock_keeps_is_the_same_to_the_last_member_with_its_weights(aws, after):
    job = aws.tuned(clientRequestToken="token", jobTags=[{"key": "a", "value": "b"}],
                    validationDataConfig={"validators": [{"s3Uri": "s3://learner/val.jsonl"}]})  # fmt: skip
    aws.deployed(job, "deployed")
    aws.bedrock.create_provisioned_model_throughput(
        provisionedModelName="bought", modelId=job.output_model_arn, modelUnits=1
    )
    (bought,) = aws.state.bedrock.provisioned.all()
    until(lambda: bought.status == "InService")
    before = {each.arn: each.describe() for table in aws.state.bedrock.every() for each in table.all()}
    record = aws.state.bedrock.provisioned_record.read_text()
    state = after()
    found = {each.arn: each for table in state.bedrock.every() for each in table.all()}
    assert len(before) == 4 and {arn: each.describe() for arn, each in found.items()} == before
    assert found[job.arn].token == "token" and found[job.arn].tags == {"a": "b"}
    (model,) = state.bedrock.custom_models.all()
    assert (model.folder / "model.safetensors").is_file() and not state.serving.asked
    assert state.bedrock.provisioned_record.read_text() == record


def test_a_deployment_that_was_being_made_or_changed_goes_on(aws, after):
    aws.serving.why = "not yet"
    made, bought = aws.tuned(), aws.tuned()
    aws.deployed(made, "first")
    (deployment,) = aws.state.bedrock.deployments.all()
    deployment.status, deployment.failure_message = "Creating", ""
    aws.bedrock.create_provisioned_model_throughput(
        provisionedModelName="bought", modelId=bought.output_model_arn, modelUnits=1
    )
    (throughput,) = aws.state.bedrock.provisioned.all()
    until(lambda: throughput.status == "Failed")
    throughput.status, throughput.failure_message = "Creating", ""
    aws.serving.why = ""
    aws.deployed(made, "second")
    changed = aws.state.bedrock.deployments.find("second", "us-east-1", aws.state.account)
    with changed.changing():
        changed.coming = aws.state.bedrock.custom_models.by_arn(bought.output_model_arn)
        changed.update = {"modelArn": bought.output_model_arn, "updateStatus": "Updating"}
    state = after()
    every = (*state.bedrock.deployments.all(), *state.bedrock.provisioned.all())
    until(lambda: {each.status for each in every} == {"Active", "InService"})
    second = state.bedrock.deployments.find("second", "us-east-1", state.account)
    until(lambda: second.describe()["updateDetails"]["updateStatus"] == "UpdateCompleted")
    assert second.model.arn == bought.output_model_arn


def test_a_job_that_was_cut_off_between_its_model_and_its_end_leaves_neither(aws, after):
    job = aws.tuned()
    with job.changing():  # as if the kill had come in the middle of custom_models.finish
        job.status, job.output_model_arn = "InProgress", None
    state = after()
    assert state.bedrock.custom_models.all() == [] and not list(state.bedrock.models_folder.iterdir())
    (cut,) = state.bedrock.customization_jobs.all()
    assert (cut.status, cut.failure_message) == ("Failed", cut_off.CUSTOMIZATION)
    assert cut.describe()["endTime"] == ENDED_AT
    with _closed(next_server_on(state)) as third:
        assert [each.status for each in third.bedrock.customization_jobs.all()] == ["Failed"], "for good"


def next_server_on(state) -> State:
    state.store.close()
    other = State(state.home, "us-east-1")
    restart.read(other, ENDED_AT + timedelta(hours=1))
    assert [each.describe() for each in other.bedrock.customization_jobs.all()] == [
        each.describe() for each in state.bedrock.customization_jobs.all()
    ]
    return other


def test_a_customization_that_was_being_stopped_is_stopped(aws, after):
    job = aws.create()
    job.begin("validation")
    job.request_stop()
    (found,) = after().bedrock.customization_jobs.all()
    assert found.status == "Stopped" and found.phases["validation"] == "Stopped" and found.ended.is_set()


def test_an_import_that_was_cut_off_is_failed_and_its_files_are_removed(aws, after):
    done = aws.imported(aws.put_model("merged"))
    job = aws.state.bedrock.import_jobs.by_arn(done["jobArn"])
    with job.changing():
        job.status, job.model_arn, job.ended_at = "InProgress", None, None
    half = aws.state.bedrock.models_folder / f"importing-{job.id}"
    shutil.copytree(SHIPPED / "chat-1m", half)
    state = after()
    (found,) = state.bedrock.import_jobs.all()
    assert (found.status, found.failure_message) == ("Failed", cut_off.IMPORT)
    assert state.bedrock.imported_models.all() == [] and not list(state.bedrock.models_folder.iterdir())


def test_weights_that_nobody_names_go_and_a_model_without_weights_goes_with_what_uses_it(aws, after, caplog):
    job, kept = aws.tuned(), aws.tuned()
    aws.deployed(job), aws.deployed(kept, "kept")
    folder = aws.state.bedrock.models_folder
    shutil.rmtree(folder / job.output_model_arn.rpartition("/")[2])
    (folder / new_id()).mkdir()
    state = after()
    assert [each.arn for each in state.bedrock.custom_models.all()] == [kept.output_model_arn]
    assert [each.name for each in state.bedrock.deployments.all()] == ["kept"]
    assert len(list(folder.iterdir())) == 1
    assert "its weights are gone" in caplog.text and "is set aside: it belongs to" in caplog.text


def test_an_entry_that_cannot_be_read_costs_that_entry_alone(aws, after, caplog):
    aws.client("sagemaker").create_experiment(ExperimentName="one")
    for name in ("two", "three"):
        aws.client("sagemaker").create_experiment(ExperimentName=name)
    one, two, _ = aws.state.experiments.all()
    aws.state.store.put("experiment", one.arn, b'{"name": "one"')
    aws.state.store.put("experiment", two.arn, b'{"name": "two"}')
    state = after()
    assert [each.name for each in state.experiments.all()] == ["three"]
    assert "it has no region, account" in caplog.text and "JSONDecodeError" in caplog.text


def test_what_was_deleted_stays_deleted_with_its_metrics(aws, after):
    sagemaker, metrics = aws.client("sagemaker"), aws.client("sagemaker-metrics")
    for name in ("gone", "there"):
        sagemaker.create_trial_component(TrialComponentName=name)
        metrics.batch_put_metrics(TrialComponentName=name, MetricData=[
            {"MetricName": "loss", "Timestamp": ENDED_AT, "Value": 0.1 * number} for number in range(9)
        ])  # fmt: skip
    gone = aws.state.trial_components.find("gone", "us-east-1", aws.state.account)
    sagemaker.delete_trial_component(TrialComponentName="gone")
    gone.tags = {"late": "change"}
    sagemaker.create_trial_component(TrialComponentName="gone")  # another one
    before = aws.state.trial_components.all()[0].describe()
    state = after()
    there, anew = state.trial_components.all()
    assert anew.describe()["Metrics"] == [] and anew.tags == {}
    assert there.describe() == before and there.describe()["Metrics"][0]["Count"] == 9
    assert [key for key, _ in state.store.items("metric-values")] == [f"{there.arn} 0"]


def test_an_endpoint_that_was_being_deleted_is_gone_with_what_waited_for_it(aws, after):
    state = aws.state
    sagemaker = aws.client("sagemaker")
    trust = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}}'  # noqa: E501
    role = aws.make_role("hosts", trust)
    aws.s3.put_object(Bucket="learner", Key="models/model.tar.gz", Body=b"x")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer=container())
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    output = {"OutputConfig": {"S3OutputPath": "s3://learner/answers"}}
    sagemaker.create_endpoint_config(
        EndpointConfigName="c", ProductionVariants=[variant], AsyncInferenceConfig=output
    )
    for name in ("stays", "goes"):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="c")
        aws.hosting.settle()
    stays, goes = state.endpoints.all()
    runtime = aws.client("sagemaker-runtime")
    aws.hosting.invoke = lambda *_, **__: pytest.fail("nobody is to be asked")
    state.async_queues._queue_of(goes, state)._workers = 99  # the request waits
    runtime.invoke_endpoint_async(EndpointName="goes", Body=b"{}", ContentType="application/json")
    sagemaker.delete_endpoint(EndpointName="goes")
    found = after()
    assert [each.name for each in found.endpoints.all()] == ["stays"]
    assert not found.async_queues.left()
    (method, endpoint), = found.hosting.restored  # fmt: skip
    assert method == "restore" and endpoint.status == "SystemUpdating"
    assert endpoint.describe() == {**stays.describe(), "EndpointStatus": "SystemUpdating"}


def test_seconds_on_instances_leave_out_the_time_without_them():
    start = datetime(2026, 11, 22, tzinfo=timezone.utc)
    steps = [("Starting", 0), ("Downloading", 10), ("Training", 12), ("Interrupted", 40), ("Starting", 50),
             ("Downloading", 60), ("Training", 61)]  # fmt: skip
    steps = [{"Status": name, "StartTime": start + timedelta(seconds=at)} for name, at in steps]
    assert endings.on_instances_s(steps, start + timedelta(seconds=100)) == 30 + 40
    assert endings.on_instances_s(steps[:4], start + timedelta(seconds=100)) == 30
    assert endings.on_instances_s(steps[:1], start + timedelta(seconds=100)) == 0


def test_json_brings_every_kind_of_value_back():
    value = {
        "time": datetime(2026, 11, 22, 8, 30, 0, 123456, tzinfo=timezone.utc), "tuple": ("a", ("b",)),
        "set": {"x", "y"}, "bytes": b"\x00\xff", "float": 0.1 + 0.2, "tiny": 5e-324, "none": None,
        "yes": True, "empty": {}, "$odd": {"$time": "a dict of the user's"}, "numbers": {1: "a"},
        "text": "ä\ud83d",
    }  # fmt: skip
    found = json_values.read(json_values.write(value), lambda reference: None)
    assert found == value and type(found["tuple"]) is tuple
    for broken in (b"", b"[", b'{"$new": 1}', b'{"$time": 5}', b'{"$EndpointSpec": {}}'):
        with pytest.raises(json_values.Unreadable):
            json_values.read(broken, lambda reference: None)


def test_a_change_of_several_members_is_one_entry_and_a_full_disk_ends_nothing(caplog):
    class Thing(Kept):
        KEPT = ("arn", "a", "b")
        arn, a, b = "arn:x", 1, 1

    class Entries(list):
        def put(self, kind, key, text):
            if self.full:
                raise OSError("No space left on device")
            self.append(json.loads(text))

    entries, thing = Entries(), Thing()
    entries.full = False
    thing.unkept()
    thing.keep_in(entries, "thing")
    with thing.changing():
        thing.a = 2
        with thing.changing():
            thing.b = 2
    assert [(each["a"], each["b"]) for each in entries] == [(1, 1), (2, 2)]
    entries.full = True
    thing.a = 3
    assert thing.a == 3 and "thing arn:x could not be kept: No space left" in caplog.text
    entries.full = False
    thing.b = 3
    assert entries[-1] == {"arn": "arn:x", "a": 3, "b": 3}


def test_what_is_deleted_while_it_changes_is_not_kept_again():
    class Thing(Kept):
        KEPT = ("arn", "a")
        arn, a = "arn:x", 1

    class DeletedFirst:
        def __enter__(self):
            thing._store = None  # as forget() does, which had the lock

        def __exit__(self, *_):
            pass

    thing, entries = Thing(), []
    thing.unkept()
    thing.keep_in(types.SimpleNamespace(put=lambda *entry: entries.append(entry)), "thing")
    thing._lock = DeletedFirst()
    thing.a = 2
    assert thing.a == 2 and len(entries) == 1


def test_metrics_go_on_from_where_they_were_with_the_same_figures():
    class Entries(dict):
        def put(self, kind, key, text):
            self[key] = text

    store, series, again = Entries(), MetricSeries(), MetricSeries()
    series.keep_in(store, "arn:job")
    for number in range(20):
        series.add_all([("loss", 1 / (number + each + 3), ENDED_AT, number) for each in range(7)])
    entries = {int(key.split()[1]): json_values.read(text, None) for key, text in store.items()}
    again.read(store, "arn:job", entries)
    assert again.summaries("arn:job") == series.summaries("arn:job")
    assert again.points("loss") == series.points("loss")
    again.add("loss", 1.0, ENDED_AT)
    assert len(store) == 21
