"""What still bills, the ledger, AWS Budgets and the page of costs, on a pocketaws whose engines are fakes."""

import re
from datetime import date, datetime, timedelta, timezone
from types import SimpleNamespace

import boto3
import hosting_api
import pytest
from bedrock_api import BedrockApi
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from costs_aid import ACCOUNT, GPU, configured, session_for
from local_server import TRUST
from training_api import request_for
from tuneaws import costs
from tuneaws.costs import billing, book, on_aws_only, report, settling, showing, spent
from tuneaws.endpoints import requests

ANA = [{"Key": "course", "Value": "costs-test"}, {"Key": "learner", "Value": "ana"},
       {"Key": "lesson", "Value": "04_x"}]
ANA_BELOW = [{"key": tag["Key"], "value": tag["Value"]} for tag in ANA]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A pocketaws with something of each kind that bills, and beside it the same without the course's tag."""
    api = BedrockApi(tmp_path_factory.mktemp("home"))
    api.sagemaker, api.lent = api.client("sagemaker"), api.role
    api.role = api.make_role("machines", TRUST)
    api.client("s3").put_object(Bucket="learner", Key="data/a.jsonl", Body=b"{}")
    hosting_api.upload(api)
    yield api
    api.close()


@pytest.fixture(scope="module")
def full(gateway):
    """Names of what was made, by kind; "other" is what is not the course's."""
    names = {"training job": job(gateway, Tags=ANA), "other job": job(gateway)}
    warm = job(gateway, Tags=ANA, ResourceConfig={**GPU, "KeepAlivePeriodInSeconds": 3600})
    done = gateway.job(warm)
    done.billable_time_s = 90
    done.training_start_time = datetime.now(timezone.utc)
    done.move("Completed")
    names |= {"warm pool": warm, "endpoint": hosting_api.endpoint(gateway, Tags=ANA),
              "other endpoint": hosting_api.endpoint(gateway)}
    machines, gateway.role = gateway.role, gateway.lent
    tuned = gateway.tuned(customModelTags=ANA_BELOW, jobTags=ANA_BELOW)
    names |= {"custom model": tuned.request["customModelName"], "customization job": tuned.name}
    for phase in ("validation", "training"):
        failed = gateway.create(jobTags=ANA_BELOW)
        failed.begin(phase)
        failed.fail("no")
        names[f"failed in {phase}"] = failed.name
    gateway.role = machines
    gateway.bedrock.create_custom_model_deployment(
        modelDeploymentName="costs-deployed", modelArn=tuned.output_model_arn, tags=ANA_BELOW)
    names["deployment"] = names["secret"] = "costs-deployed"
    gateway.client("secretsmanager").create_secret(Name="costs-deployed", SecretString="x", Tags=ANA)
    return names


def job(gateway, **changes) -> str:
    request = request_for(gateway, **{"ResourceConfig": GPU, **changes})
    gateway.sagemaker.create_training_job(**request)
    return request["TrainingJobName"]


@pytest.fixture
def local(gateway, tmp_path, monkeypatch):
    """A session in local, with .cfg; its bucket carries the course's tags and holds 2 MB."""
    return with_bucket(session_for("local", gateway, tmp_path, monkeypatch), configured("local"))


@pytest.fixture
def paid(gateway, tmp_path, monkeypatch):
    """The same on "aws"."""
    return with_bucket(session_for("aws", gateway, tmp_path, monkeypatch), configured("aws"))


def with_bucket(session, cfg):
    session.cfg, s3, name = cfg, session.client("s3"), session.bucket_name("costs")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": ANA})
    s3.put_object(Bucket=name, Key="rows", Body=b"x" * 2000)
    return session


# --- what still bills


def test_each_thing_that_bills_is_listed_with_its_price_its_learner_and_its_end(full, paid):
    rows = {row["what"]: row for row in costs.still_billing(paid, paid.cfg)}
    assert list(rows) == ["training job", "warm pool", "endpoint", "deployment", "custom model",
                          "under 1 MB in S3,", "secret"]
    for what in ("training job", "warm pool", "endpoint", "custom model", "deployment", "secret"):
        assert rows[what]["name"] == full[what]
        assert (rows[what]["learner"], rows[what]["lesson"]) == ("ana", "04_x")
    hourly = {what: row["USD/h"] for what, row in rows.items() if row["USD/h"]}
    assert hourly == pytest.approx(dict.fromkeys(["training job", "warm pool", "endpoint"], 1.408))
    assert rows["custom model"]["USD/month"] == 1.95 and rows["deployment"]["USD/month"] == 0
    assert rows["secret"]["USD/month"] == 0.4
    assert rows["endpoint"]["end it with"] == f"endpoints.delete(sm, {full['endpoint']!r})"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", rows["endpoint"]["since"])


