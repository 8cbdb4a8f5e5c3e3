"""connect(): local starts once and is shared, aws is never touched by what local left behind."""

import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from tuneaws import environment, local_aws, roles, session
from tuneaws.session import SessionError, connect, stop_local

CODE = Path(__file__).resolve().parents[1] / "code"


pytestmark = pytest.mark.usefixtures("same_environment")


@pytest.fixture
def home(tmp_path):
    """A folder for one local AWS, which is stopped after the test."""
    yield tmp_path / "home"
    stop_local(tmp_path / "home")


@pytest.fixture
def fake_pocketaws(tmp_path, monkeypatch):
    """Replace the local AWS by a program of the test."""

    def install(program: str) -> Path:
        package = tmp_path / "code" / "pocketaws"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "__main__.py").write_text(textwrap.dedent(program))
        monkeypatch.setattr(local_aws, "CODE", tmp_path / "code")
        return tmp_path / "home"

    return install


def run_python(program: str, **variables) -> str:
    """Run a program in a fresh interpreter with code/ on its path, and return what it printed."""
    env = {**os.environ, "PYTHONPATH": str(CODE), **variables}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], env=env, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the environment


def test_enter_sends_every_client_to_the_local_aws_and_leave_puts_all_back(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://localhost:4566")
    monkeypatch.setenv("NO_PROXY", "example.com")
    before = dict(os.environ)
    environment.enter("http://127.0.0.1:9", "us-east-1", tmp_path)
    assert boto3.client("s3").meta.endpoint_url == "http://127.0.0.1:9"
    assert boto3.client("sagemaker").meta.endpoint_url == "http://127.0.0.1:9"
    assert "AWS_PROFILE" not in os.environ and "AWS_SESSION_TOKEN" not in os.environ
    assert os.environ["NO_PROXY"] == "example.com,127.0.0.1,localhost"
    environment.enter("http://127.0.0.1:10", "us-east-1", tmp_path)
    environment.leave()
    assert dict(os.environ) == before


def test_your_own_aws_configuration_is_out_of_reach_in_local(tmp_path, monkeypatch):
    own = tmp_path / "own-config"
    own.write_text("[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret\n"
                   "region = eu-west-1\nignore_configured_endpoint_urls = true\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(own))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(own))
    environment.enter("http://127.0.0.1:9", "us-east-1", tmp_path / "client")
    boto = boto3.Session()
    assert boto.get_credentials().access_key == environment.DUMMY_KEY
    assert (boto.region_name, boto.client("s3").meta.endpoint_url) == ("us-east-1", "http://127.0.0.1:9")


def test_a_boto3_client_made_before_connect_does_not_keep_its_credentials_for_later_ones(tmp_path):
    boto3.client("s3")
    assert boto3.DEFAULT_SESSION is not None
    environment.enter("http://127.0.0.1:9", "us-east-1", tmp_path)
    assert boto3.client("s3")._request_signer._credentials.access_key == environment.DUMMY_KEY


@pytest.mark.parametrize("first", ["import sagemaker.core.helper.session_helper", "pass"])
def test_the_sdks_sts_address_follows_local_and_comes_back_whenever_it_is_imported(tmp_path, first):
    out = run_python(f"""
        {first}
        import sys
        from tuneaws import environment
        environment.enter("http://127.0.0.1:9", "us-east-1", {str(tmp_path)!r})
        from sagemaker.core.helper.session_helper import Session
        from sagemaker.core import common_utils
        from sagemaker.core.helper import session_helper
        from sagemaker.core.telemetry.telemetry_logging import TELEMETRY_OPT_OUT_PATH
        helper, utils = session_helper.sts_regional_endpoint, common_utils.sts_regional_endpoint
        print(helper("us-east-1"), utils("eu-west-1"))
        from sagemaker.core.common_utils import resolve_value_from_config
        print(resolve_value_from_config(config_path=TELEMETRY_OPT_OUT_PATH, sagemaker_session=Session()))
        environment.leave()
        print(session_helper.sts_regional_endpoint("us-east-1"))
    """)
    assert out.splitlines()[-3:] == [
        "http://127.0.0.1:9 http://127.0.0.1:9", "True", "https://sts.us-east-1.amazonaws.com"]


def test_importing_the_session_does_not_import_the_sagemaker_sdk():
    out = run_python("import sys, tuneaws.session; print('sagemaker' in sys.modules, 'torch' in sys.modules)")
    assert out.split() == ["False", "False"]


# --- aws


@pytest.mark.parametrize("name, value", [
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:4610"),
    ("AWS_ENDPOINT_URL_S3", "http://localhost:4566"),
    ("AWS_ACCESS_KEY_ID", environment.DUMMY_KEY),
])
def test_aws_refuses_an_environment_that_points_to_a_local_aws(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SessionError, match=f"{name}={value}") as caught:
        connect("aws", region="us-east-1")
    assert f"unset {name}" in str(caught.value) and 'WHERE = "local"' in str(caught.value)


def test_aws_cleans_up_after_an_earlier_local_connect_of_this_process(tmp_path, capsys):
    environment.enter("http://127.0.0.1:9", "us-east-1", tmp_path)
    with mock_aws():
        found = connect("aws", region="us-west-2")
        assert "AWS_ENDPOINT_URL" not in os.environ
        assert (found.where, found.region, found.url) == ("aws", "us-west-2", None)
        assert found.account == "123456789012"
        assert found.client("s3").meta.endpoint_url.endswith("amazonaws.com")
    assert "REAL MONEY" in capsys.readouterr().out


def test_aws_refuses_another_account_than_the_one_that_is_configured():
    with mock_aws(), pytest.raises(SessionError, match="account 123456789012, only 012345670123 is allowed"):
        connect("aws", region="us-east-1", account="012345670123")


def test_aws_without_credentials_says_how_to_get_them_and_the_free_way(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(SessionError, match="(?s)no AWS credentials.*aws configure.*local"):
        connect("aws", region="us-east-1")


def test_aws_without_a_region_or_with_a_wrong_profile_says_so(monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(SessionError, match="no region"):
        connect("aws")
    monkeypatch.setenv("AWS_PROFILE", "nope")
    with pytest.raises(SessionError, match=r"(?s)nope.*AWS_PROFILE"):
        connect("aws")


def test_credentials_that_aws_refuses_and_a_network_that_is_away_are_told_apart(monkeypatch):
    def no_network(self, *args, **kwargs):
        raise session.boto_errors.EndpointConnectionError(endpoint_url="https://sts.us-east-1.amazonaws.com")

    def refuse(self, *args, **kwargs):
        raise session.boto_errors.ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "X")

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refuse)
    with pytest.raises(SessionError, match="(?s)refused these credentials.*ExpiredToken.*aws sso login"):
        connect("aws", region="us-east-1")
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", no_network)
    with pytest.raises(SessionError, match="can't be reached"):
        connect("aws", region="us-east-1")


def test_a_place_that_does_not_exist_is_refused():
    with pytest.raises(SessionError, match='where is \'moon\'. Fix: "local"'):
        connect("moon")


# --- the role


def test_a_role_is_made_once_trusts_sagemaker_and_is_found_again():
    with mock_aws():
        iam = boto3.client("iam")
        arn = roles.ensure_role(iam, tags=[{"Key": "course", "Value": "tuneaws"}])
        assert roles.ensure_role(iam) == arn == "arn:aws:iam::123456789012:role/tuneaws-sagemaker"
        assert roles.trusts(iam.get_role(RoleName=roles.ROLE_NAME)["Role"]["AssumeRolePolicyDocument"])
        assert roles.find_role(iam, "arn:aws:iam::123456789012:user/me", Path("/nonexistent")) == arn


def test_a_role_with_the_wrong_trust_is_mended():
    with mock_aws():
        iam = boto3.client("iam")
        wrong = json.dumps(roles.trust_policy("lambda.amazonaws.com"))
        iam.create_role(RoleName=roles.ROLE_NAME, AssumeRolePolicyDocument=wrong)
        roles.ensure_role(iam)
        assert roles.trusts(iam.get_role(RoleName=roles.ROLE_NAME)["Role"]["AssumeRolePolicyDocument"])


def test_without_a_usable_role_the_error_says_how_to_make_one():
    with mock_aws():
        iam = boto3.client("iam")
        trust = json.dumps(roles.trust_policy("lambda.amazonaws.com"))
        iam.create_role(RoleName="admin", AssumeRolePolicyDocument=trust)
        with pytest.raises(roles.RoleError, match="(?s)ensure_role.*config.yaml.*local"):
            roles.find_role(iam, "arn:aws:sts::123456789012:assumed-role/admin/me", Path("/nonexistent"))


def test_studios_own_role_comes_first(tmp_path):
    metadata = tmp_path / "resource-metadata.json"
    metadata.write_text(json.dumps({"ExecutionRoleArn": "arn:aws:iam::1:role/studio"}))
    assert roles.find_role(None, "arn:aws:iam::1:user/me", metadata) == "arn:aws:iam::1:role/studio"


def test_the_callers_role_is_used_when_sagemaker_may_assume_it():
    with mock_aws():
        iam = boto3.client("iam")
        made = iam.create_role(RoleName="mine", Path="/service-role/",
                               AssumeRolePolicyDocument=json.dumps(roles.trust_policy()))["Role"]["Arn"]
        caller = "arn:aws:sts::123456789012:assumed-role/mine/me"
        assert roles.find_role(iam, caller, Path("/nonexistent")) == made


@pytest.mark.parametrize("document, answer", [
    ({"Statement": {"Effect": "Allow", "Action": ["sts:AssumeRole"],
                    "Principal": {"Service": ["ec2.amazonaws.com", "sagemaker.amazonaws.com"]}}}, True),
    ({"Statement": [{"Effect": "Deny", "Action": "sts:AssumeRole",
                     "Principal": {"Service": "sagemaker.amazonaws.com"}}]}, False),
    ({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}]}, False),
    ({}, False),
])
def test_a_trust_policy_is_read_in_every_form_that_iam_keeps(document, answer):
    assert roles.trusts(document) is answer
    assert roles.trusts(json.dumps(document)) is answer


