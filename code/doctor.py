"""Look at this machine and account before a lesson does: what works, what does not, one fix for each.

    python code/doctor.py                               # for local: no account, no network needed
    python code/doctor.py --where aws                   # your account too; reads only, and bills nothing
    python code/doctor.py --where aws --lessons 00-05   # what these lessons need
    python code/doctor.py --json                        # for programs

Exit status: 0 when the lessons can run, 1 when a check failed, 2 for a wrong option.
`make doctor` runs it too.
"""

import argparse
import json
import sys


def main(argv: list | None = None) -> int:
    """Run the checks, print them, return the exit status."""
    args = parse(argv)
    try:
        from tuneaws import config, doctor, session
        from tuneaws.doctor import showing
    except ImportError as err:
        return without_packages(err, args)
    try:
        cfg = config.load(args.config, where=args.where)
        with session.only_for_now():
            checks = doctor.run(cfg, lessons=args.lessons, home=args.home)
    except (config.ConfigError, ValueError) as err:
        print(err, file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(doctor.as_dict(checks, cfg.where), indent=2))
    else:
        doctor.show(checks)
        print("", *showing.verdict(checks, cfg.where, args.lessons), sep="\n")
    return 0 if doctor.ready(checks) else 1


def without_packages(err: ImportError, args) -> int:
    """What can be said when the lessons' packages are not there."""
    where = args.where or "local"
    check = {"name": "packages", "status": "fail", "seen": f"{sys.executable}: {err}",
             "fix": "make setup, then .venv/bin/python code/doctor.py (or make doctor)", "took_s": 0.0}
    if args.json:
        print(json.dumps({"where": where, "ready": False, "passed": 0, "warned": 0, "failed": 1,
                          "checks": [check]}, indent=2))
    else:
        print(f"fail  {check['name']}  {check['seen']}\n      Fix: {check['fix']}\n\nready for {where}: no")
    return 1


def parse(argv: list | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0],
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--where", choices=("local", "aws"), help="None: what config.yaml says")
    parser.add_argument("--lessons", help='which are to run, such as "00-05,10"; None: all')
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument("--config", help="another config.yaml")
    parser.add_argument("--home", help="the local AWS's folder")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
