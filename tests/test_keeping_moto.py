"""What moto holds survives SIGKILL: a local AWS is filled, killed while clients write, and started again."""

import datetime
import functools
import hashlib
import json
import logging
import signal
import sqlite3
import threading
import types
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from local_server import TRUST, Process, client
from pocketaws.keeping.logs import LogsKeeper
from pocketaws.keeping.s3_objects import Touched
from pocketaws.keeping.store import Store, StoreClosed
from pocketaws.keeping.wholes import Whole, cipher_of
from urllib3.exceptions import HTTPError

BUCKET, VERSIONED = "kept-objects", "kept-versions"
ACKNOWLEDGED = 40  # answers that each writer has when the kill comes
PART = 5 * 1024**2  # bytes, the least that S3 takes for a part which is not the last
OF_NOTHING = "0" * 32  # the name of a file that no entry names
DAY = datetime.timedelta(days=1)


def body_of(name: str) -> bytes:
    """Up to 300 KB that only this name has, so that half an object or another's is seen."""
    seed = hashlib.sha256(name.encode()).digest()
    return seed * (int.from_bytes(seed[:2], "big") % 9000 + 1)


@dataclass
class Kept:
    """What was seen before the kill, what was acknowledged up to it, and the local AWS that came after it."""

    home: Path = Path()
    url: str = ""
    before: dict = field(default_factory=dict)
    acknowledged: dict = field(default_factory=dict)
    upload: dict = field(default_factory=dict)
    caller: dict = field(default_factory=dict)
    page: dict = field(default_factory=dict)
    log: str = ""
    files_left: list = field(default_factory=list)

    def client(self, service: str):
        return client_of(self.url, service)