def test_managed_mlflow_is_listed_until_it_is_deleted_or_stopped_its_price_not_known(paid):
    """There is none in local: what AWS answers is written here."""
    at = datetime(2026, 11, 22, tzinfo=timezone.utc)
    start = "arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server"
    given = {"list_mlflow_apps": [], "list_mlflow_tracking_servers": [
        {"TrackingServerName": name, "TrackingServerArn": f"{start}/{name}", "CreationTime": at,
         "TrackingServerStatus": status}
        for name, status in (("ours", "Created"), ("idle", "Stopped"), ("theirs", "Created"))]}
    heads = {"list_mlflow_apps": "Summaries", "list_mlflow_tracking_servers": "TrackingServerSummaries",
             "list_tags": "Tags"}

    def pages(name, asked):
        found = given.get(name, [] if asked.get("ResourceArn", "").endswith("theirs") else ANA)
        return [{heads[name]: found}]

    sm = SimpleNamespace(get_paginator=lambda name: SimpleNamespace(
        paginate=lambda **asked: pages(name, asked)))
    place = billing.Place(paid, paid.cfg.project.tags, None, "us-east-1", "b")
    (row,) = on_aws_only.mlflow(SimpleNamespace(session=paid, client=lambda name: sm, row=place.row,
                                                ours=place.ours))
    assert (row["name"], row["USD/h"], row["learner"]) == ("ours", None, "ana")
    assert row["end it with"] == f"tracking.delete(session, '{start}/ours')"


def test_in_local_it_costs_nothing_and_the_list_price_has_a_column_that_says_so(full, local):
    rows = costs.still_billing(local, local.cfg)
    assert {row["USD/h"] for row in rows} == {row["USD/month"] for row in rows} == {0.0}
    assert sum(row["USD/h on AWS"] for row in rows) == pytest.approx(3 * 1.408)
    assert sum(row["USD/month on AWS"] for row in rows) == pytest.approx(1.95, abs=0.01)


def test_what_is_printed_names_the_sum_and_how_each_hourly_thing_ends(full, local, paid, capsys):
    costs.show_still_billing(local, local.cfg)
    said = capsys.readouterr().out
    assert said.startswith("BILLING BY THE HOUR: 4.22 USD on AWS, 0.00 here\n")
    assert f"  endpoint {full['endpoint']} (ana, 04_x): 1.41 USD, since 20" in said
    assert said.count("    end it: ") == 3
    assert "by the month: 1.95 USD on AWS, 0.00 here\n" in said
    assert "only when it is asked, or by what it launched: deployment costs-deployed (ana, 04_x)" in said
    costs.show_still_billing(paid, paid.cfg)
    assert capsys.readouterr().out.startswith("BILLING BY THE HOUR: 4.22 USD\n")


def test_nothing_is_billing_where_there_is_nothing_of_the_course(gateway, full, local, capsys):
    costs.show_still_billing(local, configured("local", **{"project.tags": {"course": "another"}}))
    assert capsys.readouterr().out == "nothing is billing\n"


def test_what_is_denied_is_said_and_the_rest_is_listed(full, local, monkeypatch, capsys):
    def denied(place):
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListEndpoints")

    def away(place):
        raise EndpointConnectionError(endpoint_url="https://bedrock.us-east-1.amazonaws.com")

    monkeypatch.setitem(billing.SOURCES, "endpoints", denied)
    monkeypatch.setitem(billing.SOURCES, "models on Bedrock", away)
    costs.show_still_billing(local, local.cfg)
    said = capsys.readouterr().out
    assert "could not be seen: endpoints: AccessDeniedException\n" in said
    assert 'could not be seen: models on Bedrock: Could not connect to the endpoint URL' in said
    assert f"training job {full['training job']}" in said


def test_a_price_that_nobody_knows_is_said_and_makes_the_sum_a_lower_bound():
    row = {"what": "endpoint", "name": "e", "since": None, "learner": None, "lesson": None, "USD/month": 0.0,
           "end it with": "x"}
    seen = billing.Seen([{**row, "USD/h": None}, {**row, "USD/h": 2.0}])
    assert showing.lines(seen, "aws")[:2] == ["BILLING BY THE HOUR: at least 2.00 USD",
                                              "  endpoint e: price not known"]
    assert [showing.usd(amount) for amount in (0, 0.004, 0.01, 3)] == [
        "0.00 USD", "under 0.01 USD", "0.01 USD", "3.00 USD"]


