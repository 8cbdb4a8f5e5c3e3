"""Fine-tune the configured model with a SageMaker training job, and draw its loss curve.

    python code/train_sagemaker.py                                  # on this machine, free, about a minute
    python code/train_sagemaker.py --data my/rows --max-steps 50    # your own rows
    python code/train_sagemaker.py --set training.lora_r=8          # any key of config.yaml
    python code/train_sagemaker.py --where aws                      # shows the price and stops
    python code/train_sagemaker.py --where aws --yes                # your account, REAL MONEY

Lessons 02, 04 and 05 do the same, step by step.
"""

import argparse
import sys
from pathlib import Path


def main(argv: list | None = None) -> int:
    """Train, draw, report; return the exit status: 1 if the job failed, 2 if nothing was started."""
    args = parse(argv)
    from tuneaws import buckets, config, costs, data, launch, prices, roles, session

    refusals = (config.ConfigError, session.SessionError, buckets.BucketError, data.DataError,
                prices.PriceError, roles.RoleError)
    try:
        cfg = config.load(args.config, where=args.where, **overrides(args))
        aws = launch.connect(cfg, args.home)
        aws.summary()
        price = agreed_price(aws, cfg, args.yes) if cfg.where == "aws" else None
        with costs.then_still_billing(aws, cfg):
            bucket = launch.ensure_bucket(cfg, aws)
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
    from tuneaws import launch, prices

    price = launch.show_price(cfg, aws)
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
    from tuneaws import launch, training_jobs

    estimator = launch.estimator_from(cfg, aws, bucket)
    estimator.fit(channels, wait=False, job_name=launch.new_job_name(cfg.project.name))
    name = estimator.latest_training_job.name
    usd_per_hour = price.usd_per_hour * cfg.sagemaker.instance_count if price else None
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
