"""The doctor on the machine: Python, packages, disk, memory, PyTorch, the hub, and a machine with nothing."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from doctor_aid import Patient, configured
from packaging.specifiers import SpecifierSet
from tuneaws import config, doctor, roles
from tuneaws.doctor import lessons, machine, models, packages, running, showing
from tuneaws.doctor.check import Subject
from tuneaws.policies import lessons as recorded

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "hf_" + "t" * 20  # shorter than a real one


def subject(where="local", session=None, chosen=None, **changes) -> Subject:
    return Subject(configured(where, **changes), session, lessons.chosen(chosen), None)


def told(check, status: str, text: str) -> None:
    assert check.status == status and text in check.seen, check
    assert bool(check.fix) == (status != "pass"), check


# --- this machine


def test_a_python_that_was_not_tested_fails(monkeypatch):
    told(machine.python(subject()), "pass", "Python 3.")
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    told(machine.python(subject()), "fail", "the course runs on 3.10 to 3.13")


def test_packages_are_held_against_the_tested_versions():
    wanted = {"boto3": SpecifierSet(">=1.43"), "pyyaml": SpecifierSet(">=6")}
    tested = {name: packages.installed(name) for name in wanted}
    told(packages.judge(wanted, tested), "pass", "2 packages at the tested versions, boto3 1.")
    told(packages.judge(wanted, {**tested, "pyyaml": "6.0.99"}), "warn", "(tested: 6.0.99)")
    too_new = {**wanted, "boto3": SpecifierSet(">=99")}
    told(packages.judge(too_new, tested), "fail", f"boto3 {tested['boto3']} (needs >=99)")
    with_more = {**wanted, "no-such-package": SpecifierSet()}
    told(packages.judge(with_more, tested), "fail", "no-such-package is missing")
    assert "make setup" in packages.judge(too_new, tested).fix
    assert "constraints-studio.txt" in packages.judge(too_new, tested, studio=True).fix


def test_in_studio_its_own_image_is_what_was_tested(monkeypatch, tmp_path):
    assert packages.packages(subject()).status == "pass", "the tests run with what constraints.txt says"
    metadata = tmp_path / "resource-metadata.json"
    metadata.write_text("{}")
    monkeypatch.setattr(roles, "STUDIO_METADATA", metadata)
    told(packages.packages(subject()), "warn", "(tested: 4.57.6)")  # transformers, and more
    pinned = packages.pins(studio=True)
    assert (pinned["sagemaker"], pinned["peft"]) == ("3.12.0", "0.17.1")
    assert len(packages.ranges(ROOT / "requirements-sagemaker.txt")) >= 20, "checked too few packages"


def test_the_bedrock_lessons_on_aws_need_no_pytorch(monkeypatch):
    asked = []
    monkeypatch.setattr(packages, "judge", lambda wanted, *_: asked.append(set(wanted)))
    for where, chosen in (("aws", "13-15"), ("aws", "04"), ("local", "13-15")):
        packages.packages(subject(where, chosen=chosen))
    assert ["torch" in names for names in asked] == [False, True, True]
    assert machine.torch(subject("aws", chosen="13-15")) is None


def test_a_full_disk_and_little_memory_are_seen(monkeypatch):
    told(machine.disk(subject()), "pass", "GB free at ")
    told(machine.memory(subject()), "pass", "GB free of ")
    for free, status in ((1.2e9, "warn"), (0.2e9, "fail")):
        usage = shutil.disk_usage(ROOT)._replace(free=int(free))
        monkeypatch.setattr(shutil, "disk_usage", lambda path, usage=usage: usage)
        monkeypatch.setattr(machine, "memory_bytes", lambda free=free: (free, 8e9))
        told(machine.disk(subject()), status, f"{free / 1e9:.1f} GB free")
        told(machine.memory(subject()), status, f"{free / 1e9:.1f} GB free of 8.0 GB")


def test_every_place_that_is_written_to_is_measured_once_a_file_system():
    places = machine.disk_places(subject())
    assert all(path.exists() for path in places) and len(places) >= 1
    assert len({path.stat().st_dev for path in places}) == len(places)


def test_a_pytorch_that_breaks_is_tried_in_another_process(monkeypatch):
    for program, status, text in (("print('2.13.0')", "pass", "PyTorch 2.13.0 computes"),
                                  ("import os; os.kill(os.getpid(), 4)", "fail", "it ended with -4"),
                                  ("import no_torch", "fail", "No module named 'no_torch'")):
        monkeypatch.setattr(machine, "TRY_TORCH", program)
        told(machine.torch(subject()), status, text)


def test_a_machine_that_forbids_listening_fails(monkeypatch):
    told(machine.loopback(subject()), "pass", "127.0.0.1 gives ports")

    def forbidden(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "create_server", forbidden)
    told(machine.loopback(subject()), "fail", "Operation not permitted")


# --- the hub


@pytest.fixture(scope="module")
def hub():
    """A hub on this machine: open/model, gated/model (with TOKEN), any other is unknown."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):
            name, token = self.path[1:].partition("/resolve/")[0], self.headers.get("authorization", "")
            if name == "open/model" or (name == "gated/model" and token == f"Bearer {TOKEN}"):
                self.send_response(200)
                self.send_header("ETag", '"0123456789"')
                self.send_header("X-Repo-Commit", "f" * 40)
            elif name == "gated/model":
                self.send_response(401)
                self.send_header("X-Error-Code", "GatedRepo")
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def online(monkeypatch):
    """As if this process might ask the hub, and nobody had a token."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def asked(hub, model: str, **changes):
    return models.base_model(subject("aws", **{"model.id": model, **changes}), endpoint=hub)


def test_an_open_a_gated_and_an_unknown_model_are_told_apart(hub, online, monkeypatch):
    told(asked(hub, "open/model"), "pass", "can be read from the hub")
    told(asked(hub, "gated/model"), "fail", "is gated")
    told(asked(hub, "no/model"), "fail", "the hub knows no no/model")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    seen = asked(hub, "gated/model")
    told(seen, "fail", "with your token only, and jobs get none")
    assert "model.hf_token_secret" in seen.fix and TOKEN not in f"{seen}"
    told(asked(hub, "gated/model", **{"model.hf_token_secret": "tuneaws/hf-token"}), "pass", "can be read")


def test_a_hub_that_cannot_be_reached_is_a_warning(online, monkeypatch):
    from huggingface_hub import constants

    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}"
    told(asked(closed, "open/model"), "warn", "the hub could not be asked for open/model")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    told(asked(None, "open/model"), "warn", "OfflineModeIsEnabled")


def test_in_local_the_model_must_be_on_this_machine(gateway, monkeypatch, tmp_path):
    from huggingface_hub import constants

    patient = Patient(gateway)
    told(patient.ask("base model", where="local"), "pass", "pocketaws/chat-1m is on this machine")
    missing = patient.ask("base model", where="local", **{"model.id": "open/model"})
    told(missing, "fail", "is not on this machine, and local has no network")
    snapshot = tmp_path / "models--open--model" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (tmp_path / "models--open--model" / "refs").mkdir()
    (tmp_path / "models--open--model" / "refs" / "main").write_text("abc")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    told(patient.ask("base model", where="local", **{"model.id": "open/model"}), "pass", "hub cache")


def test_a_secret_that_is_named_must_be_there(gateway, monkeypatch):
    patient, named = Patient(gateway), {"model.hf_token_secret": "doctors/hf-token"}
    told(patient.ask("Hugging Face token"), "pass", "right for an open model")
    told(patient.ask("Hugging Face token", where="local"), "pass", "none is needed")
    told(patient.ask("Hugging Face token", **named), "fail", "there is no such secret in us-east-1")
    gateway.client("secretsmanager").create_secret(Name="doctors/hf-token", SecretString=TOKEN)
    told(patient.ask("Hugging Face token", **named), "pass", "the secret doctors/hf-token is there")


# --- all together


def test_nothing_raises_and_every_answer_has_a_name_a_status_and_where_needed_a_fix(gateway, monkeypatch):
    def broken(subject):
        raise KeyError("a bug of ours")

    monkeypatch.setitem(running.ACCOUNT, "budget", broken)
    monkeypatch.setitem(running.MACHINE, "pytorch", lambda subject: None)
    patient = Patient(gateway)
    checks = doctor.run(patient.cfg(), patient.session())
    assert len(checks) >= 25 and len({check.name for check in checks}) == len(checks)
    for check in checks:
        assert check.status in ("pass", "warn", "fail") and check.seen
        assert bool(check.fix) == (check.status != "pass"), check
    told(checks[-1], "warn", "could not look: KeyError: 'a bug of ours'")
    assert json.loads(json.dumps(doctor.as_dict(checks, "aws")))["failed"] >= 1


def test_without_credentials_the_rest_is_not_looked_at(same_environment, monkeypatch, capsys):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(running, "MACHINE", {})
    checks = doctor.run(config.load(where="aws"))
    told(checks[0], "fail", "no AWS credentials were found.")
    assert "aws configure sso" in checks[0].fix and not doctor.ready(checks)
    assert {(check.status, check.seen) for check in checks[1:]} == {
        ("warn", "not looked at: there is no connection")}
    assert len(checks) >= 18
    doctor.show(checks, config.load(where="aws"))
    shown = capsys.readouterr().out
    assert f"warn  {len(checks) - 1} checks " in shown and shown.endswith("ready for aws: no\n")


def test_a_local_aws_that_cannot_start_is_the_first_answer(same_environment, monkeypatch, tmp_path):
    monkeypatch.setattr(running, "MACHINE", {})
    (tmp_path / "file").touch()
    checks = doctor.run(config.load(where="local"), home=tmp_path / "file" / "home")
    told(checks[0], "fail", "can't be written")
    assert checks[0].name == "connection" and {check.status for check in checks[1:]} == {"warn"}


def test_what_the_lessons_need_is_what_a_recorded_run_of_them_called():
    jobs = set(recorded.needed("sagemaker:CreateTrainingJob"))
    tunings = set(recorded.needed("bedrock:CreateModelCustomizationJob"))
    assert jobs and jobs <= set(lessons.PARTS[lessons.TRAINING])
    assert tunings and tunings <= set(lessons.PARTS[lessons.BEDROCK])
    assert set(recorded.needed("sagemaker:CreateEndpoint")) == set(lessons.PARTS[lessons.ENDPOINT])


@pytest.mark.parametrize(("chosen", "said"), [
    ("00-05", "lessons 00 to 05 on this machine (training)"), ("00", "lesson 00 on this machine (files)"),
    ("10,14", "lessons 10, 14 on this machine (training, endpoints, Bedrock)")])
def test_it_says_what_local_can_do(chosen, said):
    assert f"local can do: {said}," in showing.verdict([], "local", chosen)


def test_lessons_are_named_by_numbers_and_ranges():
    assert lessons.chosen("00-02,5") == {"00", "01", "02", "05"}
    assert lessons.chosen(None) == set(lessons.numbers()) and len(lessons.numbers()) >= 17
    for wrong in ("99", "a", "5-2", ""):
        with pytest.raises(ValueError, match="Fix: --lessons 00-05,10"):
            lessons.chosen(wrong)


GUARD = """
import os, socket
connect = socket.socket.connect
def checked(self, address):
    if self.family != socket.AF_UNIX and address[0] != "127.0.0.1":
        open(os.environ["GUARD_SAW"], "a").write(repr(address) + chr(10))
        raise OSError("no network in this test")
    return connect(self, address)