def test_buckets_of_other_learners_are_seen_where_they_may_be_and_passed_over_where_not(
        gateway, local, monkeypatch):
    mine, s3 = local.bucket_name("costs"), gateway.client("s3")
    begins = mine.rpartition("-")[0]
    for name, tags in ((f"{begins}-bea123", ANA), (f"{begins}-alien1", [{"Key": "course", "Value": "x"}])):
        s3.create_bucket(Bucket=name)
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        s3.put_object(Bucket=name, Key="x", Body=b"x")

    def names() -> list:
        found = costs.still_billing(local, local.cfg)
        return [row["name"] for row in found if row["what"].endswith("in S3,")]

    assert names() == [mine, f"{begins}-bea123"]
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListBuckets")
    monkeypatch.setattr(local.client("s3"), "list_buckets", Raises(denied))
    assert names() == [mine] and billing.look(local, local.cfg).unseen == []


class Raises:
    """A function that raises."""

    def __init__(self, error):
        self.error = error

    def __call__(self, *_, **__):
        raise self.error


# --- the ledger


def test_the_ledger_joins_its_book_with_what_aws_says_of_it(full, local):
    begun = datetime.now(timezone.utc) - timedelta(hours=3)
    pages = book.Book.of(local)
    tags = {"learner": "ana", "lesson": "10_y"}
    pages.add({"event": "made", "at": begun.isoformat(), "what": "endpoint configuration", "name": "c",
               "arn": None, "machines": [["ml.g5.xlarge", 2]], **tags})
    pages.add({"event": "made", "at": begun.isoformat(), "what": "endpoint", "name": "gone", "arn": None,
               "config": "c", **tags})
    pages.add({"event": "ended", "at": (begun + timedelta(hours=1)).isoformat(), "what": "endpoint",
               "name": "gone"})
    pages.add({"event": "asked", "what": "answers", "name": "m", "input_tokens": 10, "output_tokens": 5,
               "usd": 0.5, **tags})
    rows = {(row["what"], row["name"]): row for row in costs.ledger(local, local.cfg)}
    assert {row["USD so far"] for row in rows.values()} == {0.0}
    price = {key: row["list price on AWS"] for key, row in rows.items()}
    assert price["endpoint", "gone"] == pytest.approx(2.816) and rows["endpoint", "gone"]["seconds"] == 3600
    assert (rows["endpoint", "gone"]["type"], rows["endpoint", "gone"]["count"]) == ("ml.g5.xlarge", 2)
    assert rows["endpoint", "gone"]["ended"] and not rows["endpoint", full["endpoint"]]["ended"]
    assert price["training job", full["warm pool"]] == pytest.approx(90 * 1.408 / 3600)
    assert price["answers", "m"] == 0.5 and rows["answers", "m"]["type"] == "15 tokens"
    assert price["customization job", full["customization job"]] == pytest.approx(0.001 * 2 * 2 / 1000)
    assert price["customization job", full["failed in training"]] == pytest.approx(0.001 * 2 * 2 / 1000)
    assert price["customization job", full["failed in validation"]] == 0, "no token was trained on"
    assert price["endpoint configuration", "c"] == 0
    assert ("training job", full["other job"]) not in rows
    assert [row["created"] for row in rows.values()] == sorted(row["created"] for row in rows.values())


def test_an_endpoint_that_was_updated_cost_the_machines_of_both_its_configurations(gateway, full, local):
    """Two hours of 2 x ml.g5.xlarge and one of 1, for one that is there and one that only the book has."""
    begun = datetime.now(timezone.utc) - timedelta(hours=3)
    there = next(one for one in gateway.state.endpoints.all() if one.name == full["endpoint"])
    pages, tags = book.Book.of(local), {"learner": "ana", "lesson": "10_y"}
    for name, count in (("two", 2), ("one", 1)):
        pages.add({"event": "made", "at": begun.isoformat(), "what": "endpoint configuration", "name": name,
                   "machines": [["ml.g5.xlarge", count]], "arn": None, **tags})
    for name in ("was updated", there.name):
        pages.add({"event": "made", "at": begun.isoformat(), "what": "endpoint", "name": name, "arn": None,
                   "config": "two", **tags})
        pages.add({"event": "changed", "at": (begun + timedelta(hours=2)).isoformat(), "what": "endpoint",
                   "name": name, "config": "one", **tags})
    pages.add({"event": "ended", "at": (begun + timedelta(hours=3)).isoformat(), "what": "endpoint",
               "name": "was updated"})
    rows = {row["name"]: row for row in costs.ledger(local, local.cfg) if row["what"] == "endpoint"}
    assert rows["was updated"]["list price on AWS"] == pytest.approx(5 * 1.408)
    assert rows["was updated"]["count"] == 1
    assert rows[there.name]["list price on AWS"] == pytest.approx(5 * 1.408, rel=0.01)


