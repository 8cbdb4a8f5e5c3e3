"""Find what carries the course's tags: every kind, in every region that the course used."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws.clean_up import in_account
from tuneaws.clean_up.kinds import KINDS, ORDER
from tuneaws.clean_up.things import SETUP, STACK, Thing, carries, code_of, is_gone
from tuneaws.costs import book
from tuneaws.roles import DENIED

# What a region that an account has not enabled says to keys that are good in another one
# (https://docs.aws.amazon.com/general/latest/gr/rande-manage.html, 2026-11).
CLOSED = ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException")


class Found(list):
    """The Things, in the order of their deletion.

    unseen  [(what, region, why)]: what these credentials may not look at, so nothing is known of it
    stacks  the Things that a CloudFormation stack has made: they go with it, not one by one
    regions  where it was looked
    closed   regions that this account has not switched on: nothing of it can be there
    """

    def __init__(self, things=(), unseen=(), stacks=(), regions=()):
        super().__init__(things)
        self.unseen, self.stacks, self.regions = list(unseen), list(stacks), list(regions)
        self.closed = set()


def find(session, cfg, regions: list | None = None, setup: bool = False) -> Found:
    """Every thing of the course that is there: what carries all of cfg.project.tags, letter by letter.

    session, cfg  from connect() and config.load()
    regions       where to look; None: those of used_regions()
    setup         look for roles, policies and budgets too: listing them takes an instructor's rights
    Returns       a list of Thing, in the order in which delete() takes them. Reads only, and is free
    What may not be looked at is no error: it stands in `.unseen`.
    """
    tags = cfg.project.tags
    if not tags:
        raise ValueError("no tags: that would find everything in the account. Fix: project.tags, config.yaml")
    found = Found(regions=used_regions(session, cfg) if regions is None else regions)
    for region in ["", *found.regions]:
        for kind in KINDS:
            if kind.group == SETUP and not setup:
                continue
            if kind.once != bool(region) and _has(session, kind, region) and region not in found.closed:
                _look(session, kind, region, tags, found)
    found.sort(key=lambda thing: (thing.order, thing.region, thing.name))
    return found


def client(session, service: str, region: str = ""):
    """A client of the session for any region; "": its own."""
    return session.client(service, region) if region and region != session.region else session.client(service)


def opened(session, kind, region: str = ""):
    """What a kind's functions take first: a client of its service, or what the kind says itself."""
    return kind.opens(session, region) if kind.opens else client(session, kind.service, region)


def used_regions(session, cfg) -> list:
    """The regions that the course used: the configuration's, the ledger's, and those of its buckets."""
    regions = [session.region, cfg.region, cfg.bedrock.region]
    made = book.Book(book.path_of(session)).entries()
    regions += [entry["region"] for entry in made if entry.get("region")]
    s3 = session.client("s3")
    try:
        for name, arn in in_account.BUCKET.rows(s3):
            if carries(in_account.BUCKET.tags(s3, arn), cfg.project.tags):
                regions.append(in_account.bucket_region(s3, name))
    except ClientError:
        pass  # find() meets the same refusal, and says so
    return list(dict.fromkeys(regions))


def all_regions(session) -> list:
    """Every region that has SageMaker or Bedrock, as this botocore knows them; no call."""
    found = [region for service in ("sagemaker", "bedrock")
             for region in session.boto.get_available_regions(service)]
    return sorted(set(found), key=lambda region: (region != session.region, region))


def _has(session, kind, region: str) -> bool:
    """Whether a service is in a region at all, by botocore's list; in a region that it does not know: ask."""
    if kind.once:
        return True
    known = session.boto.get_available_regions
    return region in known(kind.service) or region not in known("sagemaker")


def _look(session, kind, region: str, tags: dict, found: Found) -> None:
    try:
        asked = opened(session, kind, region)
        for name, arn, *given in kind.rows(asked):
            there = given[0] if given else _tags(asked, kind, arn, region, found)
            if carries(there, tags):
                where = _bucket_region(asked, kind, name) or region
                thing = Thing(kind.name, name, arn, where, there, kind.bills, ORDER[kind.name], kind.group)
                (found.stacks if STACK in there else found).append(thing)
    except ClientError as err:
        if region and region != session.region and code_of(err) in CLOSED:
            found.closed.add(region)
        elif code_of(err) != "NotImplemented":  # the local AWS has no such thing, so none is there
            _note(kind, region, err, found)
    except BotoCoreError as err:
        found.unseen.append((kind.name, region, str(err)))


def _tags(asked, kind, arn: str, region: str, found: Found) -> dict:
    """The tags of one thing; {} when it went away after it was listed, or may not be read: others may."""
    try:
        return kind.tags(asked, arn) or {}
    except ClientError as err:
        if code_of(err) in DENIED:
            _note(kind, region, err, found)
        elif not is_gone(err):
            raise
        return {}


def _note(kind, region: str, err: ClientError, found: Found) -> None:
    """Say once what of a kind may not be looked at."""
    if (kind.name, region) not in [(what, where) for what, where, _ in found.unseen]:
        found.unseen.append((kind.name, region, f"{code_of(err)}: {err.response['Error']['Message']}"))


def _bucket_region(s3, kind, name: str) -> str:
    return in_account.bucket_region(s3, name) if kind is in_account.BUCKET else ""
