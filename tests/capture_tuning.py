"""Sends one tuning job for each case, without a network; prints the requests as JSON.

python capture_tuning.py sdk2        SDK 2's HyperparameterTuner, in its own environment
python capture_tuning.py tuneaws     tuneaws.variants.tuning_request(), with code/ on PYTHONPATH
"""

import json
import sys

import capture_requests
from capture_requests import REGION, ROLE, Aws, alone, boto_session, class_of, print_found

ESTIMATOR = {
    "entry_point": "train.py", "source_dir": "scripts", "role": ROLE, "instance_type": "ml.g5.xlarge",
    "instance_count": 1, "volume_size": 50, "max_run": 900, "transformers_version": "4.56.2",
    "pytorch_version": "2.8.0", "py_version": "py312", "output_path": "s3://b/models",
    "code_location": "s3://b/code", "base_job_name": "course",
    "tags": [{"Key": "course", "Value": "tuneaws"}],
    "metric_definitions": [{"Name": "eval:loss", "Regex": " eval_loss=([0-9.]+)"}],
    "hyperparameters": {"epochs": 1, "model_id": "some/model", "learning_rate": 1e-3, "lora_r": 16},
}  # fmt: skip
CHANNELS = {"training": "s3://b/data/train/", "validation": "s3://b/data/validation/"}
# case → (what the estimator has more, the search space, what the tuner is told)
CASES = {
    "random over a rate and a rank": (
        {},
        {"learning_rate": ("log", 1e-3, 2e-2), "lora_r": ("list", [4, 8, 16])},
        {"strategy": "Random", "max_jobs": 6, "parallel": 2, "seed": 7},
    ),
    "grid": ({}, {"lora_r": ("list", [4, 8]), "scheduler": ("list", ["cosine", "linear"])},
             {"strategy": "Grid", "max_jobs": 4, "parallel": 2}),
    "bayesian, linear and whole, stopped early": (
        {},
        {"lora_dropout": ("linear", 0.0, 0.1), "max_seq_length": ("whole", 128, 768)},
        {"strategy": "Bayesian", "max_jobs": 8, "parallel": 1, "early_stopping": True, "max_run_s": 3600},
    ),
    "spot with checkpoints": (
        {"use_spot_instances": True, "max_wait": 1800, "checkpoint_s3_uri": "s3://b/checkpoints"},
        {"learning_rate": ("log", 1e-3, 2e-2)},
        {"strategy": "Random", "max_jobs": 2, "parallel": 2, "goal": "Maximize"},
    ),
    "environment and a larger machine": (
        {"environment": {"A": "1"}, "instance_count": 2, "instance_type": "ml.g5.12xlarge"},
        {"learning_rate": ("linear", 1e-3, 2e-2)},
        {"strategy": "Random", "max_jobs": 2, "parallel": 1},
    ),
}  # fmt: skip


class TuningAws(Aws):
    """Answers CreateHyperParameterTuningJob, too."""

    def answer(self, request, event_name, **more):
        if event_name.endswith(".CreateHyperParameterTuningJob"):
            self.requests.append(json.loads(request.body))
            body = json.dumps({"HyperParameterTuningJobArn": "arn:aws:sagemaker:::x/y"}).encode()
            return capture_requests.AWSResponse(request.url, 200, {}, capture_requests.Captured(body))
        return super().answer(request, event_name, **more)


def sent(case, which: str, aws) -> dict:
    more, space, told = case
    aws.requests, aws.uploads = [], []
    session = class_of("Session", which)(boto_session(REGION, aws))
    estimator = class_of("HuggingFace", which)(**{**ESTIMATOR, **more}, sagemaker_session=session)
    return (by_sdk2 if which == "sdk2" else by_tuneaws)(estimator, space, told, aws)


def by_sdk2(estimator, space: dict, told: dict, aws) -> dict:
    from sagemaker.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
    from sagemaker.tuner import HyperparameterTuner

    made = {
        "list": lambda values: CategoricalParameter(values),
        "log": lambda low, high: ContinuousParameter(low, high, scaling_type="Logarithmic"),
        "linear": lambda low, high: ContinuousParameter(low, high, scaling_type="Linear"),
        "whole": lambda low, high: IntegerParameter(low, high, scaling_type="Linear"),
    }
    tuner = HyperparameterTuner(
        estimator, "eval:loss", {name: made[kind](*rest) for name, (kind, *rest) in space.items()},
        metric_definitions=ESTIMATOR["metric_definitions"], strategy=told["strategy"],
        objective_type=told.get("goal", "Minimize"), max_jobs=told["max_jobs"],
        max_parallel_jobs=told["parallel"], random_seed=told.get("seed"), tags=ESTIMATOR["tags"],
        early_stopping_type="Auto" if told.get("early_stopping") else "Off",
        max_runtime_in_seconds=told.get("max_run_s"),
    )  # fmt: skip
    tuner.fit(CHANNELS, job_name="the-tuning", wait=False, include_cls_metadata=False)
    return aws.requests[-1]


def by_tuneaws(estimator, space: dict, told: dict, aws) -> dict:
    from tuneaws import variants

    made = {"list": list, "log": variants.log_uniform, "linear": variants.uniform, "whole": variants.whole}
    ranges = {name: made[kind](*rest) for name, (kind, *rest) in space.items()}
    request = estimator.request(CHANNELS, job_name="the-tuning")
    client = estimator.sagemaker_session.sagemaker_client
    client.create_hyper_parameter_tuning_job(**variants.tuning_request(request, "the-tuning", ranges, **told))
    return aws.requests[-1]


if __name__ == "__main__":
    alone()
    print_found(sys.argv[1], "signature", dict, CASES, sent, TuningAws)