def test_an_endpoint_that_was_made_again_under_its_name_is_two_rows(gateway, full, local):
    """Two hours of the first, which is gone, and what the one that is there has cost since an hour."""
    begun = datetime.now(timezone.utc) - timedelta(hours=3)
    pages, tags, name = book.Book.of(local), {"learner": "ana", "lesson": "10_y"}, full["endpoint"]
    pages.add({"event": "made", "at": begun.isoformat(), "what": "endpoint configuration", "name": "c",
               "machines": [["ml.g5.xlarge", 1]], "arn": None, **tags})
    for event, hours in (("made", 0), ("ended", 2), ("made", 2)):
        pages.add({"event": event, "at": (begun + timedelta(hours=hours)).isoformat(), "what": "endpoint",
                   "name": name, "config": "c", "arn": None, **tags})
    first, second = [row for row in costs.ledger(local, local.cfg) if row["name"] == name]
    assert first["ended"] and first["list price on AWS"] == pytest.approx(2 * 1.408)
    assert not second["ended"] and second["list price on AWS"] == pytest.approx(1.408, rel=0.01)


def test_what_bills_and_has_no_price_is_unknown_and_not_free(full, paid, capsys):
    """What is gone has what the book knows: a job's settled sum, the hours of what was deleted, or "?"."""
    begun, tags = datetime.now(timezone.utc) - timedelta(hours=3), {"learner": "ana", "lesson": "16_z"}
    pages, over = book.Book.of(paid), (begun + timedelta(hours=2)).isoformat()
    for what, name, hour in (("provisioned throughput", "hourly", 5.0), ("endpoint", "no price", None),
                             ("training job", "settled", 1.408), ("training job", "unseen", 1.408),
                             ("role", "free", None)):
        pages.add({"event": "made", "at": begun.isoformat(), "what": what, "name": name, "arn": None, **tags,
                   "usd_per_hour": hour})
        pages.add({"event": "ended", "at": over, "what": what, "name": name} if "job" not in what else
                  {"event": "settled", "what": what, "name": "settled", "seconds": 60, "usd": 0.02})
    cost = {row["name"]: row["USD so far"] for row in costs.ledger(paid, paid.cfg)}
    assert cost["hourly"] == pytest.approx(10) and cost["settled"] == 0.02 and cost["free"] == 0
    assert cost["no price"] is None and cost["unseen"] is None
    costs.show_ledger(paid, paid.cfg)
    said = capsys.readouterr().out
    assert "so far: at least 10." in said and re.search(r"^\? +endpoint +no price ", said, re.MULTILINE)


def test_the_ledger_shows_what_cost_something_and_the_sum(full, paid, local, capsys):
    costs.show_ledger(local, local.cfg)
    said = capsys.readouterr().out
    assert "list price on AWS" in said and full["endpoint"] in said
    assert re.search(r"so far: (under )?\d+\.\d\d USD, AWS's list price for what ran here; here it", said)
    costs.show_ledger(paid, paid.cfg)
    said = capsys.readouterr().out
    assert "USD so far" in said and "list price" not in said


def test_a_spot_job_bills_what_aws_says_and_a_warm_pool_what_it_waited():
    pool = {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 30}
    ended = {"TrainingJobStatus": "Completed", "BillableTimeInSeconds": 70, "WarmPoolStatus": pool}
    assert settling.billable_s(ended) == 100
    begun = datetime.now(timezone.utc) - timedelta(seconds=50)
    running = {"TrainingJobStatus": "InProgress", "TrainingStartTime": begun}
    assert 50 <= settling.billable_s(running) < 60
    assert settling.billable_s({"TrainingJobStatus": "InProgress"}) == 0


