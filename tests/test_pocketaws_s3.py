"""S3 of the local AWS: what moto keeps comes through unchanged, and what moto lacks is refused."""

import hashlib
import time

import botocore.loaders
import pytest
from botocore.exceptions import ClientError
from local_server import client, raw, signed_for
from pocketaws.passthrough import S3_OPERATIONS


@pytest.fixture(scope="module")
def url(local_aws):
    return local_aws.url


@pytest.fixture(scope="module")
def s3(url):
    return client(url, "s3")


@pytest.fixture
def bucket_name(bucket):
    return bucket


def test_a_hundred_megabytes_come_back_byte_for_byte(s3, bucket_name):
    block = hashlib.sha256(b"pocketaws").digest() * 32_768
    body = b"".join(bytes([number]) + block for number in range(96))
    assert len(body) > 100_000_000
    s3.put_object(Bucket=bucket_name, Key="big", Body=body)
    assert s3.get_object(Bucket=bucket_name, Key="big")["Body"].read() == body
    end = s3.get_object(Bucket=bucket_name, Key="big", Range="bytes=-5")
    assert end["Body"].read() == body[-5:]


def test_a_multipart_upload_from_many_threads_comes_back(s3, bucket_name, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789abcdef" * 2_000_000)
    s3.upload_file(str(path), bucket_name, "in-parts")
    s3.download_file(bucket_name, "in-parts", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "key", ["a b/ü+%2F//x", "/leading", "dir/", "a?b&c=d#e", "..", "日本", "tab\there", "%25"]
)
def test_keys_keep_every_character(s3, bucket_name, key):
    s3.put_object(Bucket=bucket_name, Key=key, Body=b"x")
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=bucket_name)["Contents"]] == [key]
    assert s3.get_object(Bucket=bucket_name, Key=key)["Body"].read() == b"x"


def test_an_empty_object_is_taken_at_once(s3, bucket_name):
    begin = time.monotonic()
    s3.put_object(Bucket=bucket_name, Key="empty", Body=b"")
    assert s3.head_object(Bucket=bucket_name, Key="empty")["ContentLength"] == 0
    assert time.monotonic() - begin < 20, "the client gives up waiting after 60 s"


def test_metadata_keeps_underscores_and_lower_case(s3, bucket_name):
    metadata = {"my_key": "1", "my-other": "2", "plain": "Value"}
    s3.put_object(Bucket=bucket_name, Key="k", Body=b"x", Metadata=metadata)
    assert s3.head_object(Bucket=bucket_name, Key="k")["Metadata"] == metadata


def test_an_html_object_stays_html(s3, url, bucket_name):
    page = b"<!doctype html><html><body>a report</body></html>"
    s3.put_object(Bucket=bucket_name, Key="report.html", Body=page, ContentType="text/html")
    answer = s3.get_object(Bucket=bucket_name, Key="report.html")
    assert (answer["ContentType"], answer["Body"].read()) == ("text/html", page)


def test_buckets_in_the_host_name_work(url, bucket_name):
    port = url.rpartition(":")[2]
    host = f"{bucket_name}.localhost:{port}"
    status, _, _ = raw(url, "PUT", "/key", b"by host", Host=host, Authorization=signed_for("s3"))
    assert status == 200
    assert raw(url, "GET", "/key", Host=host, Authorization=signed_for("s3"))[2] == b"by host"


def test_a_presigned_address_can_be_read_without_credentials(s3, url, bucket_name):
    s3.put_object(Bucket=bucket_name, Key="k", Body=b"shared")
    address = s3.generate_presigned_url("get_object", Params={"Bucket": bucket_name, "Key": "k"})
    assert raw(url, "GET", address.removeprefix(url))[2] == b"shared"


def test_s3_refuses_what_moto_would_take_for_something_else(s3, bucket_name):
    """moto reads `DELETE /bucket?metrics` as DeleteBucket and `GET /bucket?metrics` as a list of objects."""
    s3.put_object(Bucket=bucket_name, Key="k", Body=b"x")
    for method, members in (
        ("delete_bucket_metrics_configuration", {"Id": "m"}),
        ("get_bucket_metrics_configuration", {"Id": "m"}),
        ("delete_bucket_analytics_configuration", {"Id": "m"}),
        ("get_object_retention", {"Key": "k"}),
        ("get_bucket_request_payment", {}),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(s3, method)(Bucket=bucket_name, **members)
        assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert s3.get_object(Bucket=bucket_name, Key="k")["Body"].read() == b"x"


def test_the_s3_operations_on_the_list_are_real_and_most_of_s3():
    known = set(botocore.loaders.Loader().load_service_model("s3", "service-2")["operations"])
    assert S3_OPERATIONS - known == {"PostObject"}, "browser uploads are not in botocore's model"
    assert len(S3_OPERATIONS) == 80


def test_the_head_of_an_object_that_is_not_there_has_no_body(s3, bucket_name):
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket=bucket_name, Key="none")
    assert caught.value.response["Error"]["Code"] == "404"
