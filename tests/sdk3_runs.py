"""Tuning jobs, runs and trial components of a local AWS through this Python's SageMaker SDK 3; prints JSON.

    AWS_ENDPOINT_URL=http://127.0.0.1:4610 python sdk3_runs.py      with code/ on PYTHONPATH

tests/test_sdk3_runs.py runs it under SDK 3.12 and under the newest.
"""

import contextlib
import importlib.metadata
import json
import os
import sys
import tempfile
from pathlib import Path

from sdk3_jobs import IMAGE, LEFT_THE_MACHINE, note_the_network

TRAIN = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float)
rate = parser.parse_known_args()[0].learning_rate
for step in (1, 2):
    print(f"[metric] step={step} eval_loss={rate * 100 / step:.4f}", flush=True)
"""
METRICS = [{"Name": "eval:loss", "Regex": " eval_loss=([0-9.]+)"}]


def estimator_of(session, sm, source: str):
    """An estimator of a job of a second."""
    from tuneaws.huggingface import HuggingFace

    return HuggingFace(
        entry_point="train.py", source_dir=source, role=session.role_arn, instance_type="ml.g5.xlarge",
        instance_count=1, transformers_version="4.56.2", pytorch_version="2.8.0", py_version="py312",
        metric_definitions=METRICS, max_run=300, sagemaker_session=sm,
        hyperparameters={"learning_rate": 0.01},
    )  # fmt: skip


def tuning(session, estimator, data: dict, name: str) -> dict:
    """tuning_request() sent by boto3, then SDK 3's own class for the tuning job, and its analytics."""
    from sagemaker.core.analytics import HyperparameterTuningJobAnalytics
    from sagemaker.core.resources import HyperParameterTuningJob, TrainingJob
    from tuneaws import prices, variants

    variants.upload_code(estimator, name)
    request = variants.tuning_request(
        estimator.request(data, name), name, {"learning_rate": [0.01, 0.03]}, strategy="Grid"
    )
    price = prices.training_price("ml.g5.xlarge", "us-east-1")
    variants.start_tuning(session.client("sagemaker"), request, price, cap_usd=1)
    job = HyperParameterTuningJob.get(name, session=session.boto, region=session.region)
    job.wait(poll=1)
    job.refresh()
    best = job.best_training_job
    trained = TrainingJob.get(best.training_job_name, session=session.boto, region=session.region)
    listed = HyperParameterTuningJob.get_all(name_contains=name, session=session.boto, region=session.region)
    analytics = HyperparameterTuningJobAnalytics(name, sagemaker_session=estimator.sagemaker_session)
    found = variants.watch_tuning(session.client("sagemaker"), name)
    return {
        "status": job.hyper_parameter_tuning_job_status,
        "counters": job.training_job_status_counters.completed,
        "best": dict(best.tuned_hyper_parameters),
        "value": best.final_hyper_parameter_tuning_job_objective_metric.value,
        "tuning_job_of_best": trained.tuning_job_arn == job.hyper_parameter_tuning_job_arn,
        "listed": [each.hyper_parameter_tuning_job_name for each in listed],
        "watched": found["HyperParameterTuningJobStatus"],
        "rows": variants.tuning_results(session.client("sagemaker"), name, price, "local"),
        "analytics": sorted(
            [row["learning_rate"], row["FinalObjectiveValue"]]
            for row in analytics.dataframe().to_dict("records")
        ),
    }


