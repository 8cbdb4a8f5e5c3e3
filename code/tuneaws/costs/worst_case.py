"""What a call can cost at worst, from its request alone: what the guard asks before anything is sent.

    worst = of("sagemaker", "CreateTrainingJob", request, asker)
    worst.usd, worst.because        # 1.408, "1 x ml.g5.xlarge, at most 3,600 s"

None for a call that bills nothing. A worst case that nobody can name has usd None, and the guard refuses it.
What bills until it is deleted and has no time to live counts for a month. Storage and traffic are not in it.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws import bedrock_data, buckets
from tuneaws.bedrock_jobs import pricing as tuning
from tuneaws.bedrock_models import costs
from tuneaws.costs.billing import machines_of_job
from tuneaws.costs.rates import Rates
from tuneaws.endpoints import life, requests
from tuneaws.prices import PriceError

DAY_S = 86_400  # of a training or processing job without MaxRuntimeInSeconds: "the default value is 1 day"
MONTH_H = costs.HOURS_A_MONTH
LONGEST_READ = 64 * 1024**2  # bytes of a training file that are fetched to count its tokens
# Tokens of an answer at most, where the request has no limit: Nova's "max output tokens" are 10K
# (https://docs.aws.amazon.com/nova/latest/userguide/what-is-nova.html, 2026-11).
LONGEST_ANSWER = 10_000
ANSWERS = ("Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream")
COMMITMENT_H = {"OneMonth": MONTH_H, "SixMonths": 6 * MONTH_H}


@dataclass(frozen=True)
class Worst:
    """The worst case of one call. usd: None where it can't be known. fix: what makes it smaller."""

    usd: float | None
    because: str
    fix: str = "a smaller request"
    usd_per_hour: float | None = None  # of what bills by the hour


class Asker:
    """What the worst case may look up, all of it free: prices, descriptions, the size of a file.

    boto    the boto3.Session of the call     region   of the client that makes it
    """

    def __init__(self, boto, region: str):
        self._boto, self.region, self._clients, self._answers = boto, region, {}, {}

    def client(self, service: str, region: str | None = None):
        """A client of the same session."""
        asked = service, region or self.region
        if asked not in self._clients:
            self._clients[asked] = self._boto.client(service, region_name=asked[1])
        return self._clients[asked]

    @functools.cached_property
    def rates(self) -> Rates:
        """Prices in that region."""
        return Rates(lambda: self.pricing, self.region)

    @property
    def pricing(self):
        """The price list, which lives in us-east-1."""
        return self.client("pricing", "us-east-1")


    def answer_price(self, model_id: str):
        """The price of a model's answers by its dated table; None where it has none."""
        if model_id not in self._answers:
            try:
                base = model_id
                if ":custom-model-deployment/" in model_id:
                    base = self.client("bedrock").get_custom_model_deployment(
                        customModelDeploymentIdentifier=model_id)["modelArn"]
                self._answers[model_id] = costs.seen_price(base, self.region)
            except (PriceError, ClientError, BotoCoreError):
                self._answers[model_id] = None
        return self._answers[model_id]


def of(service: str, operation: str, params: dict, asker: Asker) -> Worst | None:
    """The worst case of one call; None if it bills nothing."""
    find = PRICED.get((service, operation))
    if find is not None:
        return find(params, asker)
    if (service, operation) in UNKNOWN:
        return Worst(None, f"{operation} bills, and this course can't say how much")
    return None


# --- SageMaker


def _training_job(params: dict, asker: Asker) -> Worst:
    longest_s = params.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY_S)
    kept_s = params.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds", 0)
    return _machines(machines_of_job(params), "Train", longest_s + kept_s, asker,
                     "a smaller max_run (MaxRuntimeInSeconds) or machine")


def _tuning_job(params: dict, asker: Asker) -> Worst:
    """The number of jobs times the dearest of them. A grid runs each combination of its categories once."""
    config = params.get("HyperParameterTuningJobConfig", {})
    jobs = config.get("ResourceLimits", {}).get("MaxNumberOfTrainingJobs")
    if jobs is None:
        jobs = 1
        for one in config.get("ParameterRanges", {}).get("CategoricalParameterRanges", []):
            jobs *= len(one["Values"])
    every = params.get("TrainingJobDefinitions") or [params.get("TrainingJobDefinition", {})]
    if any("HyperParameterTuningResourceConfig" in one for one in every):
        return Worst(None, "a tuning job that chooses its own machines")
    each = [_training_job(one, asker) for one in every]
    if any(one.usd is None for one in each):
        return next(one for one in each if one.usd is None)
    dearest = max(each, key=lambda one: one.usd)
    return Worst(jobs * dearest.usd, f"{jobs} jobs, each {dearest.because}",
                 "fewer jobs (MaxNumberOfTrainingJobs), or a smaller max_run")


def _processing_job(params: dict, asker: Asker) -> Worst:
    cluster = params.get("ProcessingResources", {}).get("ClusterConfig", {})
    longest_s = params.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY_S)
    return _machines([(cluster.get("InstanceType", "?"), cluster.get("InstanceCount", 1))], "Processing",
                     longest_s, asker, "a smaller MaxRuntimeInSeconds or machine")


def _endpoint(params: dict, asker: Asker) -> Worst:
    tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags", [])}
    return _hosting(params.get("EndpointConfigName", ""), tags, asker)


def _changed_endpoint(params: dict, asker: Asker) -> Worst:
    sm = asker.client("sagemaker")
    there = sm.describe_endpoint(EndpointName=params["EndpointName"])
    return _hosting(params["EndpointConfigName"], life.tags_of(sm, there["EndpointArn"]), asker)


