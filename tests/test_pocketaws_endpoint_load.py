"""Endpoints through the whole of pocketaws: many requests at once, and a server that is killed."""

import json
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
import psutil
import pytest
from botocore.config import Config
from engine_aid import gone
from hosting_aid import ECHO, delete, deploy, tiny_archive, wait
from local_server import TRUST, Process, client

REQUESTS = 200


@pytest.fixture(scope="module", name="echo")
def an_endpoint_that_echoes(local_aws, role_arn):
    s3 = local_aws.client("s3")
    bucket = f"load-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    name = deploy(local_aws, role_arn, bucket, "echo", tiny_archive(ECHO))
    yield name
    delete(local_aws, name)


def test_200_requests_at_once_each_get_their_own_answer_and_memory_stays_flat(local_aws, echo):
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=REQUESTS)
    runtime = boto3.client("sagemaker-runtime", endpoint_url=local_aws.url, config=config)

    def ask(number: int) -> bool:
        sent = {"number": number, "text": f"{number} " * 500}
        answer = runtime.invoke_endpoint(
            EndpointName=echo, ContentType="application/json", Body=json.dumps(sent)
        )
        return json.loads(answer["Body"].read())["data"] == sent

    sizes = []
    with ThreadPoolExecutor(REQUESTS) as pool:
        for _ in range(3):
            assert all(pool.map(ask, range(REQUESTS)))
            sizes.append(_resident_mb(local_aws.pid))
    runtime.close()
    assert sizes[2] - sizes[0] < 10, sizes


def _resident_mb(pid: int) -> float:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(process.memory_info().rss for process in family) / 1e6


def test_a_killed_pocketaws_leaves_no_model_process(tmp_path):
    with Process(tmp_path, "--port", "0") as server:
        url = server.url()
        local = _Local(url)
        role = client(url, "iam").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        local.client("s3").create_bucket(Bucket="models")
        name = deploy(local, role, "models", "echo", tiny_archive(ECHO))
        pids = [child.pid for child in psutil.Process(server.pid).children(recursive=True)]
        assert len(pids) >= 2 and (tmp_path / "endpoints" / name).is_dir()
        server.send(signal.SIGKILL)
        server.end()
        assert all(gone(pid) for pid in pids)


class _Local:
    """What hosting_aid needs of a local AWS."""

    def __init__(self, url: str):
        self._url, self._clients = url, {}

    def client(self, service: str):
        if service not in self._clients:
            self._clients[service] = client(self._url, service)
        return self._clients[service]


def test_a_deleted_endpoint_can_be_made_again_at_once(local_aws, role_arn, bucket):
    name = deploy(local_aws, role_arn, bucket, "again", tiny_archive(ECHO))
    sagemaker = local_aws.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    sagemaker.delete_endpoint(EndpointName=name)
    wait(local_aws, name, "Deleted")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    wait(local_aws, name)
    began = time.monotonic()
    delete(local_aws, name)
    assert time.monotonic() - began < 10
