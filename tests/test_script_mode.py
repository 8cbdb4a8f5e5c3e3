"""The SM_* variables and arguments of script mode, compared with AWS's own toolkit, which runs beside."""

import json
import os
import subprocess

import pytest
from engine_aid import Bench, a_bare_aws  # noqa: F401  (fixtures)
from environments import python_of
from pocketaws.training.engine import Engine
from pocketaws.training.layout import HostFolder, resource_config, write_config
from pocketaws.training.script_mode import ScriptEnvironment

# Prints what the toolkit makes of the folder in SAGEMAKER_BASE_DIR.
TOOLKIT = """
import json
from sagemaker_training.environment import Environment
env = Environment()
print(json.dumps([env.to_env_vars(), env.to_cmd_args(), dict(env)]))
"""
SDK2 = {
    "text": '"some words"', "empty": '""', "number": "3", "rate": "2e-4", "yes": "true", "no": "false",
    "nothing": "null", "list": '[1, "two", [3]]', "map": '{"b": 1, "a": {"c": [2]}}', "accents": '"é€漢"',
    "quoted": '"it\'s \\"quoted\\""', "path": '"s3://bucket/key"', "big": "123456789012345678901",
    "nan": "NaN", "inf": "-Infinity", "negative": "-0.0", "digits": '"007"', "newline": '"a\\nb"',
}  # fmt: skip
SDK3 = {
    "text": "some words", "empty": "", "number": "3", "rate": "2e-4", "yes": "True", "no": "False",
    "nothing": "None", "list": "[1,2]", "half": "[1,", "spaces": "  x  ", "dollar": "$HOME `id`; rm",
    "zero": "01", "accents": "é€漢", "equals": "a=b",
}  # fmt: skip
RESERVED = {
    "sagemaker_program": '"train.py"', "sagemaker_submit_directory": '"s3://b/k/sourcedir.tar.gz"',
    "sagemaker_region": '"eu-west-1"', "sagemaker_job_name": '"the-job"',
    "sagemaker_container_log_level": "10", "sagemaker_s3_output": '"s3://b/o"',
    "_tuning_objective_metric": '"loss"', "sagemaker_custom": "[1]",
    "default_user_module_name": '"m"', "epochs": "1",
}  # fmt: skip
KEYS = {
    "learning-rate": "1",
    "e": "2",
    "Upper": "3",
    "upper": "4",
    "with.dot": "5",
    "with space": "6",
    "ä": "7",
}
TORCHRUN = {"sagemaker_torch_distributed_enabled": "true", "sagemaker_program": "train.py"}
GROUPS = {"sagemaker_distribution_instance_groups": '["other"]', "sagemaker_program": "train.py"}
TRAIN = {"sagemaker_program": '"train.py"'}
CASES = {  # name: (hyperparameters, channels, environment, instance count, rank)
    "no hyperparameters": ({}, [], {}, 1, 0),
    "every kind of value, JSON": ({**TRAIN, **SDK2}, ["training"], {}, 1, 0),
    "every kind of value, plain": ({"sagemaker_program": "train.py", **SDK3}, ["training"], {}, 1, 0),
    "awkward names": ({**TRAIN, **KEYS}, ["training", "a-b", "c_d", "e.f", "UP"], {}, 1, 0),
    "the container's own hyperparameters": (RESERVED, ["model", "training"], {}, 1, 0),
    "program by environment": (
        {"epochs": "1"},
        ["training"],
        {"SAGEMAKER_PROGRAM": "env.py", "SAGEMAKER_SUBMIT_DIRECTORY": "s3://b/k.tar.gz"},
        1,
        0,
    ),
    "environment before hyperparameter": (RESERVED, [], {"SAGEMAKER_PROGRAM": "env.py"}, 1, 0),
    "shell script": ({"sagemaker_program": '"bin/run.sh"', "x": "1"}, [], {}, 1, 0),
    "module": ({"sagemaker_program": "train", "x": "1"}, [], {}, 1, 0),
    "framework and model parallel": (
        TRAIN,
        [],
        {"SAGEMAKER_TRAINING_MODULE": "some_container.training:main", "SM_HP_MP_PARAMETERS": '{"a":1}'},
        1,
        0,
    ),
    "empty model parallel": (TRAIN, [], {"SM_HP_MP_PARAMETERS": "{}"}, 1, 0),
    "second of two hosts": ({**TRAIN, "x": "1"}, ["training"], {}, 2, 1),
    "torchrun on two hosts": (TORCHRUN, ["training"], {}, 2, 1),
    "another instance group": (GROUPS, [], {}, 2, 0),
}  # fmt: skip