def their_tuner(session, sm, source: str, data: dict) -> dict:
    """SDK 3's own HyperparameterTuner around its ModelTrainer."""
    from sagemaker.core.parameter import ContinuousParameter
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, InputData, SourceCode
    from sagemaker.train.tuner import HyperparameterTuner
    from tuneaws import variants

    trainer = ModelTrainer(
        training_image=IMAGE,
        source_code=SourceCode(source_dir=source, entry_script="train.py"),
        compute=Compute(instance_type="ml.g5.xlarge", instance_count=1),
        role=session.role_arn,
        sagemaker_session=sm,
        base_job_name="trainer",
    )
    tuner = HyperparameterTuner(
        trainer, "eval:loss", {"learning_rate": ContinuousParameter(0.01, 0.02)}, metric_definitions=METRICS,
        strategy="Random", objective_type="Minimize", max_jobs=1,
        base_tuning_job_name=f"t{os.getpid()}",  # the SDK appends the minute: two in one would clash
    )  # fmt: skip
    channel = InputData(channel_name="training", data_source=data["training"])
    tuner.tune(inputs=[channel], wait=False)
    name = tuner.latest_tuning_job.hyper_parameter_tuning_job_name
    best = variants.watch_tuning(session.client("sagemaker"), name, poll_s=0.2)["BestTrainingJob"]
    return {
        "rate": float(best["TunedHyperParameters"]["learning_rate"]),
        "value": best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
    }


def run(session, sm, name: str) -> dict:
    """SDK 3's Run: a run of an experiment with parameters and metrics, from here, without a job."""
    from sagemaker.core.experiments.run import Run, list_runs
    from sagemaker.core.resources import TrialComponent

    with Run(experiment_name=name, run_name="first", sagemaker_session=sm) as one:
        one.log_parameter("rows", 3200)
        one.log_parameters({"kind": "dialogues"})
        for step in range(12):
            one.log_metric("loss", 12.0 - step, step=step)
    again = TrialComponent.get(f"{name}-first", session=session.boto, region=session.region)
    return {
        "runs": [each.run_name for each in list_runs(experiment_name=name, sagemaker_session=sm)],
        "status": again.status.primary_status,
        "rows": again.parameters["rows"].number_value,
        "metrics": [[each.metric_name, each.count, each.last, each.min] for each in again.metrics],
    }


def job_in_a_run(session, estimator, data: dict, name: str) -> dict:
    """A training job with an ExperimentConfig, and ExperimentAnalytics over the experiment."""
    from sagemaker.core.analytics import ExperimentAnalytics

    trial = f"Default-Run-Group-{name}"
    config = {"ExperimentName": name, "TrialName": trial, "TrialComponentDisplayName": "Training"}
    estimator.fit(data, logs="None", experiment_config=config)
    frame = ExperimentAnalytics(
        experiment_name=name,
        sort_by="metrics.eval:loss.min",
        sort_order="Descending",
        sagemaker_session=estimator.sagemaker_session,
    ).dataframe()
    row = frame.to_dict("records")[0]
    return {
        "job": row["SourceArn"].endswith(estimator.latest_training_job.name.lower()),
        "display_name": row["DisplayName"],
        "rate": row["learning_rate"],
        "losses": [row["eval:loss - Min"], row["eval:loss - Max"], row["eval:loss - Count"]],
        "experiments": row["Experiments"],
        "all": len(frame),
    }


def main() -> None:
    note_the_network()
    from tuneaws.session import connect

    session, unique = connect("local"), f"runs-{os.getpid()}"
    session.client("s3").create_bucket(Bucket=unique)
    session.client("s3").put_object(Bucket=unique, Key="data/rows.txt", Body=b"7 rows")
    with tempfile.TemporaryDirectory() as source, contextlib.redirect_stdout(sys.stderr):
        Path(source, "train.py").write_text(TRAIN)
        sm, data = session.sagemaker(), {"training": f"s3://{unique}/data/"}
        estimator = estimator_of(session, sm, source)
        found = {
            "version": importlib.metadata.version("sagemaker"),
            "tuning": tuning(session, estimator, data, unique),
            "their_tuner": their_tuner(session, sm, source, data),
            "run": run(session, sm, f"{unique}-exp"),
            "job": job_in_a_run(session, estimator, data, f"{unique}-exp"),
            "left_the_machine": LEFT_THE_MACHINE,
        }
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    main()
