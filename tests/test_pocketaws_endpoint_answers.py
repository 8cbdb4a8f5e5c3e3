"""Requests to a container: whole answers and streamed ones, limits of time, what CloudWatch hears of them."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from engine_aid import a_bare_aws  # noqa: F401  (a fixture)
from hosting_bench import JSON, a_hosting_bench, until  # noqa: F401  (a fixture)
from pocketaws.hosting import metrics
from pocketaws.hosting.errors import ContainerGone, ContainerTimeout


def stream(bench, endpoint, pieces: int, folder, **options):
    data = json.dumps({"stream": pieces, "folder": str(folder)}).encode()
    return bench.engine.invoke_stream(endpoint, data, JSON, **options)


def instance(endpoint):
    return endpoint.engine_state.fleet.variants["AllTraffic"].instances[0]


@pytest.fixture(scope="module", name="endpoint")
def an_endpoint(bench):
    """One endpoint of the bench's script."""
    return bench.deploy()


def test_each_piece_arrives_before_the_next_one_is_made(bench, endpoint, tmp_path):
    answer = stream(bench, endpoint, 3, tmp_path)
    assert answer.status == 200 and answer.variant == "AllTraffic"
    assert next(answer.chunks) == b"piece 0;"  # the script makes piece 1 only when the file is there
    (tmp_path / "1").touch()
    assert next(answer.chunks) == b"piece 1;"
    (tmp_path / "2").touch()
    assert list(answer.chunks) == [b"piece 2;"]
    assert instance(endpoint).in_flight == 0
    assert bench.ask(endpoint).status == 200
    whole = stream(bench, endpoint, 1, tmp_path)
    assert b"".join(whole.chunks) == b"piece 0;"


def test_a_client_that_goes_away_ends_the_stream_in_the_container(bench, endpoint, tmp_path):
    (tmp_path / "asleep").touch()  # from the first piece on
    answer = stream(bench, endpoint, 100, tmp_path)
    next(answer.chunks)
    waiting = threading.Thread(target=lambda: pytest.raises(ContainerGone, list, answer.chunks), daemon=True)
    waiting.start()
    answer.close()  # from another thread than the one that reads
    waiting.join(60)
    assert not waiting.is_alive() and not (tmp_path / "closed").exists(), "it does not wait for the script"
    (tmp_path / "asleep").unlink()
    until(lambda: (tmp_path / "closed").exists(), 10, lambda: bench.log(endpoint))
    assert instance(endpoint).in_flight == 0
    assert bench.ask(endpoint).status == 200


def test_a_stream_that_breaks_is_no_complete_answer(bench, tmp_path):
    endpoint = bench.deploy(
        "def model_fn(d): pass\ndef transform_fn(m, b, c, a): return pieces()\n"
        "def pieces():\n    yield 'one'\n    raise RuntimeError('out of tokens')"
    )
    answer = stream(bench, endpoint, 1, tmp_path)
    assert next(answer.chunks) == b"one"
    with pytest.raises(ContainerGone, match="broke off its answer") as caught:
        list(answer.chunks)
    assert caught.value.log_stream == answer.log_stream
    bench.until_logged(endpoint, "RuntimeError: out of tokens")
    assert instance(endpoint).restarts == 0


def test_a_container_that_is_too_slow_is_not_waited_for(bench, endpoint, tmp_path):
    with pytest.raises(ContainerTimeout, match="did not answer within 0.3 seconds"):
        bench.ask(endpoint, '{"sleep": 1}', timeout_s=0.3)
    answer = stream(bench, endpoint, 2, tmp_path, timeout_s=2.0)
    assert next(answer.chunks) == b"piece 0;"
    with pytest.raises(ContainerTimeout, match="did not finish its answer within 2 seconds"):
        next(answer.chunks)
    assert instance(endpoint).in_flight == 0
    assert bench.ask(endpoint).status == 200


def test_a_request_whose_client_has_gone_while_it_waited_never_runs(bench, tmp_path):
    endpoint = bench.deploy(
        "import pathlib, time\ndef model_fn(d): return []\ndef transform_fn(m, b, c, a):\n"
        f"    m.append(b)\n    pathlib.Path({str(tmp_path)!r}, 'began').touch()\n"
        "    time.sleep(0.6)\n    return ','.join(m)"
    )
    first = threading.Thread(target=lambda: bench.ask(endpoint, "first"))
    first.start()
    until(lambda: (tmp_path / "began").exists(), 5, lambda: bench.log(endpoint))
    with pytest.raises(ContainerTimeout):
        bench.ask(endpoint, "gave-up", timeout_s=0.2)
    first.join()
    assert bench.ask(endpoint, "last").body == b"first,last"


def test_a_large_body_passes_both_ways_and_headers_arrive(bench):
    endpoint = bench.deploy(
        "def model_fn(d, context): return context\n"
        "def transform_fn(m, body, content_type, accept, context):\n"
        "    assert context is m\n"
        "    note = context.get_request_header(0, 'X-Amzn-SageMaker-Custom-Attributes')\n"
        "    return body if note == 'as it is' else content_type + accept"
    )
    body = bytes(range(256)) * 40_000
    headers = {"Content-Type": "application/octet-stream", "X-Amzn-SageMaker-Custom-Attributes": "as it is"}
    answer = bench.engine.invoke(endpoint, body, headers)
    assert answer.body == body and answer.headers["Content-Type"] == "application/json"
    plain = bench.engine.invoke(endpoint, b"", {"Content-Type": "a/b", "Accept": "c/d"})
    assert plain.body == b"a/bc/d" and plain.headers["Content-Type"] == "c/d"


def test_200_threads_get_their_own_answers(bench):
    endpoint = bench.deploy(instance_count=2)
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda number: bench.ask(endpoint, str(number)).json["data"], range(1000)))
    assert answers == list(range(1000))
    assert len(instance(endpoint).connections._idle) <= 32


def test_cloudwatch_counts_requests_errors_and_microseconds(bench, monkeypatch):
    monkeypatch.setattr(metrics, "SEND_EVERY_S", 0.05)
    endpoint = bench.deploy()
    for _ in range(5):
        bench.ask(endpoint)
    bench.ask(endpoint, '{"sleep": 0.2}', received_at=time.monotonic() - 0.1)
    bench.ask(endpoint, '"fail"')
    with pytest.raises(ContainerGone):
        bench.ask(endpoint, '"exit"')

    def total(name: str, statistic: str = "Sum") -> float:
        now = datetime.now(timezone.utc)
        points = bench.cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker", MetricName=name, Period=3600, Statistics=[statistic],
            Dimensions=[
                {"Name": "EndpointName", "Value": endpoint.name},
                {"Name": "VariantName", "Value": "AllTraffic"},
            ],
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1),
        )["Datapoints"]  # fmt: skip
        return sum(point[statistic] for point in points)

    until(lambda: total("Invocations") == 8, 10, lambda: total("Invocations"))
    assert total("Invocation4XXErrors") == 1 and total("Invocation5XXErrors") == 1
    assert total("ModelLatency", "SampleCount") == 8
    assert 0.2e6 < total("ModelLatency", "Maximum") < 20e6  # a busy machine may take its time
    assert 0.1e6 < total("OverheadLatency", "Maximum") < 20e6
    assert 0 < total("OverheadLatency", "Minimum") < 0.1e6
