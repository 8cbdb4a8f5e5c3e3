"""Leave nothing behind: list what the course made, ask, delete it in order, ask AWS again.

    python code/clean.py                             # make clean: where config.yaml says
    python code/clean.py --where aws                 # your account: everything with the course's tags
    python code/clean.py --where aws --list          # look only; --json for a program
    python code/clean.py --where aws --yes           # without a question, for a program
    python code/clean.py --where aws --expired       # only what is over its time to live
    python code/clean.py --where aws --expired --wait --yes    # stay, and delete each when its time is over

In local it stops the local AWS of this folder and removes what it and `make course` wrote: .pocketaws, build.
On aws it finds things by project.tags, in every region that the course used. What stays unless it is asked
for: data (--buckets), logs (--logs), and what was set up for all lessons: roles, policies, budget (--setup,
which takes an instructor's rights).
Things of other learners stay (--everyone). Records of jobs that have ended stay: they cost nothing.
Cut it at any moment and run it again. Exit code: 0 done or nothing to do, 1 something is left or failed.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PASSES = 5  # an import job that has ended leaves a model: what a deletion brings up is found in the next pass
WRITTEN = (".pocketaws", "build")  # by the local AWS, and by make course and make bench


def main(argv: list | None = None) -> int:
    """List, ask, delete, look again; return the exit status."""
    args = parse(argv)
    folders = [] if args.expired else [ROOT / name for name in WRITTEN if (ROOT / name).exists()]
    if not _can_look():
        print("the course's packages are not installed, so AWS was not asked: only this folder is cleaned")
        return clean([], None, folders, args)
    from tuneaws import config, session

    try:
        cfg = config.load(args.config, where=args.where)
        aws = look(cfg, args)
        return clean(things_of(aws, cfg, args), (aws, cfg) if aws else None, folders, args)
    except (config.ConfigError, session.SessionError) as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped: run it again, and it goes on from what AWS has", file=sys.stderr)
        return 130


def look(cfg, args):
    """The Session to look with; None in local when no local AWS is up: then there is nothing to ask."""
    from tuneaws import session

    if cfg.where == "local" and not session.is_up(args.home):
        return None
    return session.connect(cfg.where, cfg.region, args.home, cfg.sagemaker.role_arn, cfg.account)


def things_of(aws, cfg, args) -> list:
    """What clean_up finds; [] without a session."""
    from tuneaws import clean_up

    if aws is None:
        return []
    regions = clean_up.all_regions(aws) if args.all_regions else None
    return clean_up.find(aws, cfg, regions, setup=args.setup)


def clean(things: list, where: tuple | None, folders: list, args: argparse.Namespace) -> int:
    """Show, ask and do it; the exit status."""
    if args.json:
        from tuneaws import clean_up

        print(json.dumps(clean_up.rows(things), indent=2))
        return 0
    going = show(things, where, folders, args)
    if args.list or not (going or folders or args.wait):
        return int(bool(where) and blind(things))
    if not agreed(going, folders, args):
        return 1
    failed = delete(going, where, args) if where else 0
    return 1 if remove(folders) or failed or blind(things) else 0


def blind(things: list) -> bool:
    """Whether something that bills could not be looked at: then nobody can say that nothing is left."""
    unseen = getattr(things, "unseen", ())
    if not unseen:
        return False
    from tuneaws import clean_up

    return any(clean_up.bills(what) for what, _, _ in unseen)


def show(things: list, where: tuple | None, folders: list, args: argparse.Namespace) -> list:
    """Print all that is there; the Things that would go."""
    going = []
    if where:
        from tuneaws import clean_up

        aws, cfg = where
        clean_up.show(things, *groups(aws, args), learner=learner(aws, cfg, args))
        going = choose(things, where, args)
    for folder in folders:
        print(f"{size(folder)}  {folder.relative_to(ROOT)}/")
    if not (things or folders):
        print("nothing is left of the course here")
    if (where is None or where[0].where == "local") and (ROOT / ".tuneaws" / "ledger.jsonl").exists():
        print("the course was used on AWS too, and your account was not looked at: make clean WHERE=aws")
    return going


def choose(things: list, where: tuple, args: argparse.Namespace) -> list:
    """The Things that would go, by the command line. In local everything goes with the folder."""
    from tuneaws import clean_up

    aws, cfg = where
    going = clean_up.chosen(things, *groups(aws, args), learner=learner(aws, cfg, args))
    return clean_up.expired(going) if args.expired else going


def groups(aws, args: argparse.Namespace) -> list:
    """The groups that go beside the work."""
    asked = {"data": args.buckets, "logs": args.logs, "setup": args.setup}
    return [name for name, yes in asked.items() if yes or (aws.where == "local" and not args.expired)]


def learner(aws, cfg, args: argparse.Namespace) -> str | None:
    """Whose things go; None: everybody's."""
    from tuneaws import learner

    return None if args.everyone or aws.where == "local" else learner.current(cfg.project.learner)


