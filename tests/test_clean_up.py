"""The clean-up: it finds by tag, touches nothing else, goes on where it was cut, and asks AWS in the end."""

import contextlib
import dataclasses
import itertools
import re
import time
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError
from clean_up_aid import Everything
from tuneaws import clean_up, config
from tuneaws.clean_up import deleting, finding, kinds
from tuneaws.clean_up.things import CleanUpError, Thing, carries
from tuneaws.costs import book

REGIONS = ["us-east-1", "eu-west-1"]
NOT_HERE = {"MLflow app", "MLflow server", "import job"}  # the local AWS has none, or is done with it at once
EVERY = [kind for kind in kinds.KINDS if kind.name not in NOT_HERE]


def look_alikes(value):
    """Tags that are not {"course": value}, however much they look like it."""
    return {
        "no tags": {},
        "another value": {"course": "other", "learner": value},
        "value in another case": {"course": value.capitalize()},
        "key in another case": {"Course": value},
        "value goes on": {"course": f"{value}-2"},
        "value begins so": {"course": value[:-1]},
        "key goes on": {"course2": value},
    }


ENOUGH = {"provisioned throughput": 1, "imported model": 2, "deployment": 2, "training job": 3,
          "warm pool": 3, "tuning job": 3}  # fmt: skip  # quotas, and time


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deleting, "POLL_S", 0.02)
        aws = Everything(tmp_path_factory.mktemp("everything"))
        yield aws
        aws.close()


numbers = itertools.count(1)


@pytest.fixture
def cfg():
    """The configuration with tags of this test alone: what another one left is not found."""
    whole = config.load()
    tags = {"course": f"tuneaws{next(numbers)}x"}
    return dataclasses.replace(whole, project=dataclasses.replace(whole.project, tags=tags))


def name_of(kind, number, cfg, region="us-east-1"):
    """Names that the course could have given."""
    return f"{cfg.project.tags['course']}-{re.sub('[^a-z]+', '-', kind.name)}-{number}-{region[:2]}"


def places(kind):
    """The regions in which a kind is made here: Bedrock tunes in one of them."""
    return REGIONS if kind.service != "bedrock" and kind.service != "iam" else REGIONS[:1]


def put_one_of_each(aws, cfg, regions=REGIONS):
    for kind, region in itertools.product(EVERY, regions):
        if region in places(kind):
            aws.make(kind.name, name_of(kind, 0, cfg, region), {**cfg.project.tags, "learner": "ana"}, region)


def everything_there(aws, session):
    """{(kind, region, name)} of all that there is, whatever its tags, but for SageMaker's notes on jobs."""
    found = set()
    for kind, region in itertools.product(EVERY, REGIONS):
        asked = finding.opened(session, kind, "" if kind.once else region)
        found |= {(kind.name, "" if kind.once else region, row[0]) for row in kind.rows(asked)}
    return {row for row in found if "-aws-" not in row[2] and "for-all" not in row[2]}


class Cut(BaseException):
    """The clean-up is killed."""


CHANGES = ("Delete", "Stop", "Update", "Detach", "Disassociate", "Abort")


def cut_after_each_change(session):
    """Kill whoever works with this session when AWS has done a change, before that is heard."""

    def after_call(model, **_):
        if model.name.startswith(CHANGES):
            done.append(model.name)
            raise Cut

    done = []
    session.boto.events.register("after-call", after_call)
    return done


def test_cut_after_each_of_its_steps_it_goes_on_when_it_is_run_again(everything, cfg, monkeypatch):
    """One change a run: more than there are things, since a role, a bucket and a trial take several."""
    put_one_of_each(everything, cfg, REGIONS[:1])
    session, left = everything.session(), list(kinds.KINDS)
    done = cut_after_each_change(session)
    things = len(clean_up.find(session, cfg, setup=True))
    while left and len(done) < 200:
        monkeypatch.setattr(finding, "KINDS", tuple(left[:2]))  # to ask less: what comes before is gone
        found = clean_up.find(session, cfg, setup=True)
        left = [kind for kind in left[0 if found else 2:]
                if not found or kinds.ORDER[kind.name] >= found[0].order]
        with contextlib.suppress(Cut):
            clean_up.delete(session, found, wait_s=20, show=lambda line: None)
    monkeypatch.undo()
    assert clean_up.find(session, cfg, setup=True) == []
    assert things + 5 <= len(done) < 200, (len(done), things)


