"""HuggingFaceModel, HuggingFacePredictor and deploy(): arguments, repacking, errors, and a whole run.

What they send is compared with SDK 2 in test_deploy_against_sdk2.py.
"""

import io
import os
import random
import tarfile
import tracemalloc
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EventStreamError
from sdk3_drivers import VERSIONS, what_it_saw
from test_huggingface_estimator import FakeLogs, FakeSession, client_error, estimator
from tuneaws.estimator import hosting_request, images, repack
from tuneaws.hosting import send, wait
from tuneaws.hosting.async_predictor import (
    AsyncAnswerError,
    AsyncInferenceResponse,
    AsyncPredictor,
    WaiterConfig,
)
from tuneaws.hosting.codec import JSONDeserializer
from tuneaws.hosting.errors import words_of
from tuneaws.hosting.stream import ByteIterator, LineIterator
from tuneaws.huggingface import HuggingFaceModel, HuggingFacePredictor, InvocationError, QuotaError

ROLE = "arn:aws:iam::123456789012:role/course"
BASE = {
    "role": ROLE, "model_data": "s3://bucket/model.tar.gz", "transformers_version": "4.51.3",
    "pytorch_version": "2.6.0", "py_version": "py312",
}  # fmt: skip
ON = {"initial_instance_count": 1, "instance_type": "ml.m5.xlarge"}


def model(**changes) -> HuggingFaceModel:
    return HuggingFaceModel(**{**BASE, **changes}, sagemaker_session=FakeSession())


@pytest.fixture
def serving(tmp_path, monkeypatch):
    """A folder with serve/inference.py, which is the working directory."""
    (tmp_path / "serve").mkdir()
    (tmp_path / "serve" / "inference.py").write_text("x = 1\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "lib.py").write_text("y = 2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# a whole run


@pytest.fixture(scope="module", params=VERSIONS)
def seen(request, local_aws) -> dict:
    """What tests/sdk3_endpoints.py saw under one SDK 3."""
    return what_it_saw("sdk3_endpoints.py", request.param, local_aws)


def test_a_trained_model_answers_streams_and_is_updated_under_its_name(seen):
    found = seen["deployed"]
    assert found["answer"] == {"answer": 42, "who": "first"} and found["lines"] == ["0", "7", "14"]
    assert found["updated"] == {"answer": 42, "who": "second"}
    assert found["tags"] == [{"Key": "project", "Value": "tests"}]
    assert "is there already and InService. Fix: deploy(…, update_endpoint=True)" in found["taken"]
    assert 'transformers_version="4.51.3", pytorch_version="2.6.0"' in found["without_versions"]
    changes = [line for line in seen["printed"] if " endpoint factors-" in line and line[:2] == "20"]
    assert [line.rpartition(" ")[2] for line in changes[:4]] == [
        "Creating",
        "InService",
        "Updating",
        "InService",
    ]


def test_an_error_of_the_script_reaches_the_caller_in_its_own_words(seen):
    error = seen["deployed"]["error"]
    assert error["said"] == "expected {'n': number}, got {'m': 1}" and error["status"] == 400
    assert error["is_client"] and "/aws/sagemaker/Endpoints/factors-" in error["text"]


def test_a_script_that_does_not_start_fails_with_its_last_error_and_its_log(seen):
    said = seen["failed"]
    assert "RuntimeError: no such luck" in said.partition("The end of its log")[2]
    assert "Failed. Reason:" in said and ".delete_endpoint()" in said


def test_a_registered_version_is_deployed_once_somebody_approved_it(seen):
    found = seen["registered"]
    assert found["arn"].endswith("/1") and "PendingManualApproval" in found["unapproved"]
    assert found["answer"] == {"answer": 14, "who": "third"}


def test_deleting_leaves_no_endpoint_no_config_and_no_model(seen):
    assert seen["deployed"]["left"] == [] and seen["registered"]["left"] == []


# repacking


def archive(**files: bytes) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer


def held(target: io.BytesIO) -> dict[str, bytes]:
    target.seek(0)
    with tarfile.open(fileobj=target) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}