def test_a_job_is_settled_when_it_and_its_pool_have_ended_and_a_search_when_all_of_it_has():
    jobs = {"a": {"TrainingJobStatus": "Completed", "BillableTimeInSeconds": 70},
            "b": {"TrainingJobStatus": "Stopped", "BillableTimeInSeconds": 5},
            "warm": {"TrainingJobStatus": "Completed", "BillableTimeInSeconds": 1,
                     "WarmPoolStatus": {"Status": "Available"}},
            "runs": {"TrainingJobStatus": "InProgress"}}
    status, launched = {"HyperParameterTuningJobStatus": "Completed"}, ["a", "b"]
    pages = SimpleNamespace(paginate=lambda **_: [
        {"TrainingJobSummaries": [{"TrainingJobName": name} for name in launched]}])
    begun = datetime(2026, 11, 22, tzinfo=timezone.utc)
    processed = {"ProcessingJobStatus": "Failed", "ProcessingStartTime": begun,
                 "ProcessingEndTime": begun + timedelta(seconds=9)}
    sm = SimpleNamespace(describe_training_job=lambda TrainingJobName: jobs[TrainingJobName],
                         describe_hyper_parameter_tuning_job=lambda **_: status,
                         describe_processing_job=lambda **_: processed, get_paginator=lambda _: pages)
    settled = {name: settling.training(sm, name) for name in jobs}
    assert settled == {"a": 70, "b": 5, "warm": None, "runs": None}
    assert settling.tuning(sm, "t") == 75 and settling.processing(sm, "p") == 9
    launched.append("warm")
    assert settling.tuning(sm, "t") is None
    status["HyperParameterTuningJobStatus"], processed["ProcessingJobStatus"] = "InProgress", "InProgress"
    assert settling.tuning(sm, "t") is None and settling.processing(sm, "p") is None


# --- the page


def test_the_page_has_sums_by_learner_lesson_and_kind_and_stands_alone(full, local):
    rows, seen = costs.ledger(local, local.cfg), billing.look(local, local.cfg)
    text = report.page(rows, seen, "local", ACCOUNT)
    assert "The course cost 0.00 USD here; AWS&#x27;s list price for the same:" in text
    assert "no forecast of a bill" in text and "Bills right now." in text and "list price on AWS" in text
    for title in ("By learner", "By lesson", "By kind of thing"):
        assert title in text
    assert full["endpoint"] in text and "04_x" in text
    assert not re.findall(r"""(?:src|href)=|<script|@import|https?://""", text)
    on_aws = report.page(rows, billing.Seen(), "aws", ACCOUNT, [("ana", "04_x", 1.5)])
    assert "Nothing bills by the hour right now." in on_aws and "What AWS has billed this month" in on_aws


def test_sums_are_by_tag_and_what_has_none_is_a_group_of_its_own():
    rows = [{"learner": who, "USD so far": usd} for who, usd in
            [("ana", 1.0), (None, 5.0), ("ana", 2.0), ("ben", 3.0), ("ben", None)]]
    sums = report.sums(rows, "learner", "USD so far")
    assert sums == [("(no tag)", 5.0, 1), ("ana", 3.0, 2), ("ben", 3.0, 2)]


def test_a_name_that_is_html_stays_a_name(local):
    row = {**dict.fromkeys(spent.COLUMNS), "created": "2026-11-22 10:00", "what": "endpoint", "name": "<b>x",
           "learner": "<i>", "USD so far": 1.0, "list price on AWS": 1.0}
    seen = billing.Seen([{"what": "endpoint", "name": "<b>y", "USD/h": 1.0, "learner": "<u>", "lesson": None,
                          "end it with": "<s>"}], ["<em>"])
    text = report.page([row], seen, "aws", ACCOUNT)
    assert not re.findall(r"<(b|i|u|s|em)>[xy<]", text) and "&lt;b&gt;x" in text and "&lt;em&gt;" in text