def test_what_others_keep_to_themselves_hides_nothing_of_the_course(everything, cfg):
    """In an account that others use too, a learner may not read the tags of all that is listed."""
    own, names = f"{cfg.project.tags['course']}-own", {}
    for kind in ("model group", "bucket"):
        for name in (f"a-{own}", f"z-{own}"):  # before and behind what may be read
            everything.make(kind, name, {}, "us-east-1")
        everything.make(kind, own, cfg.project.tags, "us-east-1")
        names[kind] = own
    session = everything.session()

    def deny(params, model, **_):
        name = params.get("ResourceArn", params.get("Bucket", "")).rpartition("/")[2]
        if model.name in ("ListTags", "GetBucketTagging") and not name.startswith("tuneaws"):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not yours"}}, model.name)

    session.boto.events.register("provide-client-params", deny)
    found = clean_up.find(session, cfg, ["us-east-1"])
    assert {thing.kind: thing.name for thing in found} == names
    unseen = [what for what, _, _ in found.unseen]
    assert "model group" in unseen and "bucket" not in unseen and len(set(unseen)) == len(unseen)


def test_a_failure_is_said_and_the_rest_goes_on(everything, cfg, monkeypatch):
    """Somebody else's deployment stands on the course's model: both stay, everything else goes."""
    monkeypatch.setattr(deleting, "REFUSED_S", 0.1)
    arn = everything.make_custom_model("tuneaws-held", cfg.project.tags, "us-east-1")
    made = everything.bedrock.create_custom_model_deployment(modelDeploymentName="theirs", modelArn=arn)
    everything.make_role("tuneaws-late", cfg.project.tags)
    lines, session = [], everything.session()
    outcome = clean_up.delete(session, clean_up.find(session, cfg, setup=True), show=lines.append)
    assert [(thing.name, "delete what uses it" in why) for thing, why in outcome.failed] == [
        ("tuneaws-held", True)]
    assert {thing.name for thing in outcome.gone} == {"tuneaws-late", "tuneaws-late-policy"}
    assert lines[0].startswith("NOT deleted custom model tuneaws-held")
    arn = made["customModelDeploymentArn"]
    assert everything.bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn)
    everything.bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=arn)


def test_another_accounts_things_are_not_seen(everything, cfg):
    everything.make_role("for-others", cfg.project.tags)
    role = "arn:aws:iam::999999999999:role/x"
    sts = everything.client("sts").assume_role(RoleArn=role, RoleSessionName="other")
    keys = {name: sts["Credentials"][given] for name, given in (
        ("aws_access_key_id", "AccessKeyId"), ("aws_secret_access_key", "SecretAccessKey"),
        ("aws_session_token", "SessionToken"))}
    other = boto3.Session(region_name="us-east-1", **keys).client("sagemaker", endpoint_url=everything.url)
    arn = other.create_experiment(ExperimentName="tuneaws-x", Tags=cfg.project.tag_list())["ExperimentArn"]
    assert ":999999999999:" in arn
    kinds_seen = {thing.kind for thing in clean_up.find(everything.session(), cfg, setup=True)}
    assert kinds_seen == {"role", "policy"}


def test_the_regions_of_the_course_are_the_configurations_the_ledgers_and_its_buckets(everything, cfg,
                                                                                      tmp_path):  # fmt: skip
    session, tags = everything.session(home=tmp_path), cfg.project.tags
    everything.make_experiment("tuneaws-abroad", tags, "eu-west-1")
    assert clean_up.used_regions(session, cfg) == ["us-east-1"] and clean_up.find(session, cfg) == []
    everything.make_bucket("tuneaws-abroad", tags, "eu-west-1")
    everything.make_bucket("tuneaws-not-ours", {"course": "Tuneaws"}, "us-west-2")
    assert clean_up.used_regions(session, cfg) == ["us-east-1", "eu-west-1"]
    assert [str(thing) for thing in clean_up.find(session, cfg, setup=True)] == [
        "experiment tuneaws-abroad (eu-west-1)", "bucket tuneaws-abroad (eu-west-1)"]
    book.Book(book.path_of(session)).add({"event": "made", "region": "ap-south-1"})
    assert clean_up.used_regions(session, cfg) == ["us-east-1", "ap-south-1", "eu-west-1"]
    assert {"us-east-1", "eu-west-1", "ap-south-1"} <= set(clean_up.all_regions(session))


