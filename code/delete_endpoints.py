"""List the course's endpoints, and delete those whose time is over. An endpoint bills until it is deleted.

    python code/delete_endpoints.py                          # on this machine: lists, deletes what is over
    python code/delete_endpoints.py --where aws              # the same in your account
    python code/delete_endpoints.py --where aws --all        # every endpoint with the course's tags
    python code/delete_endpoints.py --where aws --wait       # stay, and delete each when its time is over
    python code/delete_endpoints.py --where aws --list       # look only

AWS has no time to live for an endpoint: the tag `expires` is the course's, and only this clean-up acts on it.
"""

import argparse
import sys
import time


def main(argv: list | None = None) -> int:
    """List, delete, look again; return the exit status: 1 if something could not be deleted or read."""
    args = parse(argv)
    from tuneaws import config, endpoints, session

    try:
        cfg = config.load(args.config, where=args.where)
        aws = session.connect(cfg.where, cfg.region, args.home, cfg.sagemaker.role_arn, cfg.account)
        clean_up(aws.client("sagemaker"), cfg.project.tags, args)
    except (config.ConfigError, session.SessionError, endpoints.EndpointError) as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
        return 1
    return 0


def clean_up(sm, tags: dict, args: argparse.Namespace) -> None:
    """Do what the command line says, and print it."""
    from tuneaws import endpoints
    from tuneaws.lesson import table

    rows = endpoints.list_endpoints(sm, tags)
    table(rows)
    if args.list:
        return
    while True:
        gone = endpoints.delete_all(sm, tags) if args.all else endpoints.delete_expired(sm, tags)
        for name in gone:
            print("deleted", name)
        left = [row for row in endpoints.list_endpoints(sm, tags) if row["time left"] != "no limit"]
        if not (args.wait and left):
            break
        time.sleep(args.every_s)
    still = len(endpoints.list_endpoints(sm, tags))
    print(f"{still} endpoints with the course's tags are left" + (", and bill on AWS" if still else ""))


def parse(argv: list | None) -> argparse.Namespace:
    """Read the command line."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--where", choices=["local", "aws"], help="default: what config.yaml says")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="delete nothing")
    what.add_argument("--all", action="store_true", help="delete those whose time is not over too")
    what.add_argument("--wait", action="store_true", help="stay until the last one's time is over")
    parser.add_argument("--every-s", type=float, default=20, help="with --wait: look every so many seconds")
    parser.add_argument("--config", help="another config.yaml")
    parser.add_argument("--home", help="folder of the local AWS; default: the one that runs, or .pocketaws")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
