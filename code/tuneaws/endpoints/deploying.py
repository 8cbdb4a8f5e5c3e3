"""Deploy: the price first, then create the endpoint, change it, or leave it as it is."""

from __future__ import annotations

from botocore.exceptions import ClientError

from tuneaws import config, prices, training_jobs
from tuneaws.buckets import MADE_BY
from tuneaws.endpoints import life, models, requests
from tuneaws.endpoints.end import delete, forget_older
from tuneaws.endpoints.life import describe, explain_failure, keep, watch
from tuneaws.endpoints.traffic import shift, weights
from tuneaws.endpoints.use import EndpointError

FREE_WAY = 'or set WHERE = "local" and go on for free.'


# --- the price


def show_price(cfg, session, instances: int | None = None, instance_type: str | None = None,
               ttl_s: float | None = None) -> prices.Price:
    """Print what an endpoint costs on AWS, for its time to live and if forgotten; return an hour's price.

    cfg, session  from config.load() and session.connect(). In local: with the configuration's values for aws
    instances     of all variants together; None: the configuration's, as are instance_type and ttl_s
    Raises        prices.PriceError on aws if the whole time to live costs more than budget_usd
    """
    cost = _cost(cfg, session, instances, instance_type, ttl_s)
    local = session.where == "local"
    print("here it costs nothing. On AWS:" if local else "on AWS, your account:", cost, sep="\n")
    if not local:
        prices.check_budget(cost, cfg.budget_usd)
    return cost.price


def _short_price(cfg, session, instances: int, ttl_s: float | None) -> str:
    try:
        return _cost(cfg, session, instances, ttl_s=ttl_s).short()
    except prices.PriceError as unknown:  # what is free here need not wait for it
        return str(unknown)


def _cost(cfg, session, instances=None, instance_type=None, ttl_s=None) -> prices.HostingEstimate:
    local = session.where == "local"
    one = (config.load(where="aws") if local else cfg).endpoint
    kind = instance_type or one.instance_type
    price = prices.price_of(session, kind, "Host")
    return prices.hosting_estimate(kind, instances or one.instance_count, session.region, ttl_s or one.ttl_s,
                                   price)


# --- deploy


def deploy(cfg, session, bucket: str, sources: dict, name: str | None = None, shares: dict | None = None,
           ttl_s: float | None = None) -> str:
    """Serve one model or several behind one endpoint, wait until it answers, and return its name.

    sources  {variant: what it serves}: "base", "newest", a job's name or description, the ARN of a version,
             or a container from container_from()
    name     of the endpoint; None: "<project>-<the variants>", such as "tuneaws-base-tuned"
    shares   {variant: weight}; None: all the same
    ttl_s    time to live in seconds; None: the configuration's
    Shows the price first: on aws all of show_price(), in local one line. The second time it changes the
    endpoint, or finds that there is nothing to change.
    Raises   prices.PriceError over the budget, EndpointError when it fails, with the container's last words
    """
    one = cfg.endpoint
    name = name or "-".join([cfg.project.name, *sources])
    requests.check_name(name)
    if session.where == "aws":
        show_price(cfg, session, one.instance_count * len(sources), ttl_s=ttl_s)
    else:
        print(f"free here; on AWS {_short_price(cfg, session, one.instance_count * len(sources), ttl_s)}")
    variants = [requests.variant(label, container_from(cfg, session, bucket, source), one.instance_type,
                                 instance_count=one.instance_count, weight=(shares or {}).get(label, 1.0),
                                 startup_timeout_s=one.startup_timeout_s)
                for label, source in sources.items()]
    put(session.client("sagemaker"), session.client("logs"), name, variants, session.role_arn,
        cfg.project.tag_list(), ttl_s or one.ttl_s)
    return name


def deploy_newest(cfg, session, bucket: str, name: str | None = None, ttl_s: float | None = None) -> str:
    """Deploy the newest completed job with the course's tags, as variant "tuned"; see deploy()."""
    return deploy(cfg, session, bucket, {"tuned": "newest"}, name, ttl_s=ttl_s)


def deploy_job(cfg, session, bucket: str, job, name: str | None = None, ttl_s: float | None = None) -> str:
    """Deploy the model of one job, given by its name or description, as variant "tuned"; see deploy()."""
    return deploy(cfg, session, bucket, {"tuned": job}, name, ttl_s=ttl_s)


def deploy_base(cfg, session, bucket: str, name: str | None = None, ttl_s: float | None = None) -> str:
    """Deploy the model that is tuned from, untuned, as variant "base"; see deploy()."""
    return deploy(cfg, session, bucket, {"base": "base"}, name, ttl_s=ttl_s)


def deploy_version(cfg, session, arn: str, name: str | None = None, ttl_s: float | None = None) -> str:
    """Deploy a version of the model registry, given by its ARN, as variant "tuned"; see deploy().

    Raises  EndpointError unless the version is approved
    """
    return deploy(cfg, session, "", {"tuned": arn}, name, ttl_s=ttl_s)


def container_from(cfg, session, bucket: str, source) -> dict:
    """The container for one of deploy()'s sources; packs and uploads the archive that it needs.

    With serve "huggingface" an archive of the model and the inference code goes to s3://bucket/endpoints/.
    """
    sm, s3, one = session.client("sagemaker"), session.client("s3"), cfg.endpoint
    if isinstance(source, dict) and "TrainingJobName" not in source:
        return source
    if source == "base":
        return models.base(s3, bucket, session.region, one, cfg.model.id)
    if isinstance(source, str) and ":model-package/" in source:
        return models.of_package(_approved(sm, source))
    if source == "newest":
        source = training_jobs.newest(sm, cfg.project.tags)
    elif isinstance(source, str):
        source = training_jobs.get(sm, source)
    print(f"model: of job {source['TrainingJobName']}")
    return models.of_job(s3, bucket, session.region, one, source)


