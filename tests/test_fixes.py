"""Every row of the table of fixes is provoked for real, in a running local AWS, and answered with its fix."""

import importlib.util
import pkgutil
import re
import time

import explain
import provoke_bedrock
import provoke_endpoints
import provoke_jobs
import provoke_reaching
import provoke_requests
import pytest
import tuneaws
import yaml
from botocore.exceptions import ClientError
from provoking import PROVOKED, World, provoke
from tuneaws import bedrock_jobs, endpoints, fixes, raw_jobs, training_jobs
from tuneaws.calls import explaining
from tuneaws.estimator import follow
from tuneaws.logs import log_lines
from tuneaws.session import Session

PARTS = (provoke_bedrock, provoke_endpoints, provoke_jobs, provoke_reaching, provoke_requests)
AT_LEAST = 50  # rows: the course promises so many


@pytest.fixture(scope="module")
def world(local_aws, tmp_path_factory):
    """A World; what is slow is begun before the first row is looked at."""
    made = World(local_aws, tmp_path_factory.mktemp("fixes"))
    for part in PARTS:
        for row, start in getattr(part, "BEGUN", {}).items():
            made.begin(row, start)
    yield made
    made.close()


OTHER_NAMES = ("sagemaker.amazonaws", "bedrock.amazonaws", "bedrock.list_foundation_models", "huggingface.co",
               "model.tar", "session.home")  # fmt: skip
# They keep busy or kill what other rows ask.
LAST = ("container-gone", "no-answer-in-time", "local-aws-gone", "local-aws-ended")


def turn(row) -> int:
    """When a row's error is provoked: those of provoke_reaching after the others, and LAST at the end."""
    if row.id in LAST:
        return 2 + LAST.index(row.id)
    return PROVOKED.get(row.id, turn).__module__ == provoke_reaching.__name__


ROWS = sorted(fixes.TABLE, key=turn)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_is_what_the_error_it_is_about_finds(row, world):
    assert row.id in PROVOKED, f"nothing provokes {row.id}: write a provocation, or take the row out"
    began = time.monotonic()
    error, was_raised = provoke(row.id, world)
    fix = fixes.of_job(*error) if isinstance(error, tuple) else fixes.find(error)
    assert fix is not None, f"no fix for {error!r}"
    assert fix.id == row.id, f"{fix.id} fits before {row.id}: {error}"
    print(f"{row.id}: {time.monotonic() - began:.2f} s\n{error}")
    if was_raised:
        assert str(error).endswith(fix.line("local")), "the exception itself does not say it"


def test_the_table_has_at_least_fifty_rows_and_each_is_provoked(capsys):
    rows = [row.id for row in fixes.TABLE]
    assert len(set(rows)) == len(rows), "two rows have one id"
    assert set(PROVOKED) == set(rows), f"no row for {set(PROVOKED) - set(rows)}, nothing provokes the others"
    assert len(rows) >= AT_LEAST
    with capsys.disabled():
        print(f"\n{len(rows)} errors provoked, each answered with its fix")


def test_a_fix_is_one_thing_to_do_with_a_source_and_a_free_way_on():
    for row in fixes.TABLE:
        assert row.where in ("call", "job", "log", "local"), row
        assert row.fix[0].islower() and not row.fix.endswith((".", ",")), f"what follows 'Fix: ' in {row}"
        assert row.free.endswith(".") and "free" in row.free, row
        dated = "2026-11|botocore 1|sagemaker-training 5|this course|own words"
        assert re.search(dated, row.source), f"no page and date in {row}"


def test_what_a_fix_names_is_there(course_root):
    """Helpers as module.name, keys of config.yaml as section.key, and what a session has."""
    config = yaml.safe_load((course_root / "config.yaml").read_text())
    modules = {module.name for module in pkgutil.iter_modules(tuneaws.__path__)}
    counted = 0
    for row in fixes.TABLE:
        for module, name in re.findall(r"(?<![\w./'])([a-z_]+)\.([a-z_]\w+)", row.fix):
            if module not in modules | set(config) or f"{module}.{name}" in OTHER_NAMES:
                continue
            found = name in (config.get(module) or {}) or module == "session" and hasattr(Session, name)
            if module in modules and not found:
                found = hasattr(importlib.import_module(f"tuneaws.{module}"), name)
                found = found or importlib.util.find_spec(f"tuneaws.{module}.{name}") is not None
            assert found, f"{row.id} names {module}.{name}, which is not there"
            counted += 1
    assert counted >= AT_LEAST


