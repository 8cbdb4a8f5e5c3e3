"""Create your S3 bucket: private, encrypted, tagged, with a name that nobody else has.

    python code/create_s3_bucket.py                  # on this machine, free
    python code/create_s3_bucket.py --where aws      # in your account; an empty bucket costs nothing

Running it again changes nothing. Lesson 02 does the same in a notebook.
"""

import argparse
import sys


def main(argv: list | None = None) -> int:
    """Create the bucket, print its name, return the exit status."""
    args = parse(argv)
    from tuneaws import buckets, config, launch, session

    try:
        cfg = config.load(args.config, where=args.where)
        aws = launch.connect(cfg, args.home)
        name = launch.ensure_bucket(cfg, aws)
    except (config.ConfigError, session.SessionError, buckets.BucketError) as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
        return 1
    print(f"s3://{name} is yours: private, encrypted, in {aws.region} ({cfg.where})")
    return 0


def parse(argv: list | None) -> argparse.Namespace:
    """Read the command line."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--where", choices=["local", "aws"], help="default: what config.yaml says")
    parser.add_argument("--config", help="another config.yaml")
    parser.add_argument("--home", help="folder of the local AWS; default: the one that runs, or .pocketaws")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
