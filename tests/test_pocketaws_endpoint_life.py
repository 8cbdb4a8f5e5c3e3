"""An endpoint's life in the engine: up, answering, changed, restarted, gone."""

import dataclasses
import threading
import time

import psutil
import pytest
from engine_aid import a_bare_aws, alive, gone  # noqa: F401  (a fixture)
from hosting_bench import (  # noqa: F401  (two fixtures)
    SCRIPT,
    a_hosting_bench,
    a_hosting_bench_of_its_own,
    descendants,
    listening_ports,
    until,
)
from pocketaws.hosting.errors import ContainerGone, NoSuchVariant, NotServing


def test_a_deleted_endpoint_leaves_no_process_no_port_and_no_folder(bench):
    endpoint = bench.deploy(files={"weights.bin": b"\0" * 1000})
    pid = bench.pid(endpoint)
    ports = listening_ports(pid)
    folder = bench.home / "endpoints" / endpoint.name / "AllTraffic" / "1"
    assert len(ports) == 1 and ports == [int((folder / "port").read_text())]
    assert (folder / "model" / "weights.bin").stat().st_size == 1000
    family = [pid, psutil.Process(pid).ppid()]  # and its supervisor
    bench.delete(endpoint)
    assert all(gone(each, wait_s=0) for each in family)
    assert not [c for c in psutil.net_connections("tcp") if c.laddr.port in ports and c.status == "LISTEN"]
    assert not folder.parent.parent.exists()
    with pytest.raises(NotServing, match="is Deleting and answers no requests"):
        bench.ask(endpoint)


def test_a_container_sees_what_sagemaker_gives_it_and_nothing_of_the_shell(bench, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "of the shell")
    monkeypatch.setenv("SM_HP_EPOCHS", "3")
    source = """
import json, os, sys
def model_fn(model_dir): return model_dir
def transform_fn(model, body, content_type, accept):
    return json.dumps({"model": model, "cwd": os.getcwd(), "env": dict(os.environ), "modules": [
        name for name in ("metrics", "errors", "http_server", "tuneaws") if __import__("importlib.util").util.find_spec(name)]})
"""  # noqa: E501
    endpoint = bench.deploy(
        source, environment={"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code", "MINE": "1"}
    )
    seen = bench.ask(endpoint).json
    root = bench.home / "endpoints" / endpoint.name / "AllTraffic" / "1"
    env = seen["env"]
    assert seen["model"] == env["SM_MODEL_DIR"] == str(root / "model")
    assert env["SAGEMAKER_SUBMIT_DIRECTORY"] == str(root / "model" / "code")
    assert env["HF_HUB_OFFLINE"] == "1" and env["HF_HUB_CACHE"] == str(bench.home / "hub")
    assert env["MINE"] == "1" and env["AWS_REGION"] == "us-east-1"
    assert "SECRET_TOKEN" not in env and "SM_HP_EPOCHS" not in env
    assert seen["modules"] == []  # pocketaws's own modules are not the script's


def test_what_a_container_prints_is_in_the_endpoints_log(bench):
    endpoint = bench.deploy()
    answer = bench.ask(endpoint, '"fail"')
    lines = bench.until_logged(endpoint, "ValueError: this payload is not wanted")
    assert "model loaded from model" in lines
    group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
    streams = bench.logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert [row["logStreamName"] for row in streams] == [answer.log_stream]
    assert answer.log_stream.startswith("AllTraffic/i-0")


def test_an_update_loses_no_request_and_ends_the_old_processes(bench):
    endpoint = bench.deploy(environment={"NAME": "old"})
    old = bench.pid(endpoint)
    names, failures, stop = [], [], threading.Event()

    def hammer():
        while not stop.is_set():
            try:
                names.append(bench.ask(endpoint).json["name"])
            except Exception as err:
                failures.append(err)

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    bench.update(endpoint, bench.variant(environment={"NAME": "new"}))
    bench.rests(endpoint)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(names) == {"old", "new"} and len(names) > 20
    assert bench.ask(endpoint).json["name"] == "new"
    assert gone(old, wait_s=0)
    assert sorted(
        path.name for path in (bench.home / "endpoints" / endpoint.name / "AllTraffic").iterdir()
    ) == ["2"]