def test_what_nobody_knows_has_no_fix():
    assert fixes.find("it went well") is None
    assert fixes.find(ValueError("bad luck")) is None
    assert fixes.of_job("it went well", ["step 1", "step 2"]) is None


def test_a_line_of_the_log_counts_for_more_than_a_reason_that_only_says_where_to_look():
    reason = 'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage ""'
    assert fixes.of_job(reason, ["step 1", "all is well"]).id == "script-failed"
    assert fixes.of_job(reason, ["ModuleNotFoundError: No module named 'peft'", "bye"]).id == "module-missing"


def test_the_cause_of_an_error_is_looked_at_too():
    try:
        try:
            raise ModuleNotFoundError("No module named 'peft'")
        except ModuleNotFoundError as err:
            raise RuntimeError("the model could not be loaded") from err
    except RuntimeError as err:
        assert fixes.find(err).text.startswith("put peft into requirements.txt")


def test_aws_hears_of_the_free_way_and_local_does_not():
    fix = fixes.find("ModuleNotFoundError: No module named 'peft'")
    assert fix.line("aws").endswith(fixes.FREE_WAY) and "WHERE" not in fix.line("local")


def test_an_error_is_explained_once_and_its_response_stays_as_aws_sent_it(world):
    with pytest.raises(ClientError) as caught:
        world.s3.head_bucket(Bucket="fixes-nowhere")
    error = caught.value
    said = str(error)
    assert said.count("Fix: ") == 1 and "Fix" not in error.response["Error"]["Message"]
    explaining.explain(error, "s3", "aws")
    assert str(error) == said


def test_every_way_to_look_at_a_failed_job_shows_its_fix(world, capsys):
    name, logs = world.begun("arguments"), world.client("logs")
    job = world.ended(name)
    fix = fixes.find("error: unrecognized arguments: --epocs")
    assert training_jobs.explain_failure(world.sm, logs, name).endswith(fix.line("local"))
    training_jobs.watch(world.sm, logs, name)
    assert capsys.readouterr().out.rstrip().endswith(fix.line("local"))
    with pytest.raises(ValueError, match=re.escape(fix.text)):
        follow.raise_if_failed(job, log_lines(logs, name))
    missing = world.ended(world.begun("module-missing"))
    with pytest.raises(training_jobs.JobError, match="Fix: put peft_that_is_not_there into requirements.txt"):
        raw_jobs.finish(world.sm, missing)


def test_a_failed_endpoint_and_a_failed_customization_show_their_fix(world, capsys):
    name = world.begun("model-archive")
    provoke_endpoints.at_rest(world, name)
    with pytest.raises(endpoints.EndpointError, match="Fix: pack it as SageMaker does"):
        endpoints.watch(world.sm, world.client("logs"), name)
    bedrock_jobs.watch(world.bedrock, world.begun("bedrock-too-few"))
    assert capsys.readouterr().out.rstrip().endswith("Nova takes 8, Llama 100.")


def test_a_reason_that_names_its_own_fix_is_left_alone(world):
    own = "ValueError: unknown argument '--learning_rat'.\nFix: did you mean --learning_rate?"
    assert fixes.line_for(world.sm, f"AlgorithmError: ExecuteUserScriptError: {own}") == []


def test_the_command_prints_the_fix_for_a_message_that_is_pasted(capsys):
    said = "An error occurred (NoSuchBucket) when calling the PutObject operation"
    message = f"{said}: The specified bucket does not exist"
    assert explain.main(message.split()) == 0
    assert "launch.ensure_bucket" in capsys.readouterr().out
    assert explain.main(["it", "went", "well"]) == 1
    assert explain.main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > len(fixes.TABLE)


def test_a_call_that_is_refused_is_not_told_what_a_jobs_role_lacks():
    refused = (
        "An error occurred (AccessDenied) when calling the PutBucketTagging operation: User: a "
        'is not authorized to perform: s3:PutBucketTagging on resource: "b"'
    )
    assert fixes.find(refused).id == "may-not"
    assert fixes.of_job(refused).id == "job-may-not-read"
    assert fixes.find(refused.replace("AccessDenied", "ModelError")).id == "job-may-not-read"