socket.socket.connect = checked
"""


def test_on_a_machine_without_aws_it_is_ready_for_local(tmp_path):
    """No AWS variable, an empty HOME, no network: what `make doctor` runs once .venv is there."""
    (tmp_path / "home").mkdir()
    (tmp_path / "sitecustomize.py").write_text(GUARD)
    saw = tmp_path / "saw"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path),
                   "GUARD_SAW": str(saw), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run([sys.executable, ROOT / "code" / "doctor.py", "--home", tmp_path / "aws"],
                         env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[-1] == "ready for local: yes"
    assert "local can do: lessons 00 to" in ran.stdout and "(training, endpoints, Bedrock)" in ran.stdout
    assert sum(line.startswith("pass  ") for line in lines) >= 25
    assert not [line for line in lines if line.startswith("fail  ")]
    assert not saw.exists(), f"it tried to reach {saw.read_text()}"
    assert not (tmp_path / "aws" / "server.json").exists(), "the local AWS that it started is left running"


def test_the_script_speaks_json_and_exits_with_1(gateway, same_environment, capsys, monkeypatch):
    import doctor as script

    monkeypatch.setattr(running, "MACHINE", {})
    monkeypatch.setenv("AWS_ENDPOINT_URL", gateway.url)
    quotas = gateway.state.home / "quotas.json"
    quotas.write_text('{"ml.g5.xlarge for training job usage": 0}')
    try:
        assert script.main(["--json", "--lessons", "04"]) == 1
    finally:
        quotas.unlink()
    answer = json.loads(capsys.readouterr().out)
    assert (answer["where"], answer["ready"], answer["failed"]) == ("local", False, 1)
    failed = [check["name"] for check in answer["checks"] if check["status"] == "fail"]
    assert failed == ["training quota"]
    assert script.main(["--lessons", "99"]) == 2
    assert "names no lesson" in capsys.readouterr().err


def test_without_the_packages_it_says_make_setup(tmp_path):
    bare = subprocess.run([sys.executable, "-S", ROOT / "code" / "doctor.py", "--json"], capture_output=True,
                          text=True, cwd=tmp_path)
    answer = json.loads(bare.stdout)
    assert bare.returncode == 1 and answer["ready"] is False
    assert "make setup" in answer["checks"][0]["fix"] and "No module named" in answer["checks"][0]["seen"]
