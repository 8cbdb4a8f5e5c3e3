"""The worst case of what Bedrock does: tuning, importing, throughput, and each question to a model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws import bedrock_data, buckets
from tuneaws.bedrock_jobs import pricing as tuning
from tuneaws.bedrock_models import costs
from tuneaws.costs.asking import Asker, Worst
from tuneaws.prices import PriceError

LONGEST_READ = 64 * 1024**2  # bytes of a training file that are fetched to count its tokens
# Tokens of an answer at most, where the request has no limit. Nova Lite's card says 5K (https://docs.aws.eu/
# bedrock/latest/userguide/model-card-amazon-nova-lite.html, 2026-11), other pages up to 10K for Nova 1: the
# larger counts. Nova 2 Lite's: docs.rs/mixtape-core, models/nova.rs, 2026-11; no page of AWS was found.
LONGEST_ANSWER, LONGEST_ANSWER_NOVA_2 = 10_000, 65_535
BY_TIME = (":imported-model/", ":provisioned-model/")
ANSWERS = ("Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream")
FINE_TUNING = "FINE_TUNING"  # Bedrock's default
COMMITMENT_H = {"OneMonth": costs.HOURS_A_MONTH, "SixMonths": 6 * costs.HOURS_A_MONTH}


def _customization(params: dict, asker: Asker) -> Worst:
    """A token a byte of the texts, as tuneaws.bedrock_jobs prices it."""
    model_id, fix = params.get("baseModelIdentifier", ""), "fewer rows or epochs"
    if (kind := params.get("customizationType", FINE_TUNING)) != FINE_TUNING:  # they bill hours, or a teacher
        return Worst(None, f"{kind} is not billed by the tokens of its file", FINE_TUNING)
    try:
        price = tuning.best_price(asker.pricing, model_id, asker.region)
    except PriceError:
        return Worst(None, f"the price of tuning {model_id} in {asker.region} is not known", "another model")
    epochs, tokens = _epochs(params, model_id), _tokens(params, model_id, asker)
    if tokens is None:
        return Worst(None, "the training file can't be looked at", "s3:GetObject on it, for you too")
    return Worst(price.usd_per_1000_tokens * tokens * epochs / 1000,
                 f"{tokens:,} tokens at most, {epochs} x, {price.usd_per_1000_tokens:g} USD for 1,000", fix)


def _epochs(params: dict, model_id: str) -> int:
    asked = params.get("hyperParameters", {}).get("epochCount")
    try:
        return int(asked or bedrock_data.family(model_id).hyperparameters["epochCount"].default)
    except (ValueError, KeyError):  # a family that is not known here, or no number: Bedrock refuses it
        return 10


def _tokens(params: dict, model_id: str, asker: Asker) -> int | None:
    """Tokens of the training file and the validation files at most; None if they can't be read."""
    uris = [params.get("trainingDataConfig", {}).get("s3Uri", "")]
    uris += [one.get("s3Uri", "") for one in params.get("validationDataConfig", {}).get("validators", [])]
    s3 = asker.client("s3")
    try:
        return sum(_tokens_of(s3, uri, model_id) for uri in uris)
    except (ClientError, BotoCoreError, ValueError, buckets.BucketError):
        return None


def _tokens_of(s3, uri: str, model_id: str) -> int:
    bucket, key = buckets.split_uri(uri)
    size = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    if size > LONGEST_READ:
        return size
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.jsonl"
        s3.download_file(bucket, key, str(path))
        report = bedrock_data.check(path, bedrock_data.family(model_id))
    counted = report.files["training"].most_tokens
    return counted if report.ok else max(counted, size)


def _throughput(params: dict, asker: Asker) -> Worst:
    units, model = params.get("modelUnits", 1), params.get("modelId", "")
    cost = costs.throughput_cost(model, asker.region, units)
    if cost.usd_per_hour is None:
        return Worst(None, f"the price of a model unit of {costs.base_of(model)} an hour is not known",
                     "bedrock_models.deploy(), which bills tokens only")
    hours = COMMITMENT_H.get(params.get("commitmentDuration"), costs.HOURS_A_MONTH)
    hour = cost.usd_per_hour * units
    return Worst(hour * hours, f"{units} model units, {hours:,} hours: it bills until it is deleted",
                 "bedrock_models.deploy(), which bills tokens only", hour)


def _import(params: dict, asker: Asker) -> Worst:
    return Worst(costs.IMPORTED_UNIT_MONTH, "a month of storage of one unit; asking it bills, too",
                 "delete what you no longer need: costs.show_still_billing(session, cfg)")


def tokens_at_most(params: dict, model_id: str) -> tuple:
    """(input, output) tokens of one question to a model on Bedrock: a token a byte, the longest answer.

    model_id  of the base model, or the ARN of a custom one, which names it
    """
    body = params.get("body", b"")
    asked = body if isinstance(body, bytes | str) else str(
        [params.get(name) for name in ("messages", "system", "toolConfig")])
    unlimited = LONGEST_ANSWER_NOVA_2 if "nova-2" in model_id else LONGEST_ANSWER
    longest = params.get("inferenceConfig", {}).get("maxTokens", unlimited)
    return len(asked.encode() if isinstance(asked, str) else asked), longest


def _answer(params: dict, asker: Asker) -> Worst:
    """One question. Imported models bill windows of five minutes, throughput its hours: not the question."""
    model_id = params.get("modelId", "")
    if any(kind in model_id for kind in BY_TIME):
        return Worst(0.0, "it bills by the time that it is up; the ledger does not count its answers")
    price = asker.answer_price(model_id)
    if price is None:
        return Worst(None, f"the price of its answers in {asker.region} is not known", "another model")
    coming, going = tokens_at_most(params, price.model_id)
    return Worst(price.usd(coming, going), f"a question; {price}", "a shorter question, or maxTokens")


PRICED: dict[tuple, Callable] = {
    **{("bedrock-runtime", name): _answer for name in ANSWERS},
    ("bedrock", "CreateModelCustomizationJob"): _customization,
    ("bedrock", "CreateModelImportJob"): _import,
    ("bedrock", "CreateProvisionedModelThroughput"): _throughput,
}