# --- local: failures, with a program of the test in the place of the local AWS


def test_a_local_aws_that_dies_at_once_is_explained_with_the_end_of_its_log(fake_pocketaws):
    home = fake_pocketaws("raise SystemExit('no moto here')")
    with pytest.raises(SessionError, match=r"(?s)ended with exit code 1.*-m pocketaws.*no moto here"):
        connect("local", home=home)


def test_a_local_aws_that_never_answers_is_ended_and_explained(fake_pocketaws, monkeypatch):
    monkeypatch.setattr(local_aws, "START_WITHIN_S", 1)
    home = fake_pocketaws("""
        import os, pathlib, signal, sys
        home = pathlib.Path(sys.argv[sys.argv.index("--home") + 1])
        (home / "pid").write_text(str(os.getpid()))
        print("warming up", flush=True)
        signal.pause()
    """)
    with pytest.raises(SessionError, match="(?s)did not answer within 1 s.*warming up"):
        connect("local", home=home)
    with pytest.raises(ProcessLookupError):
        os.kill(int((home / "pid").read_text()), 0)


HANGS = """
    import fcntl, json, os, pathlib, signal, socket, sys
    home = pathlib.Path(sys.argv[sys.argv.index("--home") + 1])
    home.mkdir(parents=True, exist_ok=True)
    lock = (home / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    deaf = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
    (home / "server.json").write_text(json.dumps({"url": url, "pid": os.getpid(), "version": "0"}))
    print("ready", flush=True)
    signal.pause()
"""


