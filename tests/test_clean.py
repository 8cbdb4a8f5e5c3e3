"""code/clean.py: it lists, asks, deletes in the account or removes the folders, and says what is left."""

import dataclasses
import io
import json
import os

import clean
import pytest
from botocore.exceptions import ClientError
from clean_up_aid import AtOnce, Everything
from tuneaws import clean_up, config, session
from tuneaws.clean_up import deleting, finding, kinds
from tuneaws.endpoints import requests

pytestmark = pytest.mark.usefixtures("same_environment")
TAGS = {"course": "clean-script"}


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """A gateway that stands for an account on AWS."""
    aws = Everything(tmp_path_factory.mktemp("account"))
    yield aws
    aws.close()


@pytest.fixture
def on_aws(account, tmp_path, monkeypatch):
    """clean.main() with where: aws in config.yaml, in an empty folder; no terminal to ask at."""
    text = (config.course_root() / "config.yaml").read_text()
    path = tmp_path / "config.yaml"
    path.write_text(text.replace("where: local ", "where: aws ").replace(
        "    course: tuneaws\n", "    course: clean-script\n").replace("learner: null ", "learner: ana "))
    found = account.session()
    found.where = "aws"
    monkeypatch.setattr(session, "connect", lambda *_: found)
    monkeypatch.setattr(clean, "ROOT", tmp_path)
    monkeypatch.setattr(deleting, "POLL_S", 0.02)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    yield lambda *arguments: clean.main(["--config", str(path), *arguments])
    monkeypatch.undo()
    found = clean_up.find(account.session(), load(path), setup=True)
    clean_up.delete(account.session(), found, show=lambda line: None)


def load(path):
    return config.load(path, where="local")


def endpoint(account, name, expires_s=None, **more):
    """An endpoint with its configuration and model, as endpoints.deploy makes them."""
    tags = {**TAGS, **more}
    account.make_model(f"{name}-0123abcd", tags, "us-east-1")
    account.make_endpoint_configuration(f"{name}-0123abcd", tags, "us-east-1")
    if expires_s is not None:
        tags["expires"] = requests.expires_tag(requests.after(expires_s))["Value"]
    account.make_endpoint(name, tags, "us-east-1")


def there(account):
    """The kinds and names of what carries the tags, in one text."""
    asked = account.client("sagemaker")
    names = [row["EndpointName"] for row in asked.list_endpoints()["Endpoints"]]
    return {name for name in names if name.startswith("script-")}


def test_it_lists_and_deletes_nothing_where_nobody_can_be_asked(on_aws, account, capsys):
    endpoint(account, "script-a")
    account.make_bucket("script-data", TAGS, "us-east-1")
    assert on_aws() == 1
    said = capsys.readouterr().out
    assert "script-a " in said and "its machines, asked or not" in said
    assert "data (--buckets)" in said and "nothing was deleted. To delete 3 things: --yes" in said
    assert on_aws("--list") == 0 and there(account) == {"script-a"}
    assert on_aws("--json") == 0
    out = capsys.readouterr().out
    rows = json.loads(out[out.index("[\n"):])
    assert {row["kind"] for row in rows} == {"endpoint", "endpoint configuration", "model", "bucket"}