def put(sm, logs, name: str, variants: list, role_arn: str, tags: list, ttl_s: float,
        timeout_s: float = 1800) -> dict:
    """Make the endpoint serve these variants: create it, change it, or leave it; return its description.

    variants   requests.Variant, one or several          tags  [{"Key", "Value"}, ...]
    ttl_s      seconds from now until delete_expired() takes it
    timeout_s  give up waiting after so long; the endpoint goes on
    Costs      on AWS, all instances from the creation until it is deleted
    Raises     EndpointError, also when an endpoint of this name does not carry the tags: somebody else's
    """
    requests.check_name(name)
    wanted = requests.config_request(name, variants, role_arn, tags)
    _check_ours(sm, name, tags)
    found = _settled(sm, logs, name, timeout_s)
    if found and found["EndpointConfigName"] == wanted["EndpointConfigName"]:
        print(f"{name}: already serves exactly this; nothing to change")
        _restore_weights(sm, name, variants)
    else:
        for one in variants:
            _create(sm.create_model, requests.model_request(name, one, role_arn, tags))
        _create(sm.create_endpoint_config, wanted)
        _start(sm, name, wanted, tags, ttl_s, exists=bool(found))
        found = watch(sm, logs, name, timeout_s)
        if found["EndpointConfigName"] != wanted["EndpointConfigName"]:
            raise EndpointError(f"{name} could not be changed, and serves what it did before.\n"
                                + explain_failure(sm, logs, name))
        forget_older(sm, name)
    keep(sm, name, ttl_s)
    print(f"{name}: lives {ttl_s / 60:.0f} minutes from now; endpoints.delete(sm, {name!r}) ends it earlier")
    return found


def _check_ours(sm, name: str, tags: list) -> None:
    found = describe(sm, name)
    there = life.tags_of(sm, found["EndpointArn"]) if found else {}
    missing = [tag for tag in tags if tag["Key"] not in MADE_BY and there.get(tag["Key"]) != tag["Value"]]
    if found and missing:
        raise EndpointError(f"the endpoint {name!r} is there, and does not carry the tag {missing[0]['Key']}="
                            f"{missing[0]['Value']}: it is not the course's, and is not changed.\n"
                            "Fix: another name=, or another project.name in config.yaml")


def _restore_weights(sm, name: str, variants: list) -> None:
    """The weights may have been shifted since; the configuration does not show it."""
    total = sum(one.weight for one in variants)
    wanted = {one.name: one.weight / total for one in variants}
    there = weights(sm, name)
    if any(abs(there[label] - share) > 1e-6 for label, share in wanted.items()):
        print(f"{name}: its weights were shifted, and are set back")
        shift(sm, name, {one.name: one.weight for one in variants})


def _settled(sm, logs, name: str, timeout_s: float) -> dict | None:
    """The endpoint when nothing is under way with it; one that failed is deleted first."""
    found = describe(sm, name)
    if found and found["EndpointStatus"] not in life.SETTLED:
        print(f"{name}: is {found['EndpointStatus']}; waiting for that first")
        try:
            found = watch(sm, logs, name, timeout_s)
        except EndpointError:
            found = describe(sm, name)
    if found and found["EndpointStatus"] != "InService":
        print(f"{name}: is {found['EndpointStatus']} from before, and is deleted first")
        delete(sm, name)
        return None
    return found


def _start(sm, name: str, wanted: dict, tags: list, ttl_s: float, exists: bool) -> None:
    config_name = wanted["EndpointConfigName"]
    machines = ", ".join(f"{one['VariantName']} on {one['InitialInstanceCount']} x {one['InstanceType']}"
                         for one in wanted["ProductionVariants"])
    print(f"{name}: {'exists and is updated; it answers meanwhile' if exists else 'is created'} ({machines})")
    try:
        if exists:
            sm.update_endpoint(EndpointName=name, EndpointConfigName=config_name)
        else:
            sm.create_endpoint(**requests.endpoint_request(name, config_name, tags, requests.after(ttl_s)))
    except ClientError as err:
        if err.response["Error"]["Code"] != "ResourceLimitExceeded":
            raise
        kinds = ", ".join(sorted({one["InstanceType"] for one in wanted["ProductionVariants"]}))
        raise EndpointError(f"{name} was not started: {err.response['Error']['Message']}\nFix: ask for more "
                            f"in Service Quotas (\"{kinds} for endpoint usage\"),\n{FREE_WAY}") from err


def _create(call, request: dict) -> None:
    """Send a request; what has the same name has the same contents, and stays."""
    try:
        call(**request)
    except ClientError as err:
        if "already exist" not in err.response["Error"]["Message"]:
            raise


def _approved(sm, arn: str) -> str:
    status = sm.describe_model_package(ModelPackageName=arn).get("ModelApprovalStatus")
    if status != "Approved":
        raise EndpointError(f"{arn} is {status}, and only approved versions are deployed.\n"
                            "Fix: registry.approve(sm, arn, \"why\") once you have looked at its metrics")
    return arn