def test_a_local_aws_that_runs_but_does_not_answer_is_named_and_can_be_stopped(fake_pocketaws, monkeypatch):
    monkeypatch.setattr(local_aws, "START_WITHIN_S", 1)
    monkeypatch.setattr(local_aws, "ANSWER_WITHIN_S", 0.2)
    home = fake_pocketaws(HANGS)
    command = [sys.executable, "-m", "pocketaws", "--home", str(home)]
    with subprocess.Popen(command, cwd=local_aws.CODE, stdout=subprocess.PIPE, text=True) as hung:
        try:
            assert hung.stdout.readline() == "ready\n"
            with pytest.raises(SessionError, match=f"(?s)does not answer.*{hung.pid}.*stop_local"):
                connect("local", home=home)
            assert stop_local(home) is True
            assert hung.wait(10) != 0
        finally:
            hung.kill()
    assert stop_local(home) is False


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionError, match="can't be written"):
        connect("local", home=tmp_path / "file" / "home")


def test_a_shipped_data_set_that_is_not_there_is_named():
    with pytest.raises(SessionError, match="'pocketaws/novels' is not a data set"):
        session.dataset_path("pocketaws/novels")
    assert session.model_path("Qwen/Qwen2.5-0.5B-Instruct") == "Qwen/Qwen2.5-0.5B-Instruct"
    with pytest.raises(SessionError):
        session.dataset_path("pocketaws/../../../etc")


# --- local: the real one