def test_a_model_keeps_its_files_and_gets_the_code(serving):
    old = archive(**{"./weights.bin": b"w" * 9, "code/old.py": b"old", "link/../b.json": b"{}"})
    target = io.BytesIO()
    files = repack.code_files("inference.py", "serve", ["more"])
    done = repack.repack(target, files, "inference.py", old)
    assert held(target) == {
        "weights.bin": b"w" * 9,
        "b.json": b"{}",
        "code/inference.py": b"x = 1\n",
        "code/lib/more/lib.py": b"y = 2\n",
    }
    assert (done.model_files, done.code_files, done.replaced) == (2, 2, 1)


def test_the_same_model_and_code_give_the_same_bytes(serving):
    made = []
    for time_s in (1, 2):
        os.utime("serve/inference.py", (time_s, time_s))
        target = io.BytesIO()
        repack.repack(target, repack.code_files("inference.py", "serve"), "inference.py", archive(a=b"1"))
        made.append(target.getvalue())
    assert made[0] == made[1]


def test_code_alone_is_an_archive_too(serving):
    target = io.BytesIO()
    done = repack.repack(target, repack.code_files("serve/inference.py"), "inference.py")
    assert held(target) == {"code/inference.py": b"x = 1\n"} and done.model_files == 0


def test_memory_stays_small_however_large_the_model(serving):
    old = archive(**{"weights.bin": random.Random(0).randbytes(24_000_000)})
    with open("new.tar.gz", "wb") as target:
        tracemalloc.start()
        done = repack.repack(target, repack.code_files("inference.py", "serve"), "inference.py", old)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2_000_000 and done.size > 24_000_000


def evil(**members) -> io.BytesIO:
    info = tarfile.TarInfo(members.pop("name", "x"))
    for name, value in members.items():
        setattr(info, name, value)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(info)
    return buffer


@pytest.mark.parametrize(
    "members",
    [
        {"name": "/etc/passwd"},
        {"name": "../up"},
        {"name": "a/../../up"},
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"name": "a/x", "type": tarfile.SYMTYPE, "linkname": "../../up"},
        {"type": tarfile.LNKTYPE, "linkname": "../up"},
        {"type": tarfile.CHRTYPE},
        {"type": tarfile.FIFOTYPE},
    ],
)
def test_an_archive_that_leads_out_of_itself_is_refused(serving, members):
    with pytest.raises(ValueError, match="model_data holds .* Fix: don't use it"):
        repack.repack(
            io.BytesIO(), repack.code_files("inference.py", "serve"), "inference.py", evil(**members)
        )


def test_a_link_inside_the_archive_is_kept(serving):
    target = io.BytesIO()
    old = evil(name="a/latest", type=tarfile.SYMTYPE, linkname="../weights")
    repack.repack(target, repack.code_files("inference.py", "serve"), "inference.py", old)
    target.seek(0)
    assert tarfile.open(fileobj=target).getmember("a/latest").linkname == "../weights"