def test_an_update_that_fails_rolls_back_and_says_why(bench):
    endpoint = bench.deploy()
    before, statuses = bench.pid(endpoint), []
    move = endpoint.move
    endpoint.move = lambda status, reason="": (statuses.append(status), move(status, reason))
    bench.update(endpoint, bench.variant("def model_fn(model_dir): raise RuntimeError('no weights here')"))
    bench.rests(endpoint)
    assert statuses == ["Updating", "RollingBack", "InService"] and endpoint.status == "InService"
    assert "did not pass the ping health check" in endpoint.failure_reason
    assert "RuntimeError: no weights here" in endpoint.failure_reason
    assert bench.pid(endpoint) == before


def test_traffic_follows_the_weights_and_a_target_overrides_them(bench):
    variants = [
        bench.variant(name=name, weight=weight, environment={"NAME": name})
        for name, weight in (("a", 3.0), ("b", 1.0), ("off", 0.0))
    ]
    endpoint = bench.create(*variants)
    bench.rests(endpoint)
    answers = [bench.ask(endpoint) for _ in range(400)]
    assert all(answer.json["name"] == answer.variant for answer in answers)
    share = sum(answer.variant == "a" for answer in answers) / 400
    assert 0.66 < share < 0.84  # 4 standard deviations around 0.75
    assert {answer.variant for answer in answers} == {"a", "b"}
    assert bench.ask(endpoint, target_variant="off").variant == "off"
    with pytest.raises(NoSuchVariant, match="Variant c not found"):
        bench.ask(endpoint, target_variant="c")
    bench.reweigh(endpoint, {"a": {"weight": 0.0, "count": None}, "b": {"weight": 2.0, "count": None}})
    assert {bench.ask(endpoint).variant for _ in range(50)} == {"b"}
    shown = {row["VariantName"]: row["CurrentWeight"] for row in endpoint.describe()["ProductionVariants"]}
    assert shown == {"a": 0.0, "b": 2.0, "off": 0.0}


