"""Write the page of costs, by learner, lesson and thing, to build/costs/index.html.

    python code/cost_report.py                                  # on the AWS of this machine: 0.00 USD
    python code/cost_report.py --where aws                      # your account: list prices, free to ask
    python code/cost_report.py --where aws --cost-explorer      # and AWS's own bill: 0.01 USD a request

It reads: what carries the course's tags, and the ledger beside the course. Exit code 0, 1 with the reason.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(argv: list | None = None) -> int:
    """Look, write the page, print the sum; return the exit status."""
    args = parse(argv)
    from tuneaws import session

    with session.only_for_now():
        return write(args)


def write(args: argparse.Namespace) -> int:
    """Ask, and write the page; the exit status."""
    from botocore.exceptions import BotoCoreError, ClientError
    from tuneaws import config, session
    from tuneaws.costs import billing, report, spent

    try:
        cfg = config.load(args.config, where=args.where)
        if args.cost_explorer and cfg.where == "local":
            raise config.ConfigError(["--cost-explorer asks AWS's bill, and in local there is none. Fix: "
                                      "--where aws, or leave it out"])
        aws = session.connect(cfg.where, cfg.region, args.home, cfg.sagemaker.role_arn, cfg.account)
        rows, billed = spent.ledger(aws, cfg), None
        if args.cost_explorer:
            print(f"Cost Explorer bills {report.COST_EXPLORER_USD} USD for each request")
            billed = report.bill(aws, cfg)
    except (config.ConfigError, session.SessionError, ClientError, BotoCoreError) as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
        return 1
    text = report.page(rows, billing.look(aws, cfg), aws.where, aws.account, billed)
    path = report.write(args.out, text)
    column = spent.LIST_PRICE if aws.where == "local" else spent.SO_FAR
    for name, amount, count in report.sums(rows, "learner", column):
        print(f"{name}: {count} things, {column} {spent.usd(amount)}")
    print(f"the page: {path}")
    return 0


def parse(argv: list | None) -> argparse.Namespace:
    """Read the command line."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--where", choices=["local", "aws"], help="default: what config.yaml says")
    parser.add_argument("--cost-explorer", action="store_true", help="AWS's bill too: 0.01 USD a request")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "costs", help="folder of the page")
    parser.add_argument("--config", help="another config.yaml")
    parser.add_argument("--home", help="folder of the local AWS; default: the one that runs, or .pocketaws")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