@pytest.mark.parametrize("cut", ["half", "no archive", "empty"])
def test_half_an_archive_is_refused_with_a_fix(serving, cut):
    whole = archive(a=random.Random(0).randbytes(200_000)).getvalue()
    broken = {"half": whole[: len(whole) // 2], "no archive": b"hello" * 99, "empty": b""}[cut]
    with pytest.raises(
        ValueError, match=r"model_data is not a whole \.tar\.gz.*Fix: an archive as a training job"
    ):
        files = repack.code_files("inference.py", "serve")
        repack.repack(io.BytesIO(), files, "inference.py", io.BytesIO(broken))


def test_a_script_that_is_nowhere_is_refused(serving):
    with pytest.raises(ValueError, match="entry_point='gone.py' is neither here nor in the archive's code/"):
        repack.repack(io.BytesIO(), repack.code_files("gone.py"), "gone.py", archive(a=b"1"), replace=False)
    with pytest.raises(ValueError, match="entry_point='gone.py' is not a file in source_dir 'serve'"):
        model(entry_point="gone.py", source_dir="serve").requests(**ON)


def test_a_model_that_is_not_in_s3_is_said_to_be_missing(serving):
    class Empty:
        def download_fileobj(self, *_, **__):
            raise client_error("404", "HeadObject")

    with pytest.raises(ValueError, match="s3://bucket/gone.tar.gz is not there"):
        repack.upload_repacked(Empty(), "s3://bucket/gone.tar.gz", "s3://b/k", "inference.py", "serve")


# arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"tensorflow_version": "2.6"}, "tensorflow_version='2.6'.*Fix: pytorch_version"),
        ({"git_config": {"repo": "x"}}, "git_config.*Fix: git clone"),
        ({"resources": object()}, "resources=.*inference components"),
        ({"additional_model_data_sources": [1]}, "additional_model_data_sources"),
        ({"model_reference_arn": "arn"}, "model_reference_arn.*deploy"),
        ({"transformers_version": None}, "transformers_version missing.*Fix"),
        ({"pytorch_version": 2.6}, "pytorch_version=2.6 is not a string"),
        ({"model_data": "model.tar.gz"}, "not in S3.*Fix"),
        ({"model_data": {"S3Uri": "s3://b"}}, "Fix:.*S3DataSource"),
        ({"model_data": {"S3DataSource": {"S3Uri": "s3://b/m/"}}, "entry_point": "i.py"}, "s3://b/m/code/"),
        ({"source_dir": "serve"}, "source_dir='serve' without entry_point"),
        ({"dependencies": ["more"]}, "dependencies=.* without entry_point"),
        ({"env": {"N": 4}}, r"env\['N'\]=4 is a int. Fix: '4'"),
        ({"vpc_config": {"Subnets": ["s"]}}, "vpc_config=.*SecurityGroupIds"),
        ({"name": "a_b"}, "model name 'a_b'.*Fix: 'a-b'"),
        ({"code_location": "bucket"}, "code_location='bucket' is not in S3"),
    ],
)
def test_what_a_model_cannot_do_is_refused_by_name(arguments, words):
    with pytest.raises(ValueError, match=words):
        model(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"instance_type": "local"}, "local mode, which needs Docker"),
        ({"initial_instance_count": None}, "both are needed"),
        ({"accelerator_type": "ml.eia1.medium"}, "accelerator_type='ml.eia1.medium'"),
        ({"inference_recommendation_id": "x"}, "inference_recommendation_id='x'"),
        ({"endpoint_type": "INFERENCE_COMPONENT_BASED"}, "endpoint_type=.*inference components"),
        ({"managed_instance_scaling": {"MaxInstanceCount": 2}}, "managed_instance_scaling"),
        ({"inference_component_name": "x"}, "inference_component_name"),
        ({"async_inference_config": {}}, "async_inference_config is a dict"),
        ({"routing_config": {"RoutingStrategy": "BEST"}}, "routing_config=.*LEAST_OUTSTANDING_REQUESTS"),
        ({"update_endpoint": True}, "update_endpoint=True without endpoint_name"),
        ({"endpoint_name": "a b"}, "endpoint name 'a b'"),
        ({"tags": "x"}, "tags='x'"),
        ({"serverless_inference_config": SimpleNamespace(_to_request_dict=dict)}, "give one"),
    ],
)
def test_what_deploy_cannot_do_is_refused_by_name(arguments, words):
    with pytest.raises(ValueError, match=words):
        model().requests(**{**ON, **arguments})


def test_an_unknown_argument_is_named_with_the_nearest_one():
    with pytest.raises(TypeError, match="HuggingFaceModel has no argument 'entrypoint'.*'entry_point'"):
        model(entrypoint="inference.py")
    with pytest.raises(
        TypeError, match="DeployArguments has no argument 'instance_count'.*initial_instance_count"
    ):
        model().deploy(instance_count=1)