def test_the_log_of_an_endpoint_that_is_gone_is_found_by_the_ledger(everything, cfg):
    session, name = everything.session(), "tuneaws-logged"
    everything.make_endpoint_s_log("their-logged", {}, "us-east-1")
    everything.put_log(f"/aws/sagemaker/Endpoints/{name}", "AllTraffic/i-1", "us-east-1")
    sm = session.client("sagemaker")
    sm.create_endpoint(EndpointName=name, EndpointConfigName="config-for-all", Tags=cfg.project.tag_list())
    sm.delete_endpoint(EndpointName=name)
    found = clean_up.find(session, cfg, setup=True)
    assert [(one.kind, one.name) for one in found] == [("endpoint's log", name)]
    assert clean_up.delete(session, found, show=lambda line: None).failed == []
    assert clean_up.find(session, cfg, setup=True) == []
    groups = everything.client("logs").describe_log_groups(logGroupNamePrefix="/aws/sagemaker/Endpoints/")
    assert [row["logGroupName"].rpartition("/")[2] for row in groups["logGroups"]].count("their-logged") == 1


def test_what_was_set_up_is_looked_for_only_when_it_is_asked_for(everything, cfg):
    """A learner may not list the account's roles and budgets, and a denied call would stand in CloudTrail."""
    everything.make_role("for-the-course", cfg.project.tags)
    session, asked = everything.session(), []
    for service in ("iam", "budgets"):
        session.boto.events.register(f"before-call.{service}", lambda model, **_: asked.append(model.name))
    assert clean_up.find(session, cfg) == [] and asked == []
    assert [one.kind for one in clean_up.find(session, cfg, setup=True)] == ["role", "policy"] and asked


def test_it_takes_what_carries_the_tags_in_every_region_and_nothing_that_looks_like_it(everything, cfg):
    """Last of those that ask AWS: each look at all of what it leaves takes a second."""
    session = everything.session()
    others = list(enumerate(look_alikes(cfg.project.tags["course"]).values(), 1))
    for kind, region in itertools.product(EVERY, REGIONS):
        most = ENOUGH.get(kind.name) if region == REGIONS[0] else region in places(kind)
        for number, tags in others[:most]:
            everything.make(kind.name, name_of(kind, number, cfg, region), tags, region)
    before = everything_there(everything, session)
    assert clean_up.find(session, cfg, REGIONS, setup=True) == [] and len(before) > 120, len(before)
    put_one_of_each(everything, cfg)
    found = clean_up.find(session, cfg, REGIONS, setup=True)
    assert {thing.kind for thing in found} == {kind.name for kind in EVERY} and not found.unseen
    assert {thing.region for thing in found} == {"", *REGIONS}
    assert [thing.order for thing in found] == sorted(thing.order for thing in found)
    lines = []
    outcome = clean_up.delete(session, found, wait_s=20, show=lines.append)
    assert outcome.failed == [] and len(outcome.gone) == len(lines) == len(found)
    assert clean_up.find(session, cfg, REGIONS, setup=True) == []
    assert everything_there(everything, session) == before


# --- what is not asked of AWS


def thing(kind="endpoint", name="a", **tags):
    found = kinds.BY_NAME[kind]
    return Thing(kind, name, f"arn:{name}", "us-east-1", {"course": "tuneaws", **tags}, found.bills,
                 kinds.ORDER[kind], found.group)


def test_data_setup_and_what_others_made_stay_unless_they_are_asked_for():
    things = [thing(learner="ana"), thing(name="b", learner="bo"), thing(name="c"), thing("bucket", "d"),
              thing("role", "e"), thing("secret", "f")]

    def names(*groups, **given):
        return "".join(one.name for one in clean_up.chosen(things, *groups, **given))

    assert names() == "abcf" and names(learner="ana") == "acf"
    assert names("data") == "abcdf" and names("data", "setup", learner="bo") == "bcdef"
    with pytest.raises(ValueError, match="buckets: no group"):
        names("buckets")


def test_what_is_over_its_time_goes_with_its_configuration_and_its_model():
    over, later = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    things = [thing(name="tuneaws-a", expires=over), thing(name="tuneaws-b", expires=later),
              thing(name="tuneaws-c"), thing("endpoint configuration", "tuneaws-a-0123abcd"),
              thing("model", "tuneaws-a-0123abcd"), thing("model", "tuneaws-b-0123abcd"),
              thing("model", "tuneaws-a-more"), thing("deployment", "d", expires=over)]
    assert sorted(f"{one.kind} {one.name}" for one in clean_up.expired(things)) == [
        "deployment d", "endpoint configuration tuneaws-a-0123abcd", "endpoint tuneaws-a",
        "model tuneaws-a-0123abcd"]
    assert clean_up.time_left(things[2]) is None and clean_up.time_left(things[0]) < 0


