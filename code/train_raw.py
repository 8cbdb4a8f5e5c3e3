"""Fine-tune a model on your own files with a training job by boto3 alone: no SageMaker SDK.

    python code/train_raw.py my/rows.csv                       # on this machine, free
    python code/train_raw.py my/folder --max-steps 50          # CSV, JSON, JSONL, TXT, gz, mixed
    python code/train_raw.py my/rows.csv --print               # the request, member by member; sends nothing
    python code/train_raw.py my/rows.csv --where aws           # shows the price and stops
    python code/train_raw.py my/rows.csv --where aws --yes     # your account, REAL MONEY
    python code/train_raw.py my/rows.csv --where aws --yes --or-local   # refused? the same job, here
    python code/train_raw.py --list                            # your jobs, their state and cost so far

Lessons 06 and 07 do the same, step by step. Exit status: 0 completed, 1 failed, 2 nothing was started, 3 AWS
refused the job (also when --or-local then ran it here: what was asked of AWS is not done).
"""

import argparse
import sys
from pathlib import Path


def main(argv: list | None = None) -> int:
    """Train, draw, report; return the exit status."""
    args = parse(argv)
    from tuneaws import buckets, config, costs, data, launch, prices, roles, session, training_jobs
    from tuneaws.sizing import catalogue

    wrong = (config.ConfigError, session.SessionError, buckets.BucketError, data.DataError, prices.PriceError,
             roles.RoleError, catalogue.CatalogueError, ValueError)
    try:
        cfg = config.load(args.config, where=args.where, **overrides(args))
        aws = launch.connect(cfg, args.home)
        aws.summary()
        if args.list:
            return show_jobs(aws, cfg)
        request, cost = prepare(aws, cfg, args)
    except wrong as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
        return 2
    if args.print:
        return 0
    try:
        with costs.then_still_billing(aws, cfg):
            return run(aws, request, cost, args)
    except training_jobs.JobError as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
        return 1


def overrides(args: argparse.Namespace) -> dict:
    """The values of the command line, by their paths in config.yaml."""
    pairs = [text.partition("=") for text in args.set]
    return {"training.max_steps": args.max_steps, **{key: value for key, _, value in pairs}}


def prepare(aws, cfg, args: argparse.Namespace) -> tuple:
    """Read the files, show the price, upload, show the request; return (request, cost).

    Raises  prices.PriceError on aws if it is over the budget or --yes was not given: nothing is uploaded then
    """
    from tuneaws import launch, prices, raw_jobs, raw_launch

    name = launch.new_job_name(cfg.project.name)
    tokens = raw_launch.show_tokens(args.data, args.out / name, cfg, args.fields)
    cost = raw_launch.show_cost(cfg, aws, tokens)
    if cfg.where == "aws" and not (args.yes or args.print):
        raise prices.PriceError("nothing was started. Add --yes to start it and pay, "
                                "or leave out --where aws: local is free.")
    given = raw_launch.hyperparameters(cfg.training, **({"fields": args.fields} if args.fields else {}))
    bucket = aws.bucket_name(cfg.project.name)
    source, channel = f"s3://{bucket}/code/{name}/source/sourcedir.tar.gz", f"s3://{bucket}/uploads/{name}/"
    if not args.print:
        launch.ensure_bucket(cfg, aws)
        source = raw_launch.upload_training_code(aws.client("s3"), bucket, name)
        channel = raw_launch.upload_files(aws.client("s3"), args.data, bucket, f"uploads/{name}")
    request = raw_launch.request_from(cfg, aws, bucket, name, source, {"training": channel}, given)
    raw_jobs.explain(request)
    return request, cost


def run(aws, request: dict, cost, args: argparse.Namespace) -> int:
    """Send the request, print the job until it has ended, report; a refused job is not done."""
    from train_sagemaker import report
    from tuneaws import job_costs, local_run, raw_jobs, training_jobs
    from tuneaws.refusals import JobRefused

    sm, logs = aws.client("sagemaker"), aws.client("logs")
    per_hour = job_costs.usd_per_hour(request, cost.price) if aws.where == "aws" else None
    try:
        name = raw_jobs.start(sm, request)
        if aws.where == "aws":  # in local there is no console
            bucket = request["OutputDataConfig"]["S3OutputPath"].split("/")[2]
            for page, url in training_jobs.console_urls(aws.region, name, bucket).items():
                print(f"{page:7} {url}")
        job = raw_jobs.finish(sm, training_jobs.watch(sm, logs, name, per_hour))
    except JobRefused as refused:
        print(f"{type(refused).__name__}: {refused}", file=sys.stderr)
        if not args.or_local:
            print("With --or-local this script does that.", file=sys.stderr)
        else:
            local_run.run_local(request, aws, refused, local_hyperparameters(), args.home)
        return 3
    return report(aws, job, args.out)


def local_hyperparameters() -> dict:
    """What the configuration has for local, such as a base model that is on this machine."""
    from tuneaws import config, raw_launch

    return raw_launch.hyperparameters(config.load(where="local").training)


def show_jobs(aws, cfg) -> int:
    """Print the course's jobs with their state and cost so far."""
    from tuneaws import job_costs
    from tuneaws.lesson import table

    table(job_costs.overview(aws.client("sagemaker"), cfg.project.tags, aws.region, where=cfg.where))
    return 0


def parse(argv: list | None) -> argparse.Namespace:
    """Read the command line."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("data", nargs="?", help="a file or a folder of files")
    parser.add_argument("--where", choices=["local", "aws"], help="default: what config.yaml says")
    parser.add_argument("--config", help="another config.yaml")
    parser.add_argument("--fields", default="", help="which column is what: prompt=Frage,completion=Antwort")
    parser.add_argument("--max-steps", type=int, help="optimizer steps; -1: by epochs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any configured key")
    parser.add_argument("--out", type=Path, default=Path("build/train_raw"), help="for rows and curve")
    parser.add_argument("--home", help="folder of the local AWS; default: the one that runs, or .pocketaws")
    parser.add_argument("--print", action="store_true", help="print the request, upload and send nothing")
    parser.add_argument("--list", action="store_true", help="list your jobs and stop")
    parser.add_argument("--or-local", action="store_true", help="if AWS refuses the job, run it here")
    parser.add_argument("--yes", action="store_true", help="on aws: start the job and pay for it")
    args = parser.parse_args(argv)
    if not args.data and not args.list:
        parser.error("which data? Give a file or a folder, or --list")
    return args


if __name__ == "__main__":
    sys.exit(main())