def test_an_enum_of_the_sdk_is_a_routing_strategy_too():
    from sagemaker.core.enums import RoutingStrategy

    found = hosting_request.routing_config({"RoutingStrategy": RoutingStrategy.RANDOM})
    assert found == {"RoutingStrategy": "RANDOM"}


def test_requests_shows_what_deploy_would_send_and_sends_nothing(serving):
    one = model(entry_point="inference.py", source_dir="serve", name="m")
    found = one.requests(**ON, endpoint_name="e", tags={"a": "b"})
    assert list(found) == ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"]
    container = found["CreateModel"]["PrimaryContainer"]
    assert (
        container["ModelDataUrl"] == "s3://own-bucket/m/model.tar.gz" and one.sagemaker_session.uploads == {}
    )
    assert container["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"
    assert "-cpu-" in container["Image"]


def test_the_newest_images_that_serve_are_named():
    assert any('transformers_version="4.51.3"' in each for each in images.newest_versions(scope="inference"))


def test_an_estimator_without_a_job_has_nothing_to_deploy():
    with pytest.raises(ValueError, match="no training job yet"):
        estimator().deploy(**ON)
    with pytest.raises(ValueError, match="use_compiled_model"):
        estimator().deploy(**ON, use_compiled_model=True)


# sending


def test_a_quota_of_zero_is_explained_with_the_free_way_on():
    def refuse(**_):
        raise client_error("ResourceLimitExceeded", "CreateEndpoint", "The account-level service limit …")

    config = {"ProductionVariants": [{"InstanceType": "ml.g5.xlarge"}]}
    with pytest.raises(QuotaError, match='ml.g5.xlarge for endpoint usage.*\n.*WHERE = "local"'):
        send.create_endpoint(SimpleNamespace(create_endpoint=refuse), {"EndpointName": "e"}, config)


@pytest.mark.parametrize("other", [False, True])
def test_a_model_of_the_same_name_is_used_only_if_it_is_the_same(other, capsys):
    request = hosting_request.model_request(
        "m", ROLE, hosting_request.container_definition("i", "s3://b/m.tar.gz")
    )
    there = {**request, "PrimaryContainer": {**request["PrimaryContainer"], "Mode": "SingleModel"}}
    if other:
        there["PrimaryContainer"]["ModelDataUrl"] = "s3://b/another.tar.gz"

    def refuse(**_):
        raise client_error("ValidationException", "CreateModel", "Cannot create already existing model …")

    sm = SimpleNamespace(create_model=refuse, describe_model=lambda ModelName: there)
    if other:
        with pytest.raises(ValueError, match="model m is there already, with another PrimaryContainer"):
            send.create_model(sm, request)
    else:
        send.create_model(sm, request)
        assert "the same" in capsys.readouterr().out


def test_an_update_that_aws_rolled_back_is_an_error_although_the_endpoint_serves():
    session = FakeSession(logs=FakeLogs({}))
    session.sagemaker_client = SimpleNamespace(
        describe_endpoint=lambda EndpointName: {
            "EndpointName": "e",
            "EndpointStatus": "InService",
            "EndpointConfigName": "old",
            "FailureReason": "boom",
        }
    )
    with pytest.raises(ValueError, match="Reason: boom(.|\n)*It serves old as before"):
        wait.wait_for_endpoint(session, "e", "new")


def test_no_capacity_is_its_own_error():
    from sagemaker.core.exceptions import CapacityError

    description = {
        "EndpointName": "e",
        "EndpointStatus": "Failed",
        "FailureReason": "CapacityError: none left",
    }
    assert isinstance(wait.failed(description, []), CapacityError)


# answers


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('{"code": 400, "type": "InternalServerException", "message": "expected inputs"}', "expected inputs"),
        ('{"error": "no tokens"}', "no tokens"),
        ("plain", "plain"),
        ("[1]", "[1]"),
    ],
)
def test_the_words_of_a_container_come_without_their_wrapping(message, words):
    assert words_of(message) == words


