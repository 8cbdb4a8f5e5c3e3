"""List what answers for the course, and delete what is over its time: endpoints, deployments on Bedrock.

    python code/delete_endpoints.py                          # on this machine: lists, deletes what is over
    python code/delete_endpoints.py --where aws              # the same in your account
    python code/delete_endpoints.py --where aws --all        # whatever answers with the course's tags
    python code/delete_endpoints.py --where aws --wait       # stay, and delete each when its time is over
    python code/delete_endpoints.py --where aws --list       # look only

An endpoint bills until it is deleted, and so does provisioned throughput on Bedrock; a deployment there bills
only when it is asked. AWS has no time to live for them: the tag `expires` is the course's, and only this
clean-up acts on it. Tuned and imported models stay: they are listed with the price of their storage.
"""

import argparse
import sys
import time


def main(argv: list | None = None) -> int:
    """List, delete, look again; return the exit status: 1 if something could not be deleted or read."""
    args = parse(argv)
    from tuneaws import bedrock_models, config, endpoints, session

    refusals = (config.ConfigError, session.SessionError, endpoints.EndpointError,
                bedrock_models.BedrockModelError)
    try:
        cfg = config.load(args.config, where=args.where)
        aws = session.connect(cfg.where, cfg.region, args.home, cfg.sagemaker.role_arn, cfg.account)
        bedrock = look_at_bedrock(aws, cfg)
        clean_up([OnSageMaker(aws.client("sagemaker"), cfg.project.tags), *bedrock], args)
    except refusals as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
        return 1
    return 0 if bedrock else 1


def look_at_bedrock(aws, cfg) -> list:
    """[OnBedrock] for the configured region; [], said on stderr, where these credentials can't look at it."""
    from botocore.exceptions import BotoCoreError, ClientError

    region = cfg.bedrock.region
    bedrock = (aws.client("bedrock") if region == aws.region else
               aws.boto.client("bedrock", region_name=region, endpoint_url=aws.url))
    place = OnBedrock(bedrock, cfg.project.tags)
    try:
        place.rows()
    except (BotoCoreError, ClientError) as err:
        print(f"Bedrock in {region} was not looked at: {err}\nFix: permission to list, describe and delete "
              "there, or look at the Bedrock console", file=sys.stderr)
        return []
    return [place]


def clean_up(places: list, args: argparse.Namespace) -> None:
    """Do what the command line says in each place, and print it."""
    from tuneaws.lesson import table

    for place in places:
        print(place.title)
        table(place.rows())
    if args.list:
        return
    while True:
        for place in places:
            for name in place.delete(args.all):
                print("deleted", name)
        left = [row for place in places for row in place.rows() if row["time left"] != "no limit"]
        if not (args.wait and left):
            break
        time.sleep(args.every_s)
    for place in places:
        print(place.what_is_left())


class OnSageMaker:
    """The endpoints with the course's tags."""

    def __init__(self, sm, tags: dict):
        self.sm, self.tags = sm, tags
        self.title = f"endpoints, {sm.meta.region_name}"

    def rows(self) -> list:
        """A row for each endpoint."""
        from tuneaws import endpoints

        return endpoints.list_endpoints(self.sm, self.tags)

    def delete(self, everything: bool) -> list:
        """Delete all endpoints, or those whose time is over; their names."""
        from tuneaws import endpoints

        return (endpoints.delete_all if everything else endpoints.delete_expired)(self.sm, self.tags)

    def what_is_left(self) -> str:
        """The last line."""
        still = len(self.rows())
        return f"{still} endpoints with the course's tags are left" + (", and bill on AWS" if still else "")


class OnBedrock:
    """Deployments, provisioned throughput and, only to be listed, models with the course's tags."""

    ANSWERS = ("deployment", "provisioned throughput")

    def __init__(self, bedrock, tags: dict):
        self.bedrock, self.tags = bedrock, tags
        self.title = f"on Bedrock, {bedrock.meta.region_name}"

    def rows(self) -> list:
        """A row for each thing: what it bills, and the time left of a deployment."""
        from tuneaws import bedrock_models
        from tuneaws.endpoints.life import span

        rows = []
        for thing in bedrock_models.find(self.bedrock, self.tags):
            seconds = bedrock_models.time_left(self.bedrock, thing.arn)
            left = "no limit" if seconds is None else span(seconds)
            rows.append({**bedrock_models.billing_row(self.bedrock, thing), "time left": left})
        return rows

    def delete(self, everything: bool) -> list:
        """Delete all that answers, or the deployments whose time is over; what and their names."""
        from tuneaws import bedrock_models

        if not everything:
            return bedrock_models.delete_expired(self.bedrock, self.tags)
        found = bedrock_models.find(self.bedrock, self.tags)
        arns = [thing.arn for thing in found if thing.kind in self.ANSWERS]
        return bedrock_models.delete(self.bedrock, *arns) if arns else []

    def what_is_left(self) -> str:
        """The last line."""
        kinds = [row["what"] for row in self.rows()]
        answering = sum(kind in self.ANSWERS for kind in kinds)
        models = len(kinds) - answering
        said = f"{answering} deployments and {models} models with the course's tags are left on Bedrock"
        stored = ", and models bill for storage on AWS: bedrock_models.delete_all(bedrock, tags)"
        return said + (stored if models else "")


def parse(argv: list | None) -> argparse.Namespace:
    """Read the command line."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--where", choices=["local", "aws"], help="default: what config.yaml says")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="delete nothing")
    what.add_argument("--all", action="store_true", help="delete what answers, its time over or not")
    what.add_argument("--wait", action="store_true", help="stay until the last one's time is over")
    parser.add_argument("--every-s", type=float, default=20, help="with --wait: look every so many seconds")
    parser.add_argument("--config", help="another config.yaml")
    parser.add_argument("--home", help="folder of the local AWS; default: the one that runs, or .pocketaws")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
