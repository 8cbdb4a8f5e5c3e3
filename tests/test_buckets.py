"""Buckets: a name that is yours, private and encrypted, and nothing deleted that is not the course's."""

import uuid

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws
from tuneaws import buckets
from tuneaws.buckets import BucketError, bucket_name, ensure_bucket

TAG = {"Key": "course", "Value": "tuneaws"}


@pytest.fixture
def s3():
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1")


def new_name() -> str:
    return f"tuneaws-test-{uuid.uuid4().hex[:12]}"


# --- names


def test_a_name_is_the_same_each_time_and_differs_for_everybody_else():
    name = bucket_name("tuneaws", "123456789012", "us-east-1", "arn:aws:iam::123456789012:user/ana")
    assert name == bucket_name("tuneaws", "123456789012", "us-east-1", "arn:aws:iam::123456789012:user/ana")
    assert name.startswith("tuneaws-123456789012-us-east-1-")
    others = {bucket_name(*args) for args in [
        ("tuneaws", "123456789012", "us-east-1", "arn:aws:iam::123456789012:user/ben"),
        ("tuneaws", "123456789013", "us-east-1"), ("tuneaws", "123456789012", "us-east-2"),
        ("other", "123456789012", "us-east-1")]}
    assert len(others - {name}) == 4


@pytest.mark.parametrize("project", ["a", "tuneaws", "a23456789-123456789b"])
@pytest.mark.parametrize("region", ["us-east-1", "ap-southeast-2", "a-very-long-region-name-1"])
def test_every_project_and_region_gives_a_name_that_s3_takes(project, region):
    name = bucket_name(project, "123456789012", region)
    assert 3 <= len(name) <= 63 and name.startswith("tuneaws") and not name.endswith("-")


@pytest.mark.parametrize("name", ["ab", "a" * 64, "Upper-case", "under_score", "-start", "end-", "two..dots",
                                  "192.168.5.4", "xn--name", "my-s3alias", "sthree-x", "with space"])
def test_a_name_that_s3_refuses_is_refused_here_first(name):
    with pytest.raises(BucketError, match="is no name for a bucket"):
        buckets.check_name(name)


# --- creation


def test_us_east_1_must_not_be_named_and_every_other_region_must():
    assert buckets.create_request("abc", "us-east-1") == {"Bucket": "abc"}
    assert buckets.create_request("abc", "eu-west-1") == {
        "Bucket": "abc", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_bucket_is_private_encrypted_and_tagged_in_any_region(region):
    with mock_aws():
        s3 = boto3.client("s3", region_name=region)
        name = new_name()
        assert ensure_bucket(s3, name, region, [TAG]) == name
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        assert len(block) == 4 and all(block.values())
        rule = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [TAG]
        assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] in (region, None)


def test_asking_again_keeps_what_is_in_the_bucket_and_its_other_tags(s3):
    name = new_name()
    ensure_bucket(s3, name, "us-east-1", [TAG])
    s3.put_object(Bucket=name, Key="a", Body=b"1")
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "team", "Value": "x"}]})
    ensure_bucket(s3, name, "us-east-1", [TAG])
    assert buckets.bucket_tags(s3, name) == {"team": "x", "course": "tuneaws"}
    assert [entry["key"] for entry in buckets.list_objects(s3, name)] == ["a"]


def test_the_same_against_the_local_aws(local_aws):
    s3, name = local_aws.client("s3"), new_name()
    for _ in range(2):
        ensure_bucket(s3, name, "us-east-1", [TAG])
    assert buckets.bucket_tags(s3, name) == {"course": "tuneaws"}
    assert buckets.delete_bucket(s3, name, TAG) == 0


def test_somebody_elses_bucket_is_named_with_a_fix():
    s3 = boto3.client("s3", region_name="us-east-1")
    with Stubber(s3) as stub:
        stub.add_client_error("head_bucket", "403", http_status_code=403)
        with pytest.raises(BucketError, match="(?s)belongs to another account.*project.name.*local"):
            ensure_bucket(s3, "somebody-elses", "us-east-1")