@pytest.mark.parametrize("answer, deleted", [("y", True), ("yes", True), ("", False), ("n", False)])
def test_a_person_is_asked(on_aws, account, monkeypatch, answer, deleted, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    endpoint(account, "script-asked")
    assert on_aws() == (0 if deleted else 1)
    said = capsys.readouterr().out
    assert "Delete 3 things? It cannot be undone. [y/N]" in said
    assert ("nothing was deleted" in said) is not deleted
    assert there(account) == (set() if deleted else {"script-asked"})


def test_with_yes_it_deletes_the_work_and_keeps_data_setup_and_what_others_made(on_aws, account, capsys):
    endpoint(account, "script-mine", learner="ana")
    endpoint(account, "script-theirs", learner="bo")
    account.make_bucket("script-data", TAGS, "us-east-1")
    account.make_role("script-role", TAGS)
    assert on_aws("--yes") == 0
    said = capsys.readouterr().out
    assert "deleted endpoint script-mine (us-east-1)" in said and "bo's (--everyone)" in said
    assert "AWS was asked again: nothing of it is left" in said
    assert there(account) == {"script-theirs"}
    assert account.client("s3").head_bucket(Bucket="script-data")
    assert on_aws("--yes", "--everyone", "--buckets", "--setup") == 0
    assert there(account) == set()
    assert "deleted role script-role" in capsys.readouterr().out
    assert on_aws("--list") == 0 and "nothing with the course's tags is there" in capsys.readouterr().out


def test_what_is_over_its_time_goes_and_with_wait_the_rest_later(on_aws, account, capsys):
    endpoint(account, "script-over", -1)
    endpoint(account, "script-soon", 600)
    endpoint(account, "script-free")
    assert on_aws("--expired", "--yes") == 0
    said = capsys.readouterr().out
    assert "over since" in said and "deleted endpoint script-over" in said and "model script-over-0" in said
    assert there(account) == {"script-soon", "script-free"}
    sm = account.client("sagemaker")
    arn = sm.describe_endpoint(EndpointName="script-soon")["EndpointArn"]
    sm.add_tags(ResourceArn=arn, Tags=[requests.expires_tag(requests.after(1))])
    assert on_aws("--expired", "--wait", "--every-s", "0.1", "--yes") == 0
    assert there(account) == {"script-free"}
    with pytest.raises(SystemExit):
        on_aws("--wait")


def test_what_can_not_be_deleted_is_exit_code_1(on_aws, account, monkeypatch, capsys):
    monkeypatch.setattr(AtOnce, "delete", lambda *_: None)
    monkeypatch.setattr(deleting.delete, "__defaults__", (0.1, print))
    endpoint(account, "script-stuck")
    assert on_aws("--yes") == 1
    said = capsys.readouterr().out
    assert "NOT deleted endpoint script-stuck" in said and "still there: endpoint script-stuck" in said
    for found in list(account.state.endpoints.of("us-east-1", account.state.account)):
        account.state.endpoints.discard(found)


def test_what_may_not_be_looked_at_is_no_success_if_it_bills(on_aws, account, monkeypatch, capsys):
    def denied(*_):
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "List")

    endpoint(account, "script-seen")
    for name, status in (("budget", 0), ("custom model", 1)):
        seen = tuple(dataclasses.replace(kind, rows=denied) if kind.name == name else kind
                     for kind in kinds.KINDS)
        monkeypatch.setattr(finding, "KINDS", seen)
        assert on_aws("--list", "--setup") == status
        assert f"not looked at: {name} in " in capsys.readouterr().out
    assert on_aws("--yes") == 1 and there(account) == set()
    assert "nothing of it is left that could be looked at" in capsys.readouterr().out


@pytest.fixture
def in_local(tmp_path, monkeypatch):
    monkeypatch.setattr(clean, "ROOT", tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return tmp_path


def test_in_local_the_running_aws_is_stopped_and_its_folder_and_build_go(in_local, capsys):
    local = ["--where", "local", "--home", str(in_local / ".pocketaws")]
    aws = session.connect("local", home=in_local / ".pocketaws")
    os.environ.pop("AWS_ENDPOINT_URL")
    tags = [{"Key": "course", "Value": "tuneaws"}]
    aws.client("sagemaker").create_experiment(ExperimentName="e", Tags=tags)
    (in_local / "build" / "course").mkdir(parents=True)
    (in_local / "build" / "course" / "index.html").write_text("x")
    (in_local / "mine.txt").write_text("mine")
    assert clean.main([*local]) == 1
    said = capsys.readouterr().out
    assert "experiment  e" in said and ".pocketaws/" in said and "nothing was deleted" in said
    assert session.is_up(in_local / ".pocketaws")
    assert clean.main([*local, "--yes"]) == 0
    assert "stopped the local AWS of .pocketaws/" in capsys.readouterr().out
    assert [path.name for path in in_local.iterdir()] == ["mine.txt"]
    assert clean.main([*local]) == 0
    said = capsys.readouterr().out
    assert "nothing is left of the course here" in said and "WHERE=aws" not in said
    (in_local / ".tuneaws").mkdir()
    (in_local / ".tuneaws" / "ledger.jsonl").touch()
    assert clean.main(local) == 0 and "make clean WHERE=aws" in capsys.readouterr().out


def test_without_credentials_it_says_what_to_do(in_local, capsys, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert clean.main(["--where", "aws", "--yes"]) == 1
    assert "aws configure sso" in capsys.readouterr().err