def test_local_starts_once_and_is_shared_until_it_is_stopped(home, capsys):
    first = connect("local", home=home)
    assert (first.where, first.region, first.account) == ("local", "us-east-1", "123456789012")
    first.client("s3").create_bucket(Bucket="seen-by-both")
    second = connect("local", home=home)
    assert second.url == first.url
    assert [b["Name"] for b in second.client("s3").list_buckets()["Buckets"]] == ["seen-by-both"]
    assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"
    first.summary()
    assert "costs nothing" in capsys.readouterr().out
    assert stop_local(home) is True
    assert stop_local(home) is False
    assert "AWS_ENDPOINT_URL" not in os.environ
    assert not (home / "server.json").exists()


def test_the_local_aws_is_out_of_reach_of_ctrl_c_and_of_your_credentials(home, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-real-secret")
    monkeypatch.setenv("AWS_PROFILE", "work")
    connect("local", home=home)
    pid = json.loads((home / "server.json").read_text())["pid"]
    assert os.getsid(pid) == pid != os.getsid(0)
    given = psutil.Process(pid).environ()
    assert "a-real-secret" not in given.values() and "AWS_PROFILE" not in given


def test_four_notebooks_that_connect_at_once_get_one_local_aws(home):
    program = f"from tuneaws.session import connect; print(connect('local', home={str(home)!r}).url)"
    urls = []
    threads = [threading.Thread(target=lambda: urls.append(run_python(program))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 4 and len(set(urls)) == 1


def test_a_local_aws_outlives_the_notebook_that_started_it(home):
    program = f"from tuneaws.session import connect; print(connect('local', home={str(home)!r}).url)"
    url = run_python(program).strip()
    assert connect("local", home=home).url == url


def test_a_local_aws_that_was_killed_is_started_again_with_what_it_had_where_its_clients_look(home):
    first = connect("local", home=home)
    s3 = first.client("s3")
    s3.create_bucket(Bucket="kept")
    info = json.loads((home / "server.json").read_text())
    os.kill(info["pid"], 9)
    local_aws._children.pop(home).wait(30)
    assert (home / "server.json").exists()
    second = connect("local")  # the environment knows the home
    assert (second.home, second.url) == (home, first.url)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["kept"], "through the old client"
    assert json.loads((home / "server.json").read_text())["pid"] != info["pid"]


def test_a_kernel_that_inherits_the_address_of_a_dead_local_aws_starts_that_one_again(home, monkeypatch):
    connect("local", home=home).client("s3").create_bucket(Bucket="kept")
    assert stop_local(home)
    inherited = environment.local_variables("http://127.0.0.1:9", "us-east-1", home / "client")
    program = """
        from tuneaws.session import connect
        found = connect("local")
        print(found.home, [bucket["Name"] for bucket in found.client("s3").list_buckets()["Buckets"]])
    """
    assert run_python(program, **inherited).strip() == f"{home} ['kept']"
    assert environment.home_of({**inherited, "AWS_CONFIG_FILE": os.devnull}) is None


def test_a_local_aws_that_the_environment_points_to_is_used(local_aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    found = connect("local")
    assert (found.url, found.home) == (local_aws.url, local_aws.home)
    with pytest.raises(SessionError, match="AWS_ENDPOINT_URL"):
        connect("aws", region="us-east-1")


def test_a_refusal_is_rehearsed_until_the_block_ends_however_it_does_and_never_on_aws(local_aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    local = connect("local")
    with pytest.raises(ClientError, match="AccessDenied"):
        with local.rehearse("denied", ["s3:ListAllMyBuckets"]):
            local.client("s3").list_buckets()
    assert "Buckets" in local.client("s3").list_buckets()
    with pytest.raises(SessionError, match="AWS refuses when it has a reason"):
        with session.Session("aws", "us-east-1", "1", boto3.Session(), "").rehearse("denied", []):
            pass


def test_one_local_aws_answers_for_every_region(local_aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    found = connect("local", region="eu-west-1")
    s3 = found.client("s3")
    s3.create_bucket(Bucket="in-europe", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert s3.get_bucket_location(Bucket="in-europe")["LocationConstraint"] == "eu-west-1"
    assert found.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []
    s3.delete_bucket(Bucket="in-europe")


def test_in_local_the_role_is_made_and_the_sdks_session_works(local_aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    found = connect("local")
    assert found.role_arn == "arn:aws:iam::123456789012:role/tuneaws-sagemaker"
    assert connect("local", role_arn="arn:aws:iam::1:role/x").role_arn == "arn:aws:iam::1:role/x"
    sdk = found.sagemaker()
    assert sdk.account_id() == found.account
    assert sdk.sagemaker_client.meta.endpoint_url == local_aws.url
