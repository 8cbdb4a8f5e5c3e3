"""Model customization jobs: what is checked before one starts, how it is found, stopped and listed."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from bedrock_api import ACCOUNT, NOVA, RECOMMENDED, BedrockApi, trust
from pocketaws.bedrock.customization_job import MAX_FAILURE_MESSAGE
from training_api import refused

CUSTOM = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:custom-model/{NOVA[:-5]}/abcdefghijkl"
LOGS = {"invocationLogSource": {"s3Uri": "s3://learner/logs"}}


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    served = BedrockApi(tmp_path_factory.mktemp("home"))
    yield served
    served.close()


def refusal(aws, **changes) -> tuple[str, str]:
    """(code, message) of a CreateModelCustomizationJob that is refused; no job is made."""
    before = set(aws.tuning.started)
    answer = refused(aws.bedrock.create_model_customization_job, **aws.request(**changes))
    assert set(aws.tuning.started) == before
    return answer


def test_a_job_is_found_by_name_and_by_encoded_arn(aws):
    job = aws.create()
    get = aws.bedrock.get_model_customization_job
    by_name, by_arn = get(jobIdentifier=job.name), get(jobIdentifier=job.arn)
    assert by_name["jobArn"] == by_arn["jobArn"] == job.arn
    assert job.arn.startswith(f"arn:aws:bedrock:us-east-1:{ACCOUNT}:model-customization-job/{NOVA}/")
    assert by_name["hyperParameters"] == {
        "epochCount": "2", "learningRate": "0.00001", "learningRateWarmupSteps": "10",
    }  # fmt: skip
    assert refused(get, jobIdentifier="nobody")[0] == "ResourceNotFoundException"
    abroad = aws.client("bedrock", "us-west-2")
    assert (
        refused(abroad.get_model_customization_job, jobIdentifier=job.name)[0] == "ResourceNotFoundException"
    )


def test_phases_follow_each_other_and_the_model_is_named_at_the_end(aws):
    job = aws.create()
    details = aws.bedrock.get_model_customization_job(jobIdentifier=job.arn)["statusDetails"]
    assert [each["status"] for each in details.values()] == ["NotStarted"] * 3
    assert "creationTime" not in details["trainingDetails"]
    job.begin("validation")
    assert phases(aws, job) == ["InProgress", "NotStarted", "NotStarted"]
    done = aws.tuned()
    shown = aws.bedrock.get_model_customization_job(jobIdentifier=done.arn)
    assert (shown["status"], phases(aws, done)) == ("Completed", ["Completed"] * 3)
    assert shown["trainingMetrics"] == {"trainingLoss": 0.5}
    assert shown["validationMetrics"] == [{"validationLoss": 0.75}, {"validationLoss": 0.7}]
    model = aws.bedrock.get_custom_model(modelIdentifier=shown["outputModelArn"])
    assert (model["jobArn"], model["modelName"]) == (done.arn, shown["outputModelName"])


def phases(aws, job) -> list[str]:
    shown = aws.bedrock.get_model_customization_job(jobIdentifier=job.arn)
    return [shown["statusDetails"][f"{name}Details"]["status"] for name in job.phases]


def test_a_failure_is_told_and_cut_to_awss_length(aws):
    job = aws.create()
    job.begin("validation")
    assert job.fail("line 3: " + "x" * 5000)
    shown = aws.bedrock.get_model_customization_job(jobIdentifier=job.arn)
    assert shown["status"] == "Failed" and len(shown["failureMessage"]) == MAX_FAILURE_MESSAGE
    assert phases(aws, job) == ["Failed", "NotStarted", "NotStarted"]
    assert not job.complete(0.1, [], "arn") and not job.begin("training")


def test_stopping_goes_through_stopping_and_makes_no_model(aws):
    job = aws.create()
    job.begin("validation")
    aws.bedrock.stop_model_customization_job(jobIdentifier=job.arn)
    assert (job.status, job.name in aws.tuning.stopped) == ("Stopping", True)
    assert phases(aws, job)[0] == "Stopping"
    assert not job.end("validation"), "a job that is stopping goes on"
    code, message = refused(aws.bedrock.stop_model_customization_job, jobIdentifier=job.name)
    assert (code, "Stopping" in message) == ("ConflictException", True)
    assert job.stopped() and job.status == "Stopped"


def test_a_job_that_was_stopped_as_it_ended_leaves_no_model_behind(aws, monkeypatch):
    models = len(aws.bedrock.list_custom_models()["modelSummaries"])
    end = type(aws.create()).complete

    def stop_first(job, *results):
        job.request_stop()
        return end(job, *results)

    monkeypatch.setattr("pocketaws.bedrock.customization_job.CustomizationJob.complete", stop_first)
    job = aws.tuned()
    assert job.status == "Stopped"
    assert len(aws.bedrock.list_custom_models()["modelSummaries"]) == models
    assert job.id not in {path.name for path in aws.state.bedrock.models_folder.iterdir()}


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        (
            "s3://learner/nothing.jsonl",
            "Could not validate GetObject permissions to access Amazon S3 bucket: learner",
        ),
        ("s3://no-such-bucket/train.jsonl", "does not exist"),
        ("s3://abroad/train.jsonl", "in eu-west-1"),
        ("s3://learner/folder/", "Uri should be a file, not a directory"),
        ("s3://learner/folder", "Uri should be a file, not a directory"),
        ("s3://learner", "Uri should be a file, not a directory"),
    ],
)
def test_data_that_cannot_be_read_is_refused(aws, uri, words):
    code, message = refusal(aws, trainingDataConfig={"s3Uri": uri})
    assert code == "ValidationException" and words in message
    code, message = refusal(aws, validationDataConfig={"validators": [{"s3Uri": uri}]})
    assert code == "ValidationException" and words in message


@pytest.mark.parametrize("uri", ["s3://abroad/out", "s3://no-such-bucket/"])
def test_an_output_bucket_that_cannot_be_written_is_refused(aws, uri):
    code, message = refusal(aws, outputDataConfig={"s3Uri": uri})
    assert code == "ValidationException"
    assert "Could not validate PutObject permissions to access S3 bucket" in message


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("sagemaker", trust("sagemaker.amazonaws.com")),
        ("other-account", trust(StringEquals={"aws:SourceAccount": "999999999999"})),
        (
            "other-source",
            trust(ArnEquals={"aws:SourceArn": f"arn:aws:bedrock:us-east-1:{ACCOUNT}:model-import-job/*"}),
        ),
        ("other-region", trust(ArnLike={"aws:SourceArn": f"arn:aws:bedrock:us-west-2:{ACCOUNT}:*"})),
        ("unknown-key", trust(StringEquals={"aws:PrincipalOrgID": "o-1"})),
    ],
)
def test_a_role_that_does_not_trust_this_job_is_refused(aws, name, document):
    code, message = refusal(aws, roleArn=aws.make_role(f"wrong-{name}", document))
    assert code == "ValidationException" and message.startswith("Could not assume provided IAM role.")


def test_roles_that_trust_bedrock_are_taken_with_and_without_conditions(aws):
    for name, condition in (("plain", {}), ("full", RECOMMENDED)):
        aws.create(roleArn=aws.make_role(f"right-{name}", trust(**condition)))
    assert refusal(aws, roleArn=f"arn:aws:iam::{ACCOUNT}:role/nobody")[0] == "ValidationException"
    assert refusal(aws, roleArn="arn:aws:iam::999999999999:role/learner")[0] == "AccessDeniedException"


def test_names_are_unique_and_a_repeated_token_makes_no_second_job(aws):
    first = aws.request(clientRequestToken="once")
    arn = aws.bedrock.create_model_customization_job(**first)["jobArn"]
    assert aws.bedrock.create_model_customization_job(**first)["jobArn"] == arn
    assert refusal(aws, jobName=first["jobName"])[0] == "ConflictException"
    code, message = refusal(aws, customModelName=first["customModelName"])
    assert code == "ConflictException" and first["customModelName"] in message
    done = aws.tuned()
    assert refusal(aws, customModelName=done.request["customModelName"])[0] == "ConflictException"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"customizationType": "DISTILLATION"}, "DISTILLATION"),
        ({"customizationType": "REINFORCEMENT_FINE_TUNING"}, "REINFORCEMENT_FINE_TUNING"),
        ({"customizationType": "CONTINUED_PRE_TRAINING"}, "CONTINUED_PRE_TRAINING"),
        ({"customModelKmsKeyId": "alias/key"}, "customModelKmsKeyId"),
        ({"vpcConfig": {"subnetIds": ["s-1"], "securityGroupIds": ["g-1"]}}, "vpcConfig"),
        ({"trainingDataConfig": {"invocationLogsConfig": LOGS}}, "invocationLogsConfig"),
        ({"baseModelIdentifier": CUSTOM}, "custom model"),
    ],
)
def test_what_the_local_aws_cannot_honour_is_refused_by_name(aws, changes, named):
    code, message = refusal(aws, **changes)
    assert code == "NotImplemented" and named in message


def test_a_model_that_is_not_to_be_tuned_here_is_refused(aws):
    assert refusal(aws, baseModelIdentifier="amazon.nova-mini-v1:0") == (
        "ValidationException", "The provided model identifier is invalid.",
    )  # fmt: skip
    west = aws.client("bedrock", "us-west-2")
    code, message = refused(west.create_model_customization_job, **aws.request())
    assert (code, message) == ("ValidationException", "The provided model identifier is invalid.")
    code, message = refusal(aws, baseModelIdentifier="amazon.titan-text-express-v1:0:8k")
    assert code == "ResourceNotFoundException" and "end of its life" in message


def test_the_short_id_and_the_arn_stand_for_the_id_that_is_tuned(aws):
    for identifier in (NOVA[:-5], f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"):
        assert aws.create(baseModelIdentifier=identifier).base_model.id == NOVA


@pytest.fixture
def rehearse(aws):
    path = aws.home / "bedrock_access.json"
    yield lambda **content: path.write_text(json.dumps(content))
    path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("denied", "AccessDeniedException", "You don't have access to the model"),
        ("legacy", "ResourceNotFoundException", "marked by provider as Legacy"),
        ("ended", "ResourceNotFoundException", "end of its life"),
    ],
)
def test_states_of_a_model_can_be_rehearsed(aws, rehearse, kind, code, words):
    rehearse(**{kind: [NOVA[:-5]]})
    seen, message = refusal(aws)
    assert seen == code and words in message
    if kind == "legacy":
        shown = aws.bedrock.get_foundation_model(modelIdentifier=NOVA)["modelDetails"]
        assert shown["modelLifecycle"]["status"] == "LEGACY"
    if kind == "denied":
        shown = aws.bedrock.get_foundation_model_availability(modelId=NOVA)
        assert shown["entitlementAvailability"] == "NOT_AVAILABLE"


def test_a_rehearsal_that_cannot_be_read_says_so(aws, rehearse):
    rehearse(denide=[NOVA])
    code, message = refusal(aws)
    assert code == "InternalServerException" and "denied, legacy, ended" in message


def test_jobs_are_listed_by_status_name_and_time_page_by_page(aws):
    names = [aws.create().name for _ in range(3)]
    aws.tuning.started[names[0]][0].fail("x")
    ask = aws.bedrock.list_model_customization_jobs

    def listed(**request) -> list[str]:
        return [each["jobName"] for each in ask(**request)["modelCustomizationJobSummaries"]]

    assert listed()[:3] == names[::-1]
    assert listed(sortOrder="Ascending")[-3:] == names
    assert names[0] in listed(statusEquals="Failed") and names[1] not in listed(statusEquals="Failed")
    assert listed(nameContains=names[1]) == [names[1]]
    moment = datetime.now(timezone.utc) + timedelta(seconds=1)
    assert listed(creationTimeAfter=moment) == [] and set(names) <= set(listed(creationTimeBefore=moment))
    first = ask(maxResults=2)
    then = ask(maxResults=2, nextToken=first["nextToken"])
    assert [each["jobName"] for each in then["modelCustomizationJobSummaries"]] == listed()[2:4]
    assert refused(ask, maxResults=2, nextToken="nonsense")[0] == "ValidationException"