def test_the_bill_comes_by_tag_from_cost_explorer_page_by_page(paid):
    explorer = boto3.client("ce", region_name="us-east-1")
    asked = report.bill_request({"course": "costs-test"}, date(2026, 12, 31))
    assert asked["TimePeriod"] == {"Start": "2026-12-01", "End": "2027-01-01"}
    groups = [{"Keys": ["learner$ana", "lesson$04_x"], "Metrics": {"UnblendedCost": {"Amount": "0.5"}}},
              {"Keys": ["learner$", "lesson$"], "Metrics": {"UnblendedCost": {"Amount": "1.25"}}}]
    answers = [{"ResultsByTime": [{"Groups": groups[:1]}], "NextPageToken": "n"},
               {"ResultsByTime": [{"Groups": groups[1:]}]}]
    paid = SimpleNamespace(boto=SimpleNamespace(client=lambda *_, **__: explorer), url=None)
    cfg = configured("aws")
    with Stubber(explorer) as stub:
        stub.add_response("get_cost_and_usage", answers[0], asked)
        stub.add_response("get_cost_and_usage", answers[1], {**asked, "NextPageToken": "n"})
        found = report.bill(paid, cfg, date(2026, 12, 31))
    assert found == [("(no tag)", "(no tag)", 1.25), ("ana", "04_x", 0.5)]


def test_the_script_writes_the_page_and_refuses_a_bill_in_local(full, local, tmp_path, capsys, monkeypatch):
    import cost_report
    from tuneaws import session

    monkeypatch.setattr(session, "connect", lambda *_, **__: local)
    assert cost_report.main(["--where", "local", "--out", str(tmp_path / "out")]) == 0
    assert f"the page: {tmp_path}/out/index.html" in capsys.readouterr().out
    assert "<h1>" in (tmp_path / "out" / "index.html").read_text()
    assert cost_report.main(["--where", "local", "--cost-explorer"]) == 1
    assert "in local there is none" in capsys.readouterr().err


# --- a budget of AWS


def test_a_budget_tells_at_50_80_and_100_percent_and_is_made_anew_the_second_time(local, capsys):
    costs.show_budget(local, local.cfg)
    assert capsys.readouterr().out.startswith("no budget. costs.set_budget(session, cfg, email) makes one")
    costs.set_budget(local, configured("local", alert_email="ana@example.com"))
    made = costs.set_budget(local, local.cfg, "ben@example.com")
    assert made["BudgetName"] == "costs" and made["BudgetLimit"]["Amount"] == "20.00"
    assert "CostFilters" not in made
    client = local.boto.client("budgets", endpoint_url=local.url)
    asked = {"AccountId": ACCOUNT, "BudgetName": "costs"}
    told = client.describe_notifications_for_budget(**asked)["Notifications"]
    assert [one["Threshold"] for one in told] == [50, 80, 100]
    who = client.describe_subscribers_for_notification(**asked, Notification=told[0])["Subscribers"]
    assert [one["Address"] for one in who] == ["ben@example.com"]
    arn = f"arn:aws:budgets::{ACCOUNT}:budget/costs"
    assert ANA[0] in client.list_tags_for_resource(ResourceARN=arn)["ResourceTags"]
    costs.show_budget(local, local.cfg)
    assert "20.00 USD a month for the whole account; so far 0.00 USD" in capsys.readouterr().out
    assert costs.delete_budget(local, local.cfg) and not costs.delete_budget(local, local.cfg)


def test_a_budget_of_that_name_that_is_not_the_courses_stays(local):
    costs.set_budget(local, configured("local", **{"project.tags": {"course": "theirs"}}), "c@example.com")
    with pytest.raises(ValueError, match="(?s)'costs' without the course's tags.*project.name"):
        costs.set_budget(local, local.cfg, "ana@example.com")
    assert costs.delete_budget(local, configured("local", **{"project.tags": {"course": "theirs"}}))


def test_a_budget_without_an_address_is_refused_and_one_by_tag_filters(local):
    with pytest.raises(ValueError, match="alert_email in config.yaml"):
        costs.set_budget(local, local.cfg)
    from tuneaws.costs import budgets

    asked = budgets.request(ACCOUNT, local.cfg.project, 20, "a@example.com", by_tag=True)
    assert asked["Budget"]["CostFilters"] == {"TagKeyValue": ["user:course$costs-test"]}


def test_an_endpoint_of_another_lesson_stays_the_courses(gateway, full, local):
    """Who made it is in its tags, and finding goes without them: another lesson may change it."""
    from tuneaws.endpoints import deploying

    mine = [{"Key": "course", "Value": "costs-test"}, {"Key": "lesson", "Value": "12_z"}]
    deploying._check_ours(gateway.sagemaker, full["endpoint"], mine)
    with pytest.raises(deploying.EndpointError, match="does not carry the tag course=costs-test"):
        deploying._check_ours(gateway.sagemaker, full["other endpoint"], mine)
    assert requests.EXPIRES == "expires"