def agreed(going: list, folders: list, args: argparse.Namespace) -> bool:
    """Whether the person says yes. Where nobody can be asked, only --yes does."""
    if args.yes:
        return True
    what = [f"delete {len(going)} things"] * bool(going) + ["remove the folders above"] * bool(folders)
    if not sys.stdin.isatty():
        print(f"nothing was deleted. To {' and '.join(what) or 'wait'}: --yes")
        return False
    try:
        said = input(f"{' and '.join(what).capitalize() or 'Wait'}? It cannot be undone. [y/N] ")
    except (EOFError, KeyboardInterrupt):
        said = ""
        print()
    yes = said.strip().lower() in ("y", "yes")
    if not yes:
        print("nothing was deleted")
    return yes


def delete(going: list, where: tuple, args: argparse.Namespace) -> int:
    """Delete, and look again until nothing of it is left; how many things are left or failed."""
    from tuneaws import clean_up, costs

    aws, cfg = where
    if aws.where == "local" and not args.expired:
        return 0  # it goes with its folder
    passes = 0
    while True:
        failed = clean_up.delete(aws, going).failed
        found = things_of(aws, cfg, args)
        going = choose(found, where, args)
        mine = clean_up.chosen(found, learner=learner(aws, cfg, args))
        waiting = args.wait and any(clean_up.time_left(thing) is not None for thing in mine)
        passes += bool(going)
        if failed or passes == PASSES or not (going or waiting):
            break
        time.sleep(args.every_s if waiting and not going else 1)
    for thing in going:
        print(f"still there: {thing}")
    if not going:
        print("AWS was asked again: nothing of it is left" + (" that could be looked at" * blind(found)))
    costs.show_still_billing(aws, cfg)
    return len(going) + len(failed)


def remove(folders: list) -> int:
    """Stop every local AWS that lives in the folders, and remove them; how many could not be."""
    failed = 0
    for folder in folders:
        try:
            stop(folder)
            shutil.rmtree(folder)
            print(f"removed {folder.relative_to(ROOT)}/")
        except (OSError, RuntimeError) as err:
            failed += 1
            print(f"NOT removed {folder.relative_to(ROOT)}/: {err}", file=sys.stderr)
    return failed


def stop(folder: Path) -> None:
    """Stop the local AWSs whose home is the folder or lies in it: a `make course` has its own."""
    homes = {path.parent for path in folder.rglob("lock")} if _can_look() else ()
    for home in sorted(homes):
        from tuneaws import session

        if session.stop_local(home):
            print(f"stopped the local AWS of {home.relative_to(ROOT)}/")


def size(folder: Path) -> str:
    """What a folder takes on disk: "  12 MB"."""
    total = sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
    return f"{total / 1e6:8,.1f} MB"


def _can_look() -> bool:
    """Whether the course's packages are here: make clean also runs before they are installed."""
    try:
        import tuneaws.config
        import tuneaws.session  # noqa: F401
    except ImportError:
        return False
    return True


def parse(argv: list | None) -> argparse.Namespace:
    """Read the command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--where", choices=["local", "aws"], help="default: what config.yaml says")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--list", action="store_true", help="look only")
    parser.add_argument("--json", action="store_true", help="look only, and print it for a program")
    parser.add_argument("--expired", action="store_true", help="only what is over its time to live")
    parser.add_argument("--wait", action="store_true", help="with --expired: stay until the last one's is")
    parser.add_argument("--buckets", action="store_true", help="data too: buckets, all versions of all in it")
    parser.add_argument("--logs", action="store_true", help="the log streams of the course's jobs too")
    parser.add_argument("--setup", action="store_true", help="roles, policies, the budget too (instructor)")
    parser.add_argument("--everyone", action="store_true", help="things of other learners too")
    parser.add_argument("--all-regions", action="store_true", help="look in every region there is")
    parser.add_argument("--every-s", type=float, default=20, help="with --wait: look every so many seconds")
    parser.add_argument("--config", help="another config.yaml")
    parser.add_argument("--home", help="folder of the local AWS; default: the one that runs, or .pocketaws")
    args = parser.parse_args(argv)
    if args.wait and not args.expired:
        parser.error("--wait goes with --expired")
    return args


if __name__ == "__main__":
    sys.exit(main())
