"""The answers of the operations on tuning jobs, experiments, trials and metrics fit botocore's output shapes.

Each is called through boto3 against a gateway that holds one of everything; required members are there, types
and enums are the model's, and nothing is in an answer that the model does not have.
"""

from datetime import datetime, timezone

import pytest
from pocketaws import models, operations
from test_pocketaws_tuning import Tuning, request_for
from training_api import create, numbers, walk

NAMES = ("HyperParameterTuningJob", "Experiment", "Trial")
MOMENT = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def asked(gateway) -> list:
    """[(service, operation, arguments)] in an order in which each can be answered."""
    unique = f"{next(numbers)}"
    experiment, trial, made = f"experiment-{unique}", f"trial-{unique}", f"component-{unique}"
    config = {"ExperimentName": experiment, "TrialName": trial}
    tuned = request_for(gateway, jobs=2, parallel=1)
    name = {"HyperParameterTuningJobName": tuned["HyperParameterTuningJobName"]}
    parameters = {"Parameters": {"a": {"NumberValue": 1.0}, "b": {"StringValue": "x"}}}
    component, both = {"TrialComponentName": made}, {"TrialComponentName": made, "TrialName": trial}
    queries = [{"MetricName": "loss", "ResourceArn": f"arn:aws:sagemaker:us-east-1:123456789012:"
                f"experiment-trial-component/{made}", "MetricStat": "Last", "Period": "IterationNumber",
                "XAxisType": "IterationNumber"}]  # fmt: skip
    bad = {"MetricName": "loss", "Timestamp": MOMENT, "Value": float("inf")}
    data = [{"MetricName": "loss", "Timestamp": MOMENT, "Step": 1, "Value": 1.0}, bad]

    def run_the_tuning_job():
        tuning = Tuning(gateway, tuned)
        tuning.complete(1, 0.5)
        tuning.job(2).fail("AlgorithmError: no")
        tuning.ended()

    def run_a_job():
        job = create(gateway, ExperimentConfig=config, HyperParameters={"rate": "0.1"})
        job.metrics.add("loss", 1.0, MOMENT)
        job.move("Completed")

    return [
        ("sagemaker", "CreateExperiment", {"ExperimentName": experiment}),
        ("sagemaker", "CreateTrial", config),
        ("sagemaker", "CreateTrialComponent", {**component, **parameters, "StartTime": MOMENT}),
        ("sagemaker", "AssociateTrialComponent", both),
        ("sagemaker", "UpdateExperiment", {"ExperimentName": experiment, "Description": "d"}),
        ("sagemaker", "UpdateTrial", {"TrialName": trial, "DisplayName": "d"}),
        ("sagemaker", "UpdateTrialComponent", {**component, "Status": {"PrimaryStatus": "Completed"}}),
        ("sagemaker-metrics", "BatchPutMetrics", {**component, "MetricData": data}),
        ("sagemaker-metrics", "BatchGetMetrics", {"MetricQueries": queries}),
        run_a_job,
        ("sagemaker", "DescribeExperiment", {"ExperimentName": experiment}),
        ("sagemaker", "DescribeTrial", {"TrialName": trial}),
        ("sagemaker", "DescribeTrialComponent", component),
        ("sagemaker", "ListExperiments", {}),
        ("sagemaker", "ListTrials", {}),
        ("sagemaker", "ListTrialComponents", {"MaxResults": 100}),
        ("sagemaker", "CreateHyperParameterTuningJob", {**tuned, "HyperParameterTuningJobName": "other"}),
        ("sagemaker", "StopHyperParameterTuningJob", {"HyperParameterTuningJobName": "other"}),
        run_the_tuning_job,
        ("sagemaker", "DescribeHyperParameterTuningJob", name),
        ("sagemaker", "ListHyperParameterTuningJobs", {}),
        ("sagemaker", "ListTrainingJobsForHyperParameterTuningJob", name),
        *(("sagemaker", "Search", {"Resource": resource, "MaxResults": 100}) for resource in (
            "Experiment", "ExperimentTrial", "ExperimentTrialComponent", "HyperParameterTuningJob")),
        ("sagemaker", "DeleteHyperParameterTuningJob", name),
        ("sagemaker", "DisassociateTrialComponent", both),
        ("sagemaker", "DeleteTrialComponent", component),
        ("sagemaker", "CreateTrial", {**config, "TrialName": f"{trial}-2"}),
        ("sagemaker", "DeleteTrial", {"TrialName": f"{trial}-2"}),
        ("sagemaker", "CreateExperiment", {"ExperimentName": f"{experiment}-2"}),
        ("sagemaker", "DeleteExperiment", {"ExperimentName": f"{experiment}-2"}),
    ]  # fmt: skip


def own() -> set:
    """The operations that this file is about; the gateway has loaded all there are."""
    return {
        (service, name)
        for service, name in operations.names()
        if service == "sagemaker-metrics" or (service == "sagemaker" and any(part in name for part in NAMES))
    }


def required(value, shape, path: str, counted: list) -> None:
    """Every structure in an answer has the members that its shape requires."""
    if shape.type_name == "structure":
        missing = set(shape.required_members) - set(value)
        assert not missing, f"{path} has no {missing}"
        counted += [f"{path}.{name}" for name in shape.required_members]
        for name, member in value.items():
            required(member, shape.members[name], f"{path}.{name}", counted)
    elif shape.type_name == "list":
        for member in value:
            required(member, shape.member, f"{path}[]", counted)
    elif shape.type_name == "map":
        for member in value.values():
            required(member, shape.value, f"{path}{{}}", counted)


def test_every_answer_is_what_botocore_s_model_says(gateway, asked, capsys):
    walked, needed, done = [], [], set()
    clients = {"sagemaker": gateway.sagemaker, "sagemaker-metrics": gateway.client("sagemaker-metrics")}
    for each in asked:
        if callable(each):
            each()
            continue
        service, operation, arguments = each
        answer = getattr(clients[service], operations.xform_name(operation))(**arguments)
        del answer["ResponseMetadata"]
        shape = models.service_model(service).operation_model(operation).output_shape
        done.add((service, operation))
        if shape is not None:
            walk(answer, shape, operation, walked)
            required(answer, shape, operation, needed)
    gateway.end_all()
    assert done >= own() and len(own()) == 25, sorted(own() - done)
    with capsys.disabled():
        print(
            f" {len(done)} operations, {len(walked)} members walked, {len(needed)} required ones there ",
            end="",
        )
    assert len(walked) > 600 and len(needed) > 100
