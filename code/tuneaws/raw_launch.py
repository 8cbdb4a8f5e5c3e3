"""The raw job of the configuration: its hyperparameters, its request, its price. What lesson 07 writes out.

    tokens = show_tokens("my/rows.csv", "build/rows.jsonl", cfg)
    cost = show_cost(cfg, session, tokens)
    request = request_from(cfg, session, bucket, name, source, {"training": uri})
"""

from __future__ import annotations

import re
from pathlib import Path

from tuneaws import config, data, job_costs, prices, raw_images, raw_jobs, secrets
from tuneaws.launch import SOURCE_DIR
from tuneaws.metrics import METRIC_DEFINITIONS
from tuneaws.sizing.catalogue import CatalogueError, find, parameters

PROGRAM = "finetune.py"
NAMES = {"model_id": "base_model", "per_device_train_batch_size": "batch_size",
         "max_seq_length": "max_sequence_length"}  # what finetune.py calls them


def hyperparameters(training, **more) -> dict:
    """Return the `training` section of the configuration as finetune.py's arguments.

    more  replace or add: optimizer="adafactor", fields="prompt=Frage,completion=Antwort"
    """
    return {**{NAMES.get(key, key): value for key, value in training.hyperparameters().items()}, **more}


def upload_files(s3, path, bucket: str, prefix: str) -> str:
    """Upload a file, or every file of a folder, as it is; return the prefix as a channel takes it: "s3://…/".

    Raises  data.DataError if there is nothing
    """
    path = Path(path)
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise data.DataError(f"there is no file at {path}. Fix: a CSV, JSON, JSONL or TXT file, or a folder")
    for each in files:
        name = each.relative_to(path).as_posix() if path.is_dir() else each.name
        s3.upload_file(str(each), bucket, f"{prefix.strip('/')}/{name}")
    return f"s3://{bucket}/{prefix.strip('/')}/"


def show_tokens(source, folder, cfg, columns: str = "", tokenizer=None) -> job_costs.Tokens:
    """Read files as finetune.py will, print what becomes of their rows, and return how many tokens they are.

    source  a file or a folder     folder   where the converted rows are written
    Raises  data.DataError if no row is left
    """
    path = Path(folder) / "training.jsonl"
    for report in data.convert(source, path, columns, seen=set()):  # duplicates go, as in the job
        print(report)
    tokens = job_costs.count_tokens(path, tokenizer, cfg.training.max_seq_length)
    print(tokens)
    return tokens


def show_cost(cfg, session, tokens: job_costs.Tokens) -> job_costs.JobCost:
    """Print what the configured job costs on AWS: low, likely, worst; return it.

    In local the values are the configuration's for aws. The speed is measured by your own jobs on that
    machine, else assumed, and says so.
    Raises  prices.PriceError on aws if the worst case is over budget_usd; catalogue.CatalogueError for a
            model whose size is not known
    """
    local = session.where == "local"
    there = config.load(where="aws") if local else cfg
    job, model = there.sagemaker, there.model.id
    price = prices.price_of(session, job.instance_type)
    speed = None if local else job_costs.measured(session.client("sagemaker"), cfg.project.tags,
                                                  job.instance_type, model)
    speed = speed or job_costs.assumed(size_of(model), job.instance_type)
    cost = job_costs.before(tokens.count, speed, job.instance_type, session.region, job.max_run_s,
                            epochs_of(there.training, tokens.rows), job.instance_count, price)
    print("here it costs nothing. On AWS:" if local else "on AWS, your account:", cost, sep="\n")
    if not local:
        prices.check_budget(cost, cfg.budget_usd)
    return cost


def epochs_of(training, rows: int) -> float:
    """How often the job reads its rows: `epochs`, or what max_steps come to."""
    if training.max_steps < 0:
        return training.epochs
    rows_a_step = training.per_device_train_batch_size * training.gradient_accumulation_steps
    return training.max_steps * rows_a_step / rows


def size_of(model_id: str) -> int:
    """Parameters of a model of the catalogue; a model that was tuned for chats has those of its base.

    Raises  catalogue.CatalogueError
    """
    try:
        return parameters(find(model_id))
    except CatalogueError:
        base = re.sub(r"(?i)-(instruct|chat|it)$", "", model_id)
        if base == model_id:
            raise
        return parameters(find(base))


def request_from(cfg, session, bucket: str, name: str, source: str, channels: dict,
                 given: dict | None = None) -> dict:
    """Return the CreateTrainingJob request of the configured job. Sends nothing.

    source, channels  from raw_jobs.upload_code() and upload_files()
    given             hyperparameters instead of the configuration's
    """
    job = cfg.sagemaker
    return raw_jobs.check(raw_jobs.training_request(
        name, raw_images.training_image(session.region, job.transformers_version), session.role_arn, PROGRAM,
        source, channels, hyperparameters(cfg.training) if given is None else given, f"s3://{bucket}/models",
        job.instance_type, job.instance_count, job.volume_size_gb, job.max_run_s, cfg.project.labels(),
        METRIC_DEFINITIONS, f"s3://{bucket}/checkpoints/{name}" if cfg.training.save_steps else None,
        job.max_wait_s if job.spot else None, secrets.job_environment(cfg) or None))


def upload_training_code(s3, bucket: str, name: str) -> str:
    """Pack and upload the course's training folder; return the archive's URI."""
    return raw_jobs.upload_code(s3, SOURCE_DIR, bucket, name, PROGRAM)