def _more_instances(params: dict, asker: Asker) -> Worst:
    """UpdateEndpointWeightsAndCapacities: the whole endpoint as it will be."""
    sm = asker.client("sagemaker")
    there = sm.describe_endpoint(EndpointName=params["EndpointName"])
    wanted = {one["VariantName"]: one["DesiredInstanceCount"]
              for one in params.get("DesiredWeightsAndCapacities", []) if "DesiredInstanceCount" in one}
    if not wanted:
        return Worst(0.0, "no more machines than before")
    return _hosting(there["EndpointConfigName"], life.tags_of(sm, there["EndpointArn"]), asker, wanted)


def _hosting(config_name: str, tags: dict, asker: Asker, wanted: dict | None = None) -> Worst:
    config = asker.client("sagemaker").describe_endpoint_config(EndpointConfigName=config_name)
    machines = []
    for one in [*config.get("ProductionVariants", []), *config.get("ShadowProductionVariants", [])]:
        if "InstanceType" in one:
            scaled = one.get("ManagedInstanceScaling", {}).get("MaxInstanceCount", 0)
            count = (wanted or {}).get(one["VariantName"], one.get("InitialInstanceCount", 1))
            machines.append((one["InstanceType"], max(count, scaled)))
    expires = requests.read_expires(tags)
    seconds = max((expires - requests.now()).total_seconds(), 0) if expires else MONTH_H * 3600
    fix = ("a shorter time to live or a smaller machine" if expires else
           "give it a time to live: the tag of endpoints.requests.expires_tag(), as endpoints.deploy() does")
    return _machines(machines, "Host", seconds, asker, fix, "" if expires else ", a month: no tag `expires`")


def _machines(machines: list, use: str, seconds: float, asker: Asker, fix: str, more: str = "") -> Worst:
    shown = ", ".join(f"{count} x {kind}" for kind, count in machines) or "no machines of its own"
    hour = asker.rates.hours(machines, use)
    if hour is None:
        return Worst(None, f"the price of {shown} in {asker.region} is not known", "another type or region")
    return Worst(hour * seconds / 3600, f"{shown}, at most {seconds:,.0f} s{more}", fix, hour)


# --- Bedrock


def _customization(params: dict, asker: Asker) -> Worst:
    """A token a byte of the texts, as tuneaws.bedrock_jobs prices it."""
    model_id, fix = params.get("baseModelIdentifier", ""), "fewer rows or epochs"
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
    hours = COMMITMENT_H.get(params.get("commitmentDuration"), MONTH_H)
    hour = cost.usd_per_hour * units
    return Worst(hour * hours, f"{units} model units, {hours:,} hours: it bills until it is deleted",
                 "bedrock_models.deploy(), which bills tokens only", hour)


def _import(params: dict, asker: Asker) -> Worst:
    return Worst(costs.IMPORTED_UNIT_MONTH, "a month of storage of one unit; asking it bills, too",
                 "delete what you no longer need: bedrock_models.still_billing()")


def tokens_at_most(params: dict) -> tuple:
    """(input, output) tokens of one question to a model on Bedrock: a token a byte, the longest answer."""
    body = params.get("body", b"")
    asked = body if isinstance(body, bytes | str) else str(
        [params.get(name) for name in ("messages", "system", "toolConfig")])
    longest = params.get("inferenceConfig", {}).get("maxTokens", LONGEST_ANSWER)
    return len(asked.encode() if isinstance(asked, str) else asked), longest


def _answer(params: dict, asker: Asker) -> Worst:
    """One question. Imported models bill windows of five minutes: no price here."""
    price = asker.answer_price(params.get("modelId", ""))
    if price is None:
        return Worst(0.0, "no price is known for its answers; the ledger does not count them")
    coming, going = tokens_at_most(params)
    return Worst(price.usd(coming, going), f"a question; {price}", "a shorter question, or maxTokens")


PRICED: dict[tuple, Callable] = {
    **{("bedrock-runtime", name): _answer for name in ANSWERS},
    ("sagemaker", "CreateTrainingJob"): _training_job,
    ("sagemaker", "CreateHyperParameterTuningJob"): _tuning_job,
    ("sagemaker", "CreateProcessingJob"): _processing_job,
    ("sagemaker", "CreateEndpoint"): _endpoint,
    ("sagemaker", "UpdateEndpoint"): _changed_endpoint,
    ("sagemaker", "UpdateEndpointWeightsAndCapacities"): _more_instances,
    ("bedrock", "CreateModelCustomizationJob"): _customization,
    ("bedrock", "CreateModelImportJob"): _import,
    ("bedrock", "CreateProvisionedModelThroughput"): _throughput,
}
# They start machines or bill by what they process, and the course has no use for them.
UNKNOWN = {
    *(("sagemaker", name) for name in (
        "CreateApp", "CreateAutoMLJob", "CreateAutoMLJobV2", "CreateCluster", "CreateCompilationJob",
        "CreateInferenceComponent", "CreateInferenceExperiment", "CreateInferenceRecommendationsJob",
        "CreateLabelingJob", "CreateMlflowApp", "CreateMlflowTrackingServer", "CreateMonitoringSchedule",
        "CreateNotebookInstance", "CreateOptimizationJob", "CreatePartnerApp", "CreateTrainingPlan",
        "CreateTransformJob", "StartNotebookInstance", "StartMlflowTrackingServer",
        "StartPipelineExecution")),
    *(("bedrock", name) for name in (
        "CreateEvaluationJob", "CreateMarketplaceModelEndpoint", "CreateModelInvocationJob",
        "UpdateProvisionedModelThroughput")),
}  # fmt: skip
BILLS = PRICED.keys() | UNKNOWN
