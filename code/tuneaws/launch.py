"""The course's training job as an estimator, from the configuration: what lesson 04 writes out by hand.

    session = connect(cfg)
    bucket = ensure_bucket(cfg, session)
    show_price(cfg, session)                # and stop here if it is over the budget
    estimator = estimator_from(cfg, session, bucket)
    print(estimator.request(channels))      # nothing is sent
    estimator.fit(channels)
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from tuneaws import buckets, config, fixes, prices, secrets, training_jobs
from tuneaws.metrics import METRIC_DEFINITIONS

SOURCE_DIR = Path(__file__).resolve().parents[1] / "container" / "training"
LIKELY_S = 900  # a guess, for the middle line of a price. The budget is held to the worst case


def connect(cfg, home=None):
    """Return the Session that a configuration asks for. Raises session.SessionError.

    home  folder of the local AWS; None: the one that runs, or <course>/.pocketaws
    """
    from tuneaws import session

    return session.connect(cfg.where, cfg.region, home, cfg.sagemaker.role_arn, cfg.account)


def ensure_bucket(cfg, session) -> str:
    """Return the name of your bucket, made if there is none: private, encrypted, tagged. Free while empty.

    Raises  buckets.BucketError
    """
    name, tags = session.bucket_name(cfg.project.name), cfg.project.tag_list()
    return buckets.ensure_bucket(session.client("s3"), name, session.region, tags)


def show_price(cfg, session, jobs: int = 1, max_run_s: int | None = None) -> prices.Price:
    """Print what the configured job costs on AWS, likely and at worst; return the price of an instance hour.

    cfg, session  from config.load() and session.connect(). In local: with the configuration's values for aws
    jobs          so many of them
    max_run_s     the cap on each in seconds; None: the configuration's
    Raises        prices.PriceError on aws if all jobs at their worst cost more than budget_usd
    """
    local = session.where == "local"
    job = (config.load(where="aws") if local else cfg).sagemaker
    price = prices.price_of(session, job.instance_type)
    longest_s = (max_run_s or job.max_run_s) + job.keep_alive_s  # a warm instance bills like a busy one
    cost = prices.estimate(job.instance_type, job.instance_count * jobs, session.region,
                           min(LIKELY_S, longest_s), longest_s, price)
    print("here it costs nothing. On AWS:" if local else "on AWS, your account:", cost, sep="\n")
    if not local:
        prices.check_budget(cost, cfg.budget_usd)
    return price


def new_job_name(project: str) -> str:
    """Return a name that no job has yet: "tuneaws-2026-11-22-08-30-00-123456", the time in UTC."""
    return f"{project}-{datetime.now(timezone.utc):%Y-%m-%d-%H-%M-%S-%f}"


def estimator_from(cfg, session, bucket: str, hyperparameters: dict | None = None,
                   entry_point: str = "train_qlora.py", tags: dict | None = None):
    """Return the HuggingFace estimator of the configured training job. Starts nothing and costs nothing.

    cfg, session     from config.load() and session.connect()
    bucket           where the code, the model and the checkpoints go
    hyperparameters  instead of the configuration's
    entry_point      or "finetune.py", for files as they are
    tags             more than the configuration's: {"pocketaws:interrupt-after": "step=10 step=25"}
    """
    from tuneaws.estimator.distribution import distribution_for
    from tuneaws.huggingface import HuggingFace

    job = cfg.sagemaker
    tag_list = [*cfg.project.tag_list(), *({"Key": key, "Value": text} for key, text in (tags or {}).items())]
    folder = f"s3://{bucket}/checkpoints/{new_job_name(cfg.project.name)}"
    return HuggingFace(
        entry_point=entry_point, source_dir=str(SOURCE_DIR), base_job_name=cfg.project.name,
        hyperparameters=cfg.training.hyperparameters() if hyperparameters is None else hyperparameters,
        metric_definitions=METRIC_DEFINITIONS, checkpoint_s3_uri=folder if cfg.training.save_steps else None,
        transformers_version=job.transformers_version, pytorch_version=job.pytorch_version,
        py_version=job.py_version, instance_type=job.instance_type, instance_count=job.instance_count,
        distribution=distribution_for(job.instance_type, job.instance_count),
        volume_size=job.volume_size_gb, max_run=job.max_run_s, use_spot_instances=job.spot,
        max_wait=job.max_wait_s if job.spot else None, keep_alive_period_in_seconds=job.keep_alive_s or None,
        role=session.role_arn, sagemaker_session=session.sagemaker(), tags=tag_list,
        output_path=f"s3://{bucket}/models", code_location=f"s3://{bucket}/code",
        environment=secrets.job_environment(cfg) or None)


def find_or_train(cfg, session, bucket: str, rows: dict) -> dict:
    """Return the newest completed job that was trained on these rows; in local, train one when there is none.

    One that still runs, started by a kernel that ended since, is waited for: no second one is started.
    A job without merge_weights is passed over: it has an adapter, which an experiment leaves, and no model.

    cfg, session  from config.load() and session.connect()
    rows          {"train": "s3://.../", "validation": ...}, from handover.find_or_make_rows()
    Returns       what DescribeTrainingJob says of it. Training takes about a minute with the small model.
    Raises        training_jobs.JobError on aws when there is none, where training costs money
    """
    sm, logs, tags = session.client("sagemaker"), session.client("logs"), cfg.project.tags
    found = _trained_on(sm, tags, rows["train"], "Completed")
    running = None if found else _trained_on(sm, tags, rows["train"], "InProgress")
    if running:
        print(f"model: {running['TrainingJobName']} trains it already")
        done = training_jobs.watch(sm, logs, running["TrainingJobName"])
        found = done if done["TrainingJobStatus"] == "Completed" else None
    if found:
        print(f"model: from {found['TrainingJobName']}")
        return found
    if session.where == "aws":
        raise training_jobs.JobError(f"no completed job of yours was trained on {rows['train']}.\n"
                                     f"Fix: {training_jobs.TRAIN_FIRST},\nor set WHERE = \"local\" and go on "
                                     "for free.")
    print("model: none was trained on these rows yet, so it is trained now as lesson 04 does")
    estimator = estimator_from(cfg, session, bucket)
    estimator.fit({"training": rows["train"], "validation": rows["validation"]}, wait=False)
    done = training_jobs.watch(sm, logs, estimator.latest_training_job.name)
    if done["TrainingJobStatus"] != "Completed":
        why = done.get("FailureReason", "it was stopped")
        raise training_jobs.JobError("\n".join([
            f"{done['TrainingJobName']} is {done['TrainingJobStatus']}: {why}", *fixes.line_for(sm, why)]))
    return done


def _trained_on(sm, tags: dict, uri: str, status: str) -> dict | None:
    """The newest job with these tags and this status that makes a whole model of these rows."""
    for job in training_jobs.find(sm, tags, status):
        found = sm.describe_training_job(TrainingJobName=job["TrainingJobName"])
        if uri in _channel_uris(found) and training_jobs.has_whole_model(found):
            return found
    return None


def _channel_uris(job: dict) -> list:
    return [channel["DataSource"]["S3DataSource"]["S3Uri"] for channel in job.get("InputDataConfig", [])
            if "S3DataSource" in channel["DataSource"]]
