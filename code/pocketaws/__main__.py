"""python -m pocketaws [--port N] [--home DIR] [--region NAME] [--keep-jobs] [--enforce-iam]: an AWS here."""

import argparse
import sys
from pathlib import Path

from pocketaws import server


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve until Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pocketaws", description="An AWS on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=4610, help="port, 0 for a free one (default 4610)")
    parser.add_argument(
        "--home", type=Path, default=Path.home() / ".pocketaws", help="its folder (~/.pocketaws)"
    )
    parser.add_argument("--region", default="us-east-1", help="for requests that name none (us-east-1)")
    parser.add_argument("--keep-jobs", action="store_true", help="leave the folders of ended training jobs")
    parser.add_argument("--enforce-iam", action="store_true", help="policies count; the root user may all")
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error(f"--port {options.port} is not a port: 0 to 65535")
    home = options.home.expanduser().resolve()
    return server.main(home, options.port, options.region, options.keep_jobs, options.enforce_iam)


if __name__ == "__main__":
    sys.exit(main())
