"""Fine-tune the configured model with a SageMaker training job, and draw its loss curve.

    python code/train_sagemaker.py                                  # on this machine, free, about a minute
    python code/train_sagemaker.py --data my/rows --max-steps 50    # your own rows
    python code/train_sagemaker.py --set training.lora_r=8          # any key of config.yaml
    python code/train_sagemaker.py --where aws                      # shows the price and stops
    python code/train_sagemaker.py --where aws --yes                # your account, REAL MONEY

Lessons 02, 04 and 05 do the same, step by step.
"""

import argparse
import datetime
import sys
from pathlib import Path

CONTAINER = Path(__file__).resolve().parent / "container" / "training"
LIKELY_S = 900  # a guess, for the middle line of the price on aws. The budget is held to the worst case


def main(argv: list | None = None) -> int:
    """Train, draw, report; return the exit status: 1 if the job failed, 2 if nothing was started."""
    args = parse(argv)
    from tuneaws import buckets, config, data, prices, roles, session

    refusals = (config.ConfigError, session.SessionError, buckets.BucketError, data.DataError,
                prices.PriceError, roles.RoleError)
    try:
        cfg = config.load(args.config, where=args.where, **overrides(args))
        aws = session.connect(cfg.where, cfg.region, args.home, cfg.sagemaker.role_arn, cfg.account)
        aws.summary()
        price = agreed_price(aws, cfg, args.yes) if cfg.where == "aws" else None
        bucket = buckets.ensure_bucket(
            aws.client("s3"), aws.bucket_name(cfg.project.name), aws.region, cfg.project.tag_list())
        channels = upload(aws.client("s3"), bucket, cfg, args.out)
        job = train(aws, bucket, channels, cfg, price)
    except refusals as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
        return 2
    return report(aws, job, args.out)


def overrides(args: argparse.Namespace) -> dict:
    """The values of the command line, by their paths in config.yaml."""
    pairs = [text.partition("=") for text in args.set]
    return {"dataset.source": args.data, "training.max_steps": args.max_steps,
            **{key: value for key, _, value in pairs}}


def agreed_price(aws, cfg, yes: bool):
    """Print what the job costs on aws. Raises PriceError if it is over the budget or --yes was not given."""
    from tuneaws import prices

    job = cfg.sagemaker
    pricing = aws.boto.client("pricing", region_name="us-east-1")
    price = prices.best_price(pricing, job.instance_type, aws.region)
    longest_s = job.max_run_s + job.keep_alive_s  # a warm instance bills like a busy one
    cost = prices.estimate(job.instance_type, job.instance_count, aws.region, min(LIKELY_S, longest_s),
                           longest_s, price)
    print(cost)
    prices.check_budget(cost, cfg.budget_usd)
    if not yes:
        raise prices.PriceError("nothing was started. Add --yes to start it and pay, "
                                "or leave out --where aws: local is free.")
    return price


def upload(s3, bucket: str, cfg, out: Path) -> dict:
    """Read, clean, split and upload the rows; return the job's channels."""
    from tuneaws import data, handover

    rows, cleaned = data.clean(data.read_rows(cfg.dataset.source, cfg.dataset.fields), cfg.dataset.max_chars)
    print(cleaned)
    sizes = (cfg.dataset.train_rows, cfg.dataset.validation_rows, cfg.dataset.test_rows)
    splits = data.split(rows, *sizes, seed=cfg.dataset.seed)
    uris = handover.upload_rows(s3, bucket, cfg.dataset.source, splits, cfg.prompt, out / "data")
    return {"training": uris["train"], "validation": uris["validation"]}


def train(aws, bucket: str, channels: dict, cfg, price=None) -> dict:
    """Start the job, print it until it has ended, return its description."""
    from tuneaws import training_jobs
    from tuneaws.huggingface import HuggingFace
    from tuneaws.metrics import METRIC_DEFINITIONS

    job = cfg.sagemaker
    name = f"{cfg.project.name}-{datetime.datetime.now():%Y-%m-%d-%H-%M-%S-%f}"
    checkpoints = f"s3://{bucket}/checkpoints/{name}" if cfg.training.save_steps else None
    estimator = HuggingFace(
        entry_point="train_qlora.py", source_dir=str(CONTAINER),
        hyperparameters=cfg.training.hyperparameters(), checkpoint_s3_uri=checkpoints,
        transformers_version=job.transformers_version, pytorch_version=job.pytorch_version,
        py_version=job.py_version, instance_type=job.instance_type, instance_count=job.instance_count,
        volume_size=job.volume_size_gb, max_run=job.max_run_s, use_spot_instances=job.spot,
        max_wait=job.max_wait_s if job.spot else None, keep_alive_period_in_seconds=job.keep_alive_s or None,
        role=aws.role_arn, sagemaker_session=aws.sagemaker(), metric_definitions=METRIC_DEFINITIONS,
        output_path=f"s3://{bucket}/models", code_location=f"s3://{bucket}/code",
        tags=cfg.project.tag_list())
    estimator.fit(channels, wait=False, job_name=name)
    usd_per_hour = price.usd_per_hour * job.instance_count if price else None
    return training_jobs.watch(aws.client("sagemaker"), aws.client("logs"), name, usd_per_hour)


def report(aws, job: dict, out: Path) -> int:
    """Draw the loss curve, print the job, return the exit status."""
    import matplotlib

    matplotlib.use("Agg")
    from tuneaws import metrics, training_jobs

    name = job["TrainingJobName"]
    table = metrics.from_logs(aws.client("logs"), name)
    picture = out / f"{name}-loss.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    metrics.plot_loss(table).figure.savefig(picture, dpi=120)
    training_jobs.show(aws.client("sagemaker"), name)
    print(f"{metrics.loss_message(table)}.\nThe curve: {picture}")
    return 0 if job["TrainingJobStatus"] == "Completed" else 1


def parse(argv: list | None) -> argparse.Namespace:
    """Read the command line."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--where", choices=["local", "aws"], help="default: what config.yaml says")
    parser.add_argument("--config", help="another config.yaml")
    parser.add_argument("--data", help="rows to train on instead of dataset.source")
    parser.add_argument("--max-steps", type=int, help="optimizer steps; -1: by epochs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any configured key")
    parser.add_argument("--out", type=Path, default=Path("build/train_sagemaker"), help="for the curve")
    parser.add_argument("--home", help="folder of the local AWS; default: the one that runs, or .pocketaws")
    parser.add_argument("--yes", action="store_true", help="on aws: start the job and pay for it")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