def test_tags_are_compared_letter_by_letter_and_none_is_not_everything(cfg):
    assert carries({"a": "1", "b": "2"}, {"a": "1"}) and not carries({"a": "1"}, {"a": "1", "b": "2"})
    assert not carries({"A": "1"}, {"a": "1"}) and not carries({"a": "X"}, {"a": "x"})
    assert not carries({}, {}) and not carries({"a": "1"}, {})
    without = dataclasses.replace(cfg, project=dataclasses.replace(cfg.project, tags={}))
    with pytest.raises(ValueError, match="everything in the account"):
        clean_up.find(None, without)


def test_what_may_not_be_looked_at_is_said_and_a_region_that_is_off_is_skipped(cfg, monkeypatch, capsys):
    said = {"us-east-1": "AccessDeniedException", "eu-west-1": "UnrecognizedClientException"}
    asked = []

    def client(session, service, region=""):
        asked.append((service, region))
        raise ClientError({"Error": {"Code": said[region or "us-east-1"], "Message": "no"}}, "List")

    monkeypatch.setattr(finding, "opened", lambda session, kind, region: client(session, kind, region))
    boto = SimpleNamespace(get_available_regions=lambda service: REGIONS)
    session = SimpleNamespace(region="us-east-1", boto=boto, where="aws")
    found = clean_up.find(session, cfg, REGIONS, setup=True)
    assert found == [] and len(found.unseen) >= 20 and found.closed == {"eu-west-1"}
    assert len([one for one in asked if one[1] == "eu-west-1"]) == 1
    clean_up.show(found)
    assert "not looked at: endpoint in us-east-1: AccessDeniedException: no" in capsys.readouterr().out


def test_what_a_stack_made_goes_with_the_stack(cfg, monkeypatch, capsys):
    tags = {**cfg.project.tags, "aws:cloudformation:stack-name": "course-roles"}
    kind = dataclasses.replace(kinds.BY_NAME["role"], rows=lambda iam: [("r", "arn:r", tags)])
    monkeypatch.setattr(finding, "KINDS", (kind,))
    session = SimpleNamespace(client=lambda name: None, region="r")
    found = clean_up.find(session, cfg, [], setup=True)
    clean_up.show(found)
    assert found == [] and "role r is of the CloudFormation stack course-roles" in capsys.readouterr().out


class OneThing:
    """An AWS with one model: `refusals` are the answers to its deletion, then it goes."""

    region = "us-east-1"

    def __init__(self, *refusals, tags=None, stays=False):
        self.refusals, self.stays, self.is_there, self.asked = list(refusals), stays, True, 0
        self.tags = {"course": "tuneaws"} if tags is None else tags

    def client(self, service):
        return self

    def kind(self):
        return dataclasses.replace(kinds.BY_NAME["model"], tags=lambda *_: self.tags, delete=self.delete,
                                   there=lambda *_: self.is_there)

    def delete(self, *_):
        self.asked += 1
        if self.refusals:
            code, message = self.refusals.pop(0)
            raise ClientError({"Error": {"Code": code, "Message": message}}, "DeleteModel")
        self.is_there = self.stays


def run(aws, monkeypatch, wait_s=5):
    monkeypatch.setitem(kinds.BY_NAME, "model", aws.kind())
    deleting.delete_one(aws, thing("model"), wait_s, poll_s=0.001)


@pytest.mark.parametrize("refusals", [
    [("ConflictException", "in use")], [("ValidationException", 'Cannot delete: it is being created')] * 2,
    [("ResourceInUse", "x"), ("BucketNotEmpty", "x")], [("ValidationException", 'Could not find model "a"')]])
def test_what_aws_does_not_do_now_is_asked_again(refusals, monkeypatch):
    aws = OneThing(*refusals)
    run(aws, monkeypatch)
    assert not aws.is_there and aws.asked >= len(refusals)


def test_a_denial_is_not_asked_again(monkeypatch):
    aws = OneThing(("AccessDeniedException", "no"))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        run(aws, monkeypatch)
    assert aws.asked == 1


def test_what_is_still_there_is_no_success(monkeypatch):
    began = time.monotonic()
    with pytest.raises(CleanUpError, match="it is there 0 s later.\nFix: look at the console"):
        run(OneThing(stays=True), monkeypatch, wait_s=0.01)
    assert time.monotonic() - began < 5


def test_what_lost_its_tags_since_it_was_listed_stays(monkeypatch):
    aws = OneThing(tags={"course": "mine-now"})
    with pytest.raises(CleanUpError, match="its tags have changed"):
        run(aws, monkeypatch)
    assert aws.asked == 0