@functools.cache
def client_of(url: str, service: str):
    return client(url, service)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Two local AWS one after the other on the same home, a SIGKILL between them."""
    home = tmp_path_factory.mktemp("kept") / "home"
    kept = Kept(home)
    with Process(home, "--port", "0") as first:
        kept.url = first.url()
        fill_s3(kept)
        fill_identity(kept)
        fill_the_rest(kept)
        kept.before = {name: look(kept.url) for name, look in LOOKS.items()}
        kept.page = kept.client("s3").list_objects_v2(Bucket=BUCKET, MaxKeys=1)
        write_until_killed(kept, first)
    damage(home)
    with Process(home, "--port", "0") as second:
        kept.url = second.url()
        kept.log = (home / "pocketaws.log").read_text()
        kept.files_left = [path.name for path in (home / "s3").rglob("*") if path.is_file()]
        yield kept


def fill_s3(kept):
    s3 = kept.client("s3")
    for name in (BUCKET, VERSIONED, "kept-not"):
        s3.create_bucket(Bucket=name)
    s3.delete_bucket(Bucket="kept-not")
    s3.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "course", "Value": "tuneaws"}]})
    s3.put_object(Bucket=BUCKET, Key="a/ü ?&.txt", Body=b"one", Metadata={"my_Key": "1"}, Tagging="k=v",
                  ContentType="text/plain", ContentEncoding="gzip")  # fmt: skip
    s3.put_object(Bucket=BUCKET, Key="empty", Body=b"")
    for content in (b"first", b"second"):
        s3.put_object(Bucket=VERSIONED, Key="v", Body=content, Tagging=f"version={content.decode()}")
    s3.delete_object(Bucket=VERSIONED, Key="v")
    s3.put_object(Bucket=BUCKET, Key="gone", Body=b"gone")
    s3.delete_object(Bucket=BUCKET, Key="gone")
    for name in ("damaged", "cut short"):
        s3.put_object(Bucket=BUCKET, Key=f"damage/{name}", Body=body_of(name))
    parts = start_upload(s3, "joined", [b"1" * PART, b"2"])
    s3.complete_multipart_upload(**parts)
    s3.copy_object(Bucket=BUCKET, Key="copied", CopySource={"Bucket": BUCKET, "Key": "joined"})
    kept.upload = start_upload(s3, "not yet joined", [b"3" * PART, b"4"])
    never = start_upload(s3, "never", [b"5"])
    del never["MultipartUpload"]
    s3.abort_multipart_upload(**never)


def start_upload(s3, key: str, bodies: list) -> dict:
    """What CompleteMultipartUpload takes, once the parts are there."""
    upload = {"Bucket": BUCKET, "Key": key}
    upload["UploadId"] = s3.create_multipart_upload(**upload, Metadata={"of": key})["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        part = s3.upload_part(**upload, PartNumber=number, Body=body)
        names = ("ETag", "ChecksumCRC32")
        parts.append({"PartNumber": number} | {name: part[name] for name in names if name in part})
    return upload | {"MultipartUpload": {"Parts": parts}}


def fill_identity(kept):
    iam = kept.client("iam")
    iam.create_role(RoleName="kept-role", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "b"}])
    iam.attach_role_policy(
        RoleName="kept-role", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    )
    statement = {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="kept-role", PolicyName="inline", PolicyDocument=document)
    policy = iam.create_policy(PolicyName="kept-policy", PolicyDocument=document)["Policy"]["Arn"]
    iam.create_user(UserName="kept-user")
    iam.create_group(GroupName="kept-group")
    iam.add_user_to_group(GroupName="kept-group", UserName="kept-user")
    iam.attach_group_policy(GroupName="kept-group", PolicyArn=policy)
    key = iam.create_access_key(UserName="kept-user")["AccessKey"]
    role = iam.get_role(RoleName="kept-role")["Role"]["Arn"]
    session = kept.client("sts").assume_role(RoleArn=role, RoleSessionName="kept-session")["Credentials"]
    kept.caller = {"user": [key["AccessKeyId"], key["SecretAccessKey"]], "role": list(session.values())[:3]}


def fill_the_rest(kept):
    logs, cloudwatch = kept.client("logs"), kept.client("cloudwatch")
    logs.create_log_group(logGroupName="/kept", tags={"a": "b"})
    logs.put_retention_policy(logGroupName="/kept", retentionInDays=7)
    now = int(datetime.datetime.now().timestamp() * 1000)
    for stream in ("one/algo-1", "deleted"):
        logs.create_log_stream(logGroupName="/kept", logStreamName=stream)
        for call in range(3):
            events = [{"timestamp": now + call, "message": f"{stream} {call} {line} ü"} for line in range(2)]
            logs.put_log_events(logGroupName="/kept", logStreamName=stream, logEvents=events)
    logs.delete_log_stream(logGroupName="/kept", logStreamName="deleted")
    for value in (1.5, 2.5):
        cloudwatch.put_metric_data(Namespace="kept", MetricData=[{"MetricName": "loss", "Value": value}])
    cloudwatch.put_metric_alarm(
        AlarmName="kept", MetricName="loss", Namespace="kept", EvaluationPeriods=1, Period=60, Threshold=1,
        Statistic="Sum", ComparisonOperator="GreaterThanThreshold")  # fmt: skip
    kept.client("secretsmanager").create_secret(Name="kept/token", SecretString="planted-5ecret", Tags=[])


def asked(service: str, operation: str, **request):
    """A look: the answer to an operation, bodies read, without what differs from call to call."""

    def look(url: str) -> dict:
        answer = getattr(client_of(url, service), operation)(**request)
        answer.pop("ResponseMetadata")
        return {key: value.read() if hasattr(value, "read") else value for key, value in answer.items()}

    return look


def versions(url: str) -> list:
    """Every version, each with its content and its tags."""
    s3 = client_of(url, "s3")
    listed = s3.list_object_versions(Bucket=VERSIONED)
    seen = [listed["Versions"], listed["DeleteMarkers"]]
    for version in listed["Versions"]:
        which = {"Bucket": VERSIONED, "Key": "v", "VersionId": version["VersionId"]}
        seen += [s3.get_object(**which)["Body"].read(), s3.get_object_tagging(**which)["TagSet"]]
    return seen


LOOKS = {
    "buckets": asked("s3", "list_buckets"),
    "bucket tags": asked("s3", "get_bucket_tagging", Bucket=BUCKET),
    "versioning": asked("s3", "get_bucket_versioning", Bucket=VERSIONED),
    "versions": versions,
    "object": asked("s3", "get_object", Bucket=BUCKET, Key="a/ü ?&.txt"),
    "object's tags": asked("s3", "get_object_tagging", Bucket=BUCKET, Key="a/ü ?&.txt"),
    "empty object": asked("s3", "get_object", Bucket=BUCKET, Key="empty"),
    "joined object": asked("s3", "get_object", Bucket=BUCKET, Key="joined"),
    "range of it": asked("s3", "get_object", Bucket=BUCKET, Key="joined", Range=f"bytes={PART - 2}-"),
    "part of it": asked("s3", "head_object", Bucket=BUCKET, Key="joined", PartNumber=2),
    "copy": asked("s3", "get_object", Bucket=BUCKET, Key="copied"),
    "uploads": asked("s3", "list_multipart_uploads", Bucket=BUCKET),
    "role": asked("iam", "get_role", RoleName="kept-role"),
    "role's policies": asked("iam", "list_attached_role_policies", RoleName="kept-role"),
    "AWS's policy": asked("iam", "get_policy", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"),
    "inline policy": asked("iam", "get_role_policy", RoleName="kept-role", PolicyName="inline"),
    "group": asked("iam", "get_group", GroupName="kept-group"),
    "policies": asked("iam", "list_policies", Scope="Local"),
    "keys": asked("iam", "list_access_keys", UserName="kept-user"),
    "log groups": asked("logs", "describe_log_groups", logGroupNamePrefix="/kept"),
    "streams": asked("logs", "describe_log_streams", logGroupName="/kept"),
    "log events": asked("logs", "filter_log_events", logGroupName="/kept"),
    "alarms": asked("cloudwatch", "describe_alarms"),
    "metrics": asked("cloudwatch", "get_metric_statistics", Namespace="kept", MetricName="loss", Period=86400,
                     Statistics=["Sum", "SampleCount", "Maximum"],
                     StartTime=datetime.datetime.now() - DAY, EndTime=datetime.datetime.now() + DAY),
    "secret": asked("secretsmanager", "get_secret_value", SecretId="kept/token"),
    "secret's own": asked("secretsmanager", "describe_secret", SecretId="kept/token"),
}  # fmt: skip


def write_until_killed(kept, process):
    """Let four clients write until each has ACKNOWLEDGED answers, then kill the server under them."""
    s3, logs, iam = kept.client("s3"), kept.client("logs"), kept.client("iam")
    logs.create_log_group(logGroupName="/stream")
    logs.create_log_stream(logGroupName="/stream", logStreamName="s")
    now = int(datetime.datetime.now().timestamp() * 1000)
    writers = {
        "objects": lambda n: s3.put_object(Bucket=BUCKET, Key=f"stream/{n}", Body=body_of(f"stream/{n}")),
        "overwritten": lambda n: s3.put_object(Bucket=BUCKET, Key="again", Body=f"{n:06}".encode() * 20_000),
        "events": lambda n: logs.put_log_events(
            logGroupName="/stream", logStreamName="s", logEvents=[{"timestamp": now, "message": str(n)}]
        ),
        "users": lambda n: iam.create_user(UserName=f"stream-{n}"),
    }
    enough = {name: threading.Event() for name in writers}

    def write(name):
        for number in range(100_000):
            try:
                writers[name](number)
            except (BotoCoreError, ClientError, HTTPError, ResponseParserError):  # half of an answer, too
                return
            kept.acknowledged[name] = number
            if number == ACKNOWLEDGED:
                enough[name].set()

    threads = [threading.Thread(target=write, args=(name,)) for name in writers]
    for thread in threads:
        thread.start()
    for event in enough.values():
        assert event.wait(60)
    process.send(signal.SIGKILL)
    process.end()
    for thread in threads:
        thread.join()


def damage(home):
    """Spoil an entry of the store, cut an object's file short, leave a file of no object and a stranger's."""
    with sqlite3.connect(home / "state" / "state.sqlite") as db:
        db.execute("update entries set value = x'00' where key = ?", (f"{BUCKET}/damage/damaged",))
    db.close()
    content = body_of("cut short")
    (file,) = [path for path in (home / "s3").rglob("*") if path.is_file() and path.read_bytes() == content]
    file.write_bytes(content[:-1])
    file.with_name(OF_NOTHING).write_bytes(b"half")
    (home / "s3" / "notes.txt").write_text("somebody's own")


@pytest.mark.parametrize("what", LOOKS)
def test_every_answer_is_the_same_after_a_kill(kept, what):
    assert LOOKS[what](kept.url) == kept.before[what]


def test_the_looks_saw_something(kept):
    assert kept.before["object"]["Metadata"] == {"my_key": "1"}
    assert kept.before["versions"][2:] == [
        b"second", [{"Key": "version", "Value": "second"}], b"first", [{"Key": "version", "Value": "first"}]
    ]  # fmt: skip
    assert kept.before["range of it"]["Body"] == b"112"
    assert [len(kept.before[name]["Body"]) for name in ("joined object", "copy")] == [PART + 1] * 2
    assert kept.before["part of it"]["ContentLength"] == 1
    assert len(kept.before["log events"]["events"]) == 6
    assert [point["SampleCount"] for point in kept.before["metrics"]["Datapoints"]] == [2]
    assert [upload["Key"] for upload in kept.before["uploads"]["Uploads"]] == ["not yet joined"]


def test_every_acknowledged_object_is_there_and_none_is_half_there(kept):
    s3 = kept.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="stream/")
    sizes = {row["Key"]: row["Size"] for page in pages for row in page.get("Contents", [])}
    last = kept.acknowledged["objects"]
    assert set(sizes) - {f"stream/{last + 1}"} == {f"stream/{number}" for number in range(last + 1)}
    for key, size in sizes.items():
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body_of(key), key
        assert size == len(body_of(key))


def test_an_object_that_was_being_overwritten_is_the_old_or_the_new_one(kept):
    content = kept.client("s3").get_object(Bucket=BUCKET, Key="again")["Body"].read()
    number = int(content[:6])
    assert content == f"{number:06}".encode() * 20_000
    assert number in (kept.acknowledged["overwritten"], kept.acknowledged["overwritten"] + 1)


def test_every_acknowledged_log_event_is_there_once_and_in_order(kept):
    pages = kept.client("logs").get_paginator("filter_log_events").paginate(logGroupName="/stream")
    numbers = [int(event["message"]) for page in pages for event in page["events"]]
    last = kept.acknowledged["events"]
    assert numbers in (list(range(last + 1)), list(range(last + 2)))


def test_every_acknowledged_user_is_there(kept):
    users = kept.client("iam").get_paginator("list_users").paginate()
    names = {user["UserName"] for page in users for user in page["Users"]}
    last = kept.acknowledged["users"]
    assert names - {f"stream-{last + 1}"} == {
        "kept-user",
        *(f"stream-{number}" for number in range(last + 1)),
    }


def test_keys_still_say_who_calls(kept):
    arns = {}
    for name, key in kept.caller.items():
        sts = boto3.session.Session(*key, region_name="us-east-1").client("sts", endpoint_url=kept.url)
        arns[name] = sts.get_caller_identity()["Arn"]
    account = "123456789012"
    assert arns == {
        "user": f"arn:aws:iam::{account}:user/kept-user",
        "role": f"arn:aws:sts::{account}:assumed-role/kept-role/kept-session",
    }


def test_a_multipart_upload_goes_on_after_a_kill(kept):
    s3 = kept.client("s3")
    s3.complete_multipart_upload(**kept.upload)
    got = s3.get_object(Bucket=BUCKET, Key="not yet joined")
    assert got["Body"].read() == b"3" * PART + b"4"
    assert got["Metadata"] == {"of": "not yet joined"}


def test_a_listing_goes_on_after_a_kill(kept):
    first, s3 = kept.page["Contents"][0]["Key"], kept.client("s3")
    rest = s3.list_objects_v2(Bucket=BUCKET, ContinuationToken=kept.page["NextContinuationToken"])
    assert [row["Key"] for row in rest["Contents"]] == [
        row["Key"] for row in s3.list_objects_v2(Bucket=BUCKET, StartAfter=first)["Contents"]
    ]
    with pytest.raises(ClientError, match="The continuation token provided is incorrect"):
        s3.list_objects_v2(Bucket=BUCKET, ContinuationToken="é")


def test_a_damaged_entry_and_a_file_cut_short_cost_their_objects_and_no_more(kept):
    listed = kept.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="damage/")
    assert listed["KeyCount"] == 0
    assert f"the s3 key {BUCKET}/damage/damaged is set aside" in kept.log
    assert f"the s3 key {BUCKET}/damage/cut short is set aside" in kept.log
    assert kept.log.count("is set aside") == 2


def test_files_that_belong_to_no_object_are_removed_and_no_others(kept):
    assert OF_NOTHING not in kept.files_left
    assert "notes.txt" in kept.files_left
    assert len(kept.files_left) > ACKNOWLEDGED


def test_an_object_that_is_deleted_or_overwritten_leaves_no_file(kept):
    s3 = kept.client("s3")

    def count() -> int:
        return sum(path.is_file() for path in (kept.home / "s3").rglob("*"))

    before = count()
    for content in (b"one", b"two"):
        s3.put_object(Bucket=BUCKET, Key="short-lived", Body=content)
    assert count() == before + 1
    s3.complete_multipart_upload(**start_upload(s3, "short-lived", [b"1" * PART, b"2"]))
    assert count() == before + 2
    s3.delete_object(Bucket=BUCKET, Key="short-lived")
    assert count() == before


def test_secrets_do_not_lie_in_the_home_as_they_are(kept):
    files = [path for path in kept.home.rglob("*") if path.is_file()]
    assert [path.name for path in files if b"planted-5ecret" in path.read_bytes()] == []
    assert (kept.home / "state" / "key").stat().st_mode & 0o077 == 0


def test_a_reader_gets_the_object_that_it_asked_for_though_it_is_overwritten_meanwhile(kept):
    s3 = kept.client("s3")
    parts = [b"o" * 4 * PART, b"ld"]  # two files, and more than sockets take before the first byte is read
    s3.complete_multipart_upload(**start_upload(s3, "read", parts))
    reading = s3.get_object(Bucket=BUCKET, Key="read")["Body"]
    begun = reading.read(1000)
    s3.put_object(Bucket=BUCKET, Key="read", Body=b"new")
    assert begun + reading.read() == b"".join(parts)
    assert s3.get_object(Bucket=BUCKET, Key="read")["Body"].read() == b"new"


def test_a_secret_that_is_scheduled_for_deletion_is_refused_as_aws_refuses_it(kept):
    secrets = kept.client("secretsmanager")
    secrets.create_secret(Name="scheduled", SecretString="a")
    secrets.delete_secret(SecretId="scheduled")
    refused = {
        "create_secret": ({"Name": "scheduled", "SecretString": "b"}, "already scheduled for deletion"),
        "get_secret_value": ({"SecretId": "scheduled"}, "was marked for deletion"),
        "put_secret_value": ({"SecretId": "scheduled", "SecretString": "b"}, "was marked for deletion"),
        "tag_resource": ({"SecretId": "scheduled", "Tags": []}, "was marked for deletion"),
    }
    for operation, (request, words) in refused.items():
        with pytest.raises(secrets.exceptions.InvalidRequestException, match=words):
            getattr(secrets, operation)(**request)
    secrets.restore_secret(SecretId="scheduled")
    assert secrets.get_secret_value(SecretId="scheduled")["SecretString"] == "a"
    secrets.delete_secret(SecretId="scheduled", ForceDeleteWithoutRecovery=True)
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.describe_secret(SecretId="scheduled")


def test_what_moto_makes_up_of_secrets_is_refused_by_name(kept):
    secrets = kept.client("secretsmanager")
    with pytest.raises(ClientError, match="does not have secretsmanager ListSecretVersionIds"):
        secrets.list_secret_version_ids(SecretId="kept/token")
    with pytest.raises(ClientError, match="ValidationException.*'name'"):
        client(kept.url, "secretsmanager", parameter_validation=False).create_secret(Name="x" * 513)


def test_a_secret_that_is_refused_is_neither_in_the_answer_nor_in_the_log(kept):
    with pytest.raises(ClientError, match="Value at 'secretString' failed to satisfy constraint"):
        kept.client("secretsmanager").create_secret(Name="long", SecretString="another-5ecret" * 5000)
    assert "another-5ecret" not in (kept.home / "pocketaws.log").read_text()


def test_a_home_whose_key_is_lost_starts_without_what_it_encrypted(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("pocketaws"), "propagate", True)
    store = Store(tmp_path / "state")
    held = {"x": types.SimpleNamespace(iter_backends=lambda: [])}
    Whole(store, "identity", held, cipher=cipher_of(store.folder)).keep()
    (store.folder / "key").write_bytes(b"not a key")
    Whole(store, "identity", held, cipher=cipher_of(store.folder)).restore()
    assert "key is no key" in caplog.text and "the service identity is set aside" in caplog.text
    assert store.kinds() == []
    store.close()


@pytest.mark.parametrize("kind", ["secrets", "logs"])
def test_what_could_not_be_written_is_written_with_the_next_change(tmp_path, kind):
    store = Store(tmp_path / "state")
    if kind == "logs":
        whole = LogsKeeper(store)
        keep = functools.partial(whole.keep, Touched(), structure=True)
    else:
        whole = Whole(store, kind, {"x": types.SimpleNamespace(iter_backends=lambda: [])})
        keep = whole.keep
    store.close()
    with pytest.raises(StoreClosed):
        keep()
    whole._store = Store(tmp_path / "state")
    keep()
    assert whole._store.kinds() == ["service"]
    whole._store.close()
