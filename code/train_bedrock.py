"""Tune the configured model with an Amazon Bedrock customization job, and draw its loss curve.

    python code/train_bedrock.py                                  # on this machine, free, about a minute
    python code/train_bedrock.py --data my/rows                   # your own rows of dialogue and summary
    python code/train_bedrock.py --set bedrock.epochs=2           # any key of config.yaml
    python code/train_bedrock.py --watch tuneaws-2026-11-22       # go on watching a job, draw its curve
    python code/train_bedrock.py --where aws                      # shows the price and stops
    python code/train_bedrock.py --where aws --yes                # your account, REAL MONEY

Lessons 13 and 14 do the same, step by step.
"""

import argparse
import sys
from pathlib import Path


def main(argv: list | None = None) -> int:
    """Tune, draw, report; return the exit status: 1 if the job failed, 2 if nothing was started."""
    args = parse(argv)
    from tuneaws import bedrock_data, bedrock_jobs, buckets, config, costs, data, prices, session

    refusals = (config.ConfigError, session.SessionError, buckets.BucketError, data.DataError,
                prices.PriceError, bedrock_data.BedrockDataError, bedrock_jobs.BedrockJobError)
    try:
        cfg = config.load(args.config, where=args.where, **overrides(args))
        aws = session.connect(cfg.where, cfg.bedrock.region, args.home, account=cfg.account)
        aws.summary()
        name = args.watch or tune(aws, cfg, args)
        poll_s = 0.5 if cfg.where == "local" else 10
        with costs.then_still_billing(aws, cfg):
            return report(aws, bedrock_jobs.watch(aws.client("bedrock"), name, poll_s), args.out)
    except refusals as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
        return 2


def overrides(args: argparse.Namespace) -> dict:
    """The values of the command line, by their paths in config.yaml."""
    pairs = [text.partition("=") for text in args.set]
    return {"dataset.source": args.data, **{key: value for key, _, value in pairs}}


def tune(aws, cfg, args: argparse.Namespace) -> str:
    """Make, check and upload the files, agree on the price, start the job; return its name."""
    from tuneaws import bedrock_data, bedrock_jobs, launch

    bedrock = aws.client("bedrock")
    model = bedrock_jobs.gate(bedrock, cfg.bedrock.model_id)
    family = bedrock_data.family(model)
    bedrock_jobs.configured(cfg, family)  # what it does not take is said before anything is made
    made = bedrock_data.from_files(write_rows(cfg, args.out / "rows"), args.out / "data", family)
    print(made.parts)
    agree(aws, cfg, bedrock_jobs.show_price(cfg, aws, made.checked, model), args.yes)
    bucket, prefix = launch.ensure_bucket(cfg, aws), bedrock_jobs.data_prefix(cfg.dataset.source, family)
    uris = bedrock_data.upload(aws.client("s3"), bucket, prefix, made.training, family, made.validation)
    asked = bedrock_jobs.request_from(cfg, aws, bucket, uris)
    return bedrock_jobs.start(bedrock, asked)["jobName"]


def write_rows(cfg, folder: Path) -> dict:
    """Read, clean and split the rows as lesson 02 does; return {"train": path, ...} of all three."""
    from tuneaws import data

    rows, cleaned = data.clean(data.read_rows(cfg.dataset.source, cfg.dataset.fields), cfg.dataset.max_chars)
    print(cleaned)
    sizes = (cfg.dataset.train_rows, cfg.dataset.validation_rows, cfg.dataset.test_rows)
    splits = data.split(rows, *sizes, seed=cfg.dataset.seed)
    for name, part in splits.items():
        data.write_jsonl((data.build_messages(row, cfg.prompt) for row in part), folder / f"{name}.jsonl")
    return {name: folder / f"{name}.jsonl" for name in splits}


def agree(aws, cfg, cost, yes: bool) -> None:
    """Raise PriceError on aws if the job may cost more than the budget, or --yes was not given."""
    from tuneaws import bedrock_jobs, prices

    if aws.where == "aws":
        bedrock_jobs.check_budget(cost, cfg.budget_usd)
        if not yes:
            raise prices.PriceError("nothing was started. Add --yes to start it and pay, "
                                    "or leave out --where aws: local is free.")


def report(aws, job: dict, out: Path) -> int:
    """Draw the loss curve, return the exit status."""
    if job["status"] != "Completed":
        return 1
    import matplotlib

    matplotlib.use("Agg")
    from tuneaws import bedrock_jobs, metrics

    table = bedrock_jobs.losses(aws.client("s3"), job)
    picture = out / f"{job['jobName']}-loss.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    bedrock_jobs.plot_loss(table).figure.savefig(picture, dpi=120)
    print(f"{metrics.loss_message(table)}.\nThe curve: {picture}")
    return 0


def parse(argv: list | None) -> argparse.Namespace:
    """Read the command line."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--where", choices=["local", "aws"], help="default: what config.yaml says")
    parser.add_argument("--config", help="another config.yaml")
    parser.add_argument("--data", help="rows to train on instead of dataset.source")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any configured key")
    parser.add_argument("--watch", metavar="JOB", help="start nothing: watch this job to its end")
    parser.add_argument("--out", type=Path, default=Path("build/train_bedrock"), help="for data and curve")
    parser.add_argument("--home", help="folder of the local AWS; default: the one that runs, or .pocketaws")
    parser.add_argument("--yes", action="store_true", help="on aws: start the job and pay for it")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
