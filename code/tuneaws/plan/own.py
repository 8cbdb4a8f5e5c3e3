"""Your own jobs against the plan: what they were asked for, what they reached, the error. On aws only.

    lesson.table(own_jobs(sm, {"course": "tuneaws"}, row_tokens=186))

In local every instance type is this machine, which has no GPU to compare.
"""

from tuneaws import prices, training_jobs
from tuneaws.plan.measured import Run, errors
from tuneaws.sizing.activations import Setting
from tuneaws.sizing.catalogue import CatalogueError, find


def own_jobs(sm, tags: dict, row_tokens: int) -> list[dict]:
    """errors() of your completed jobs, newest first, as far as model and instance are in the tables.

    row_tokens  of a typical row: what a job trained on its description does not say
    A job that did not say whether to checkpoint is compared as one that did not.
    """
    names = [each["TrainingJobName"] for each in training_jobs.find(sm, tags, "Completed")]
    runs = (run_of(training_jobs.get(sm, name), row_tokens) for name in names)
    return errors([run for run in runs if run])


def run_of(job: dict, row_tokens: int) -> Run | None:
    """The measured run that a job of this course is; None where the tables lack something. Pure.

    job   what DescribeTrainingJob says
    """
    asked = {key: text.strip('"') for key, text in job.get("HyperParameters", {}).items()}
    final = {each["MetricName"]: each["Value"] for each in job.get("FinalMetricDataList", [])}
    machine = job["ResourceConfig"]
    _, _, gpus, gpu, *_ = prices.INSTANCES.get(machine.get("InstanceType"), (0, 0, 0, "", 0, ""))
    try:
        model = find(asked.get("model_id", ""))
    except CatalogueError:
        return None
    if not gpus or not final.get("train:tokens_per_s"):
        return None
    setting = Setting(
        "lora" if asked.get("quantization") == "none" else "qlora", row_tokens,
        int(asked.get("per_device_train_batch_size", 4)), rank=int(asked.get("lora_r", 16)), padded=False,
        checkpointing=asked.get("gradient_checkpointing") == "true",
    )  # fmt: skip
    together = asked.get("sagemaker_torch_distributed_enabled") == "true"
    in_parts = together and asked.get("fsdp") == "true"
    ranks = gpus * machine.get("InstanceCount", 1) if together else 1
    return Run(job["TrainingJobName"], model, setting, gpu, ranks, in_parts, final["train:tokens_per_s"])