def test_a_name_that_somebody_took_a_moment_ago_is_named_with_a_fix():
    s3 = boto3.client("s3", region_name="us-east-1")
    with Stubber(s3) as stub:
        stub.add_client_error("head_bucket", "404", http_status_code=404)
        stub.add_client_error("create_bucket", "BucketAlreadyExists", http_status_code=409)
        with pytest.raises(BucketError, match="belongs to another account"):
            ensure_bucket(s3, "somebody-elses", "us-east-1")


def test_a_bucket_in_another_region_is_refused(s3):
    name = new_name()
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with pytest.raises(BucketError, match="is in eu-west-1, you work in us-east-1"):
        ensure_bucket(s3, name, "us-east-1")


def test_an_error_of_aws_that_is_none_of_these_passes_through():
    s3 = boto3.client("s3", region_name="us-east-1")
    with Stubber(s3) as stub:
        stub.add_client_error("head_bucket", "503", http_status_code=503)
        with pytest.raises(ClientError):
            ensure_bucket(s3, "some-name", "us-east-1")


# --- files


def test_a_file_goes_up_and_a_folder_comes_down(s3, tmp_path):
    s3.create_bucket(Bucket="files-bucket")
    (tmp_path / "a.txt").write_text("A")
    assert buckets.upload_file(s3, tmp_path / "a.txt", "files-bucket", "/in/") == "s3://files-bucket/in/a.txt"
    s3.put_object(Bucket="files-bucket", Key="in/deep/b.txt", Body=b"B")
    s3.put_object(Bucket="files-bucket", Key="in-other/c.txt", Body=b"C")
    s3.put_object(Bucket="files-bucket", Key="in/", Body=b"")
    paths = buckets.download(s3, "s3://files-bucket/in/", tmp_path / "out")
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in paths) == ["a.txt", "deep/b.txt"]
    one = buckets.download(s3, "s3://files-bucket/in/a.txt", tmp_path / "one")
    assert [path.read_text() for path in one] == ["A"]


def test_nothing_at_an_address_is_an_error_and_not_an_empty_folder(s3, tmp_path):
    s3.create_bucket(Bucket="files-bucket")
    s3.put_object(Bucket="files-bucket", Key="in/a", Body=b"")
    for uri in ("s3://files-bucket/none/", "s3://files-bucket/in"):
        with pytest.raises(BucketError, match="there is nothing at"):
            buckets.download(s3, uri, tmp_path)
    with pytest.raises(BucketError, match="is no S3 address"):
        buckets.download(s3, "https://example.com/x", tmp_path)


def test_a_key_cannot_write_outside_the_folder(s3, tmp_path):
    s3.create_bucket(Bucket="files-bucket")
    s3.put_object(Bucket="files-bucket", Key="in/../../evil", Body=b"x")
    with pytest.raises(BucketError, match="leads out of"):
        buckets.download(s3, "s3://files-bucket/in/", tmp_path / "out")
    assert not (tmp_path / "evil").exists()


# --- the end


def test_only_a_bucket_with_the_courses_tag_is_emptied_and_deleted(s3):
    mine, other = new_name(), new_name()
    ensure_bucket(s3, mine, "us-east-1", [TAG])
    ensure_bucket(s3, other, "us-east-1", [{"Key": "course", "Value": "biology"}])
    s3.put_bucket_versioning(Bucket=mine, VersioningConfiguration={"Status": "Enabled"})
    for i in range(3):
        s3.put_object(Bucket=mine, Key="a", Body=str(i).encode())
    s3.delete_object(Bucket=mine, Key="a")
    with pytest.raises(BucketError, match="does not carry the tag course=tuneaws"):
        buckets.delete_bucket(s3, other, TAG)
    assert buckets.delete_bucket(s3, mine, TAG) == 4
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [other]


def test_a_bucket_of_thousands_of_objects_is_emptied(s3):
    name = new_name()
    ensure_bucket(s3, name, "us-east-1", [TAG])
    for i in range(1005):
        s3.put_object(Bucket=name, Key=f"k{i}", Body=b"")
    assert len(buckets.list_objects(s3, name)) == 1005
    assert buckets.delete_bucket(s3, name, TAG) == 1005