def test_instances_share_the_requests_and_their_number_can_change(bench):
    endpoint = bench.deploy(instance_count=2)

    def together(count: int) -> set[int]:
        found = []
        ask = lambda: found.append(bench.ask(endpoint, '{"sleep": 0.3}').json["pid"])  # noqa: E731
        threads = [threading.Thread(target=ask) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return set(found)

    two = together(2)
    assert len(two) == 2
    bench.reweigh(endpoint, {"AllTraffic": {"weight": None, "count": 1}})
    (one,) = together(2)
    assert one in two and all(gone(pid) for pid in two - {one})
    bench.reweigh(endpoint, {"AllTraffic": {"weight": None, "count": 3}})
    assert len(together(3)) == 3
    assert endpoint.describe()["ProductionVariants"][0]["CurrentInstanceCount"] == 3


def test_a_killed_process_fails_its_requests_at_once_and_is_started_again(bench):
    endpoint = bench.deploy()
    pid = bench.pid(endpoint)
    failures = []

    def ask():
        began = time.monotonic()
        with pytest.raises(ContainerGone) as caught:
            bench.ask(endpoint, '{"sleep": 30}')
        failures.append((time.monotonic() - began, caught.value.log_stream))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    variant = endpoint.engine_state.fleet.variants["AllTraffic"]
    until(lambda: variant.instances[0].in_flight == 3, 10, lambda: variant.instances[0].in_flight)
    psutil.Process(pid).kill()
    for thread in threads:
        thread.join(10)
    assert len(failures) == 3 and all(seconds < 5 for seconds, _ in failures)
    assert failures[0][1] == variant.instances[0].log_stream
    one = variant.instances[0]
    until(lambda: one.restarts == 1 and one.connections, 20, lambda: bench.log(endpoint))
    assert bench.pid(endpoint) != pid and endpoint.status == "InService"
    bench.until_logged(endpoint, "pocketaws: The container was killed by SIGKILL. It is being started again.")


def test_a_container_that_cannot_be_started_again_is_reported_and_nothing_hangs(bench, monkeypatch):
    monkeypatch.setattr("pocketaws.hosting.instance.GIVE_UP_AFTER", 2)
    marker = bench.home / "started"
    source = f"""
import pathlib
def model_fn(model_dir):
    marker = pathlib.Path({str(marker)!r})
    if marker.exists():
        raise OSError("the GPU has fallen off the bus")
    marker.touch()
""" + SCRIPT.split("return os.environ")[1].partition("\n")[2]
    endpoint = bench.deploy("import json, os, time\n" + source)
    with pytest.raises(ContainerGone):
        bench.ask(endpoint, '"exit"')
    until(
        lambda: endpoint.engine_state.fleet.variants["AllTraffic"].instances[0].failure, 20,
        lambda: bench.log(endpoint),
    )  # fmt: skip
    with pytest.raises(NotServing, match="has no healthy container.*fallen off the bus.*no more"):
        bench.ask(endpoint)


def test_a_killed_supervisor_takes_its_process_along_and_both_come_back(bench):
    endpoint = bench.deploy()
    pid = bench.pid(endpoint)
    psutil.Process(pid).parent().kill()
    assert gone(pid)
    instance = endpoint.engine_state.fleet.variants["AllTraffic"].instances[0]
    until(lambda: instance.restarts == 1 and instance.connections, 20, lambda: bench.log(endpoint))
    assert alive(bench.pid(endpoint))


def test_closing_the_engine_ends_what_is_coming_up_too(own_bench):
    bench, before = own_bench, descendants()
    serving = bench.deploy()
    coming = bench.create(bench.variant("import time\ntime.sleep(300)"))
    until(lambda: len(descendants() - before) >= 4, 20, lambda: coming.status)
    pids = descendants() - before
    began = time.monotonic()
    bench.engine.close(grace_s=1.0)
    assert time.monotonic() - began < 10
    assert all(gone(pid) for pid in pids)
    with pytest.raises(NotServing):
        bench.ask(serving)
    with pytest.raises(RuntimeError, match="after the engine was closed"):
        bench.create(bench.variant())


def test_a_process_that_is_stuck_is_replaced(bench, monkeypatch):
    monkeypatch.setattr("pocketaws.hosting.instance.HEALTH_EVERY_S", 0.05)
    monkeypatch.setattr("pocketaws.hosting.connections.PING_TIMEOUT_S", 0.3)
    endpoint = bench.deploy()
    pid = bench.pid(endpoint)
    psutil.Process(pid).suspend()  # as one that swaps, or holds Python's lock for good
    with pytest.raises(ContainerGone):
        bench.ask(endpoint)
    instance = endpoint.engine_state.fleet.variants["AllTraffic"].instances[0]
    until(lambda: instance.connections, 20, lambda: bench.log(endpoint))
    assert gone(pid) and bench.pid(endpoint) != pid
    bench.until_logged(endpoint, "did not answer /ping 3 times in a row. It is being started again.")


def test_a_script_that_will_not_end_is_killed_when_the_server_ends(own_bench):
    bench = own_bench
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SCRIPT
    endpoint = bench.deploy(stubborn)
    bench.engine.settings = dataclasses.replace(bench.engine.settings, term_grace_s=300.0)
    pid = bench.pid(endpoint)
    deleting = threading.Thread(target=bench.delete, args=(endpoint,))
    deleting.start()
    until(lambda: endpoint.engine_state.aside, 5, lambda: "deletion has not begun")
    bench.engine.close(grace_s=0.2)
    deleting.join()
    assert gone(pid)