def test_an_answer_that_is_no_json_is_shown():
    with pytest.raises(ValueError, match="answered text/html that is not JSON: b'<html>'"):
        JSONDeserializer().deserialize(io.BytesIO(b"<html>"), "text/html")


def parts(*pieces: bytes):
    return iter([{"PayloadPart": {"Bytes": piece}} for piece in pieces])


def test_lines_come_whole_however_the_pieces_were_cut():
    assert list(LineIterator(parts(b"a\nb", b"c\n\nd", b"e"))) == [b"a", b"bc", b"", b"de"]
    assert list(ByteIterator(parts(b"a", b"b"))) == [b"a", b"b"]


def test_a_stream_that_breaks_off_says_so_after_what_came():
    def broken():
        yield {"PayloadPart": {"Bytes": b"a\n"}}
        error = {"Error": {"Code": "ModelStreamError", "Message": "the container ended"}}
        raise EventStreamError(error, "InvokeEndpointWithResponseStream")

    lines = LineIterator(broken(), "e")
    assert next(lines) == b"a"
    with pytest.raises(InvocationError, match="endpoint e answered an error: the container ended") as caught:
        next(lines)
    assert isinstance(caught.value, ClientError) and caught.value.log_group == "/aws/sagemaker/Endpoints/e"


class FakeAsync:
    """A predictor, its session and its S3: two looks find nothing, the third what there is."""

    endpoint_name, accept, content_type, answer = (
        "e",
        "application/json",
        "application/json",
        HuggingFacePredictor.answer,
    )
    deserializer = JSONDeserializer()

    def __init__(self, key: str, body: bytes, empty: int = 2):
        self.key, self.body, self.empty = key, body, empty
        self.sagemaker_session = self.s3_client = self

    def _get_account_id_if_default_bucket(self, bucket):
        return None

    def get_object(self, Bucket, Key):
        self.empty -= Key == "out"
        if Key != self.key or self.empty >= 0:
            raise client_error("NoSuchKey", "GetObject")
        return {"Body": io.BytesIO(self.body), "ContentType": "application/json"}


def answer_of(fake: FakeAsync) -> AsyncInferenceResponse:
    return AsyncInferenceResponse(AsyncPredictor(fake), "s3://b/out", "s3://b/failed")


def test_an_asynchronous_answer_is_fetched_when_it_is_there():
    assert answer_of(FakeAsync("out", b'{"a": 1}')).get_result(WaiterConfig(3, 0)) == {"a": 1}
    with pytest.raises(TimeoutError, match="s3://b/out is not there yet"):
        answer_of(FakeAsync("out", b"{}")).get_result()


def test_an_asynchronous_failure_is_told_in_the_container_s_words():
    fake = FakeAsync("failed", b'{"message": "expected inputs"}', empty=0)
    with pytest.raises(
        AsyncAnswerError, match="endpoint e failed: expected inputs\nIts log: /aws/sagemaker/Endpoints/e"
    ):
        answer_of(fake).get_result()


def test_a_script_without_a_model_is_packed_alone(serving):
    one = model(model_data=None, entry_point="inference.py", source_dir="serve", name="m")
    one.sagemaker_session.settings = SimpleNamespace(encrypt_repacked_artifacts=True, local_download_dir=None)
    one._before_sending("m")
    ((uri, content),) = one.sagemaker_session.uploads.items()
    assert uri == "s3://own-bucket/m/model.tar.gz" == one.repacked_model_data
    assert held(io.BytesIO(content)) == {"code/inference.py": b"x = 1\n"}


def test_a_component_is_refused_by_name():
    with pytest.raises(ValueError, match="component_name='c'"):
        HuggingFacePredictor("e", FakeSession(), component_name="c")
