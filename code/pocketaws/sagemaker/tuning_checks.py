"""What AWS checks of a CreateHyperParameterTuningJob beyond botocore's model, and what is not here.

Rules from "Understand the hyperparameter tuning strategies" and API_HyperParameterTuningJobConfig
(2026-11). No reports of the wordings were found; the messages say plainly what is wrong.
"""

import copy
import uuid

from pocketaws import models, validation
from pocketaws.errors import not_here, validation_error
from pocketaws.hyperparameter_tuning import ranges
from pocketaws.sagemaker import create_training_job
from pocketaws.sagemaker.hosting_checks import check_tags
from pocketaws.sagemaker.tuning_job import OBJECTIVE

# Members of a training job definition that a CreateTrainingJob has by the same name.
COPIED = (
    "AlgorithmSpecification", "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "ResourceConfig",
    "StoppingCondition", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining", "RetryStrategy", "Environment",
)  # fmt: skip
MACHINES = "HyperParameterTuningResourceConfig"  # what SDK 2's tuner sends instead of ResourceConfig


def check(context, request: dict) -> list:
    """Raise when AWS, or the local AWS, would not take the request; the ranges to search."""
    _refuse_what_is_not_here(request)
    check_tags(request)
    config, definition = request["HyperParameterTuningJobConfig"], request.get("TrainingJobDefinition")
    objective = config.get("HyperParameterTuningJobObjective")
    required = {"TrainingJobDefinition": definition, "HyperParameterTuningJobObjective": objective}
    for name, member in required.items():
        if not member:
            raise validation_error(f"{name} is required.")
    found = ranges.read(config.get("ParameterRanges", {}))
    if not found:
        raise validation_error("ParameterRanges has no range: there is nothing to tune.")
    _check_static(definition, found)
    _check_objective(definition, objective["MetricName"])
    _check_limits(config, found)
    first = {each.name: each.values[0] if each.size else each.text(0) for each in found}
    sample, model = training_request(request, 1, first), models.service_model("sagemaker")
    validation.check(sample, model.operation_model("CreateTrainingJob").input_shape)
    create_training_job.check(context, sample)
    return found


def training_request(request: dict, number: int, combination: dict) -> dict:
    """The CreateTrainingJob of the number-th training job of a tuning job.

    Its name is <tuning job>-<three digits>-<eight hexadecimal digits>, its tags are the tuning job's, and
    _tuning_objective_metric is among its hyperparameters, as on AWS. That each job has a folder of its own
    for checkpoints is not documented; chosen, or the second job would resume the first one's.
    """
    definition = request["TrainingJobDefinition"]
    name = f"{request['HyperParameterTuningJobName']}-{number:03d}-{uuid.uuid4().hex[:8]}"
    made = {key: copy.deepcopy(definition[key]) for key in COPIED if key in definition}
    metric = request["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
    static = definition.get("StaticHyperParameters", {})
    made["HyperParameters"] = {**static, OBJECTIVE: metric, **combination}
    made["TrainingJobName"] = name
    if MACHINES in definition:
        made["ResourceConfig"] = copy.deepcopy(definition[MACHINES])
    if "CheckpointConfig" in definition:
        uri = definition["CheckpointConfig"]["S3Uri"].rstrip("/")
        made["CheckpointConfig"] = {**definition["CheckpointConfig"], "S3Uri": f"{uri}/{name}"}
    if request.get("Tags"):
        made["Tags"] = copy.deepcopy(request["Tags"])
    return made


def _refuse_what_is_not_here(request: dict) -> None:
    config = request["HyperParameterTuningJobConfig"]
    definition = request.get("TrainingJobDefinition", {})
    found = [name for name in ("WarmStartConfig", "Autotune", "TrainingJobDefinitions") if request.get(name)]
    if config["Strategy"] == "Hyperband":
        found.append("Strategy Hyperband")
    criteria = config.get("TuningJobCompletionCriteria", {})
    if criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled":
        found.append("TuningJobCompletionCriteria.ConvergenceDetected")
    if config.get("ParameterRanges", {}).get("AutoParameters"):
        found.append("ParameterRanges.AutoParameters")
    found += [name for name in ("TuningObjective", "HyperParameterRanges") if definition.get(name)]
    machines = definition.get(MACHINES, {})
    found += [f"{MACHINES}.{name}" for name in ("InstanceConfigs", "AllocationStrategy") if name in machines]
    if found:
        raise not_here("sagemaker", f"CreateHyperParameterTuningJob with {', '.join(found)}")


def _check_static(definition: dict, found: list) -> None:
    static = definition.get("StaticHyperParameters", {})
    for each in found:
        if each.name in static:
            raise validation_error(
                f"The hyperparameter {each.name!r} is static and has a range. Give it in one of the two."
            )
    if OBJECTIVE in static:
        raise validation_error(f"The hyperparameter {OBJECTIVE!r} is set by SageMaker itself.")


def _check_objective(definition: dict, metric: str) -> None:
    names = [each["Name"] for each in definition["AlgorithmSpecification"].get("MetricDefinitions", [])]
    if metric not in names:
        raise validation_error(
            f"The objective metric {metric!r} is not one of the MetricDefinitions: "
            f"{', '.join(names) or 'none'}."
        )


def _check_limits(config: dict, found: list) -> None:
    limits, count = config["ResourceLimits"], ranges.combinations(found)
    most = limits.get("MaxNumberOfTrainingJobs")
    if config["Strategy"] != "Grid":
        if most is None:
            raise validation_error(f"MaxNumberOfTrainingJobs is required with strategy {config['Strategy']}.")
    elif count is None:
        raise validation_error("Only categorical parameters are supported by the strategy Grid.")
    elif most not in (None, count):
        raise validation_error(
            f"MaxNumberOfTrainingJobs {most} should equal the number of combinations of the grid, {count}."
        )
    if most is not None and limits["MaxParallelTrainingJobs"] > most:
        raise validation_error(
            f"MaxParallelTrainingJobs {limits['MaxParallelTrainingJobs']} is over "
            f"MaxNumberOfTrainingJobs {most}."
        )
