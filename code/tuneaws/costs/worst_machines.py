"""The worst case of what runs on machines: SageMaker's jobs, tuning jobs and endpoints."""

from __future__ import annotations

from collections.abc import Callable

from tuneaws.bedrock_models.costs import HOURS_A_MONTH
from tuneaws.costs.asking import Asker, Worst
from tuneaws.costs.billing import machines_of_job
from tuneaws.endpoints import life, requests

DAY_S = 86_400  # of a training or processing job without MaxRuntimeInSeconds: "the default value is 1 day"


def _training_job(params: dict, asker: Asker) -> Worst:
    longest_s = params.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY_S)
    kept_s = params.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds", 0)
    return _machines(machines_of_job(params), "Train", longest_s + kept_s, asker,
                     "a smaller max_run (MaxRuntimeInSeconds) or machine")


def _longer_pool(params: dict, asker: Asker) -> Worst:
    """UpdateTrainingJob: a warm pool that is kept longer."""
    kept_s = params.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds", 0)
    if not kept_s:
        return Worst(0.0, "no warm pool is kept longer")
    job = asker.client("sagemaker").describe_training_job(TrainingJobName=params["TrainingJobName"])
    return _machines(machines_of_job(job), "Train", kept_s, asker, "a smaller KeepAlivePeriodInSeconds")


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
                 "fewer jobs (MaxNumberOfTrainingJobs), or a smaller max_run", dearest.usd_per_hour)


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


def _scaled(params: dict, asker: Asker) -> Worst | None:
    """RegisterScalableTarget: the endpoint with as many machines as it may have."""
    kind, _, rest = params.get("ResourceId", "").partition("/")
    name, _, variant = rest.partition("/variant/")
    if params.get("ServiceNamespace") != "sagemaker" or kind != "endpoint":
        return None
    wanted = [{"VariantName": variant, "DesiredInstanceCount": params.get("MaxCapacity", 1)}]
    return _more_instances({"EndpointName": name, "DesiredWeightsAndCapacities": wanted}, asker)


def _hosting(config_name: str, tags: dict, asker: Asker, wanted: dict | None = None) -> Worst:
    config = asker.client("sagemaker").describe_endpoint_config(EndpointConfigName=config_name)
    machines = []
    for one in [*config.get("ProductionVariants", []), *config.get("ShadowProductionVariants", [])]:
        if "ProvisionedConcurrency" in one.get("ServerlessConfig", {}):
            return Worst(None, "a serverless endpoint that is kept warm bills its seconds", "one on demand")
        if "InstanceType" in one:
            scaled = one.get("ManagedInstanceScaling", {}).get("MaxInstanceCount", 0)
            count = (wanted or {}).get(one["VariantName"], one.get("InitialInstanceCount", 1))
            machines.append((one["InstanceType"], max(count, scaled)))
    expires = requests.read_expires(tags)
    seconds = max((expires - requests.now()).total_seconds(), 0) if expires else HOURS_A_MONTH * 3600
    fix = ("a shorter time to live or a smaller machine" if expires else
           "give it a time to live: the tag of endpoints.requests.expires_tag(), as endpoints.deploy() does")
    return _machines(machines, "Host", seconds, asker, fix, "" if expires else ", a month: no tag `expires`")


def _machines(machines: list, use: str, seconds: float, asker: Asker, fix: str, more: str = "") -> Worst:
    if not machines and use != "Host":  # a serverless job, for one; a serverless endpoint bills its requests
        return Worst(None, "no machines are named: what bills instead is not known", "an InstanceType")
    shown = ", ".join(f"{count} x {kind}" for kind, count in machines) or "no machines of its own"
    hour = asker.rates.hours(machines, use)
    if hour is None:
        return Worst(None, f"the price of {shown} in {asker.region} is not known", "another type or region")
    return Worst(hour * seconds / 3600, f"{shown}, at most {seconds:,.0f} s{more}", fix, hour)


PRICED: dict[tuple, Callable] = {
    ("sagemaker", "CreateTrainingJob"): _training_job,
    ("sagemaker", "CreateHyperParameterTuningJob"): _tuning_job,
    ("sagemaker", "UpdateTrainingJob"): _longer_pool,
    ("sagemaker", "CreateProcessingJob"): _processing_job,
    ("sagemaker", "CreateEndpoint"): _endpoint,
    ("sagemaker", "UpdateEndpoint"): _changed_endpoint,
    ("sagemaker", "UpdateEndpointWeightsAndCapacities"): _more_instances,
    ("application-autoscaling", "RegisterScalableTarget"): _scaled,
}