def a_request(hyperparameters, channels, count) -> dict:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k"}}
    return {
        "TrainingJobName": "the-job",
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "HyperParameters": hyperparameters,
        "InputDataConfig": [{"ChannelName": name, "DataSource": source} for name in channels],
        "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": count},
    }


def of_toolkit(folder: HostFolder, environment: dict) -> tuple[dict, list[str], dict]:
    """What AWS's toolkit makes of a host's folder: variables, arguments, properties."""
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {**plain, **environment, "SAGEMAKER_BASE_DIR": str(folder.root), "AWS_REGION": "us-east-1"}
    done = subprocess.run(
        [python_of("toolkit"), "-c", TOOLKIT], env=environment, capture_output=True, text=True, check=True
    )
    return tuple(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def compared():
    """The names of the variables that each case compared; counted when all cases have run."""
    names: dict[str, list[str]] = {}
    yield names
    if set(CASES) <= set(names):
        total = sum(len(each) for each in names.values())
        print(f"{total} variables compared in {len(names)} cases")
        assert total >= 520, f"only {total} variables were compared"


@pytest.mark.parametrize("case", CASES)
def test_variables_and_arguments_are_those_of_awss_toolkit(case, tmp_path, compared):
    hyperparameters, channels, environment, count, rank = CASES[case]
    environment = {"TRAINING_JOB_NAME": "the-job", **environment}
    request = a_request(hyperparameters, channels, count)
    folder, host = HostFolder(tmp_path / "ml"), f"algo-{rank + 1}"
    folder.make()
    write_config(request, folder, host)
    theirs, their_arguments, their_env = of_toolkit(folder, environment)
    config = json.loads((folder.config / "inputdataconfig.json").read_text())
    ours = ScriptEnvironment(folder, resource_config(request, host), config, hyperparameters, environment)
    variables = ours.variables()
    assert set(variables) == set(theirs)
    for name in theirs:
        assert variables[name] == theirs[name], name
    assert ours.arguments() == their_arguments
    assert json.dumps(ours.training_env(), sort_keys=True) == json.dumps(their_env, sort_keys=True)
    assert len(theirs) >= 30
    compared[case] = list(theirs)


def test_a_real_job_sees_what_the_toolkit_makes_of_its_folder(bare_aws, tmp_path, compared):
    bench = Bench(bare_aws, tmp_path / "home")
    bench.engine = Engine(tmp_path / "home", bare_aws, keep_jobs=True)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": bench.put("data/train/a.txt", "x")}}
    dump = """
import json, os, sys
print("SEEN " + json.dumps([dict(os.environ), sys.argv]))
"""
    try:
        job = bench.run(
            dump,
            hyperparameters=SDK2,
            InputDataConfig=[{"ChannelName": "training", "DataSource": source}],
            Environment={"EXTRA": "1"},
        )
        line = next((line for line in bench.log(job) if line.startswith("SEEN ")), "")
    finally:
        bench.close()
    assert job.status == "Completed", job.failure_reason
    seen, arguments = json.loads(line.removeprefix("SEEN "))
    folder = HostFolder(tmp_path / "home" / "jobs" / job.name / "algo-1")
    theirs, their_arguments, _ = of_toolkit(folder, seen)
    assert {name: value for name, value in seen.items() if name.startswith("SM_")} == theirs
    assert arguments == ["train.py", *their_arguments]
    assert seen["EXTRA"] == "1"
    assert len(theirs) >= 45
    compared["a real job"] = list(theirs)
