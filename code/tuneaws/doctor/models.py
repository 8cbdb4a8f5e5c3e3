"""The models: Bedrock's may be tuned by this account now, the hub's can be had, gated or not.

Nothing is downloaded: of a model of the hub only its config.json is asked for, with a HEAD.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from tuneaws import secrets
from tuneaws.bedrock_jobs.errors import BedrockJobError
from tuneaws.bedrock_jobs.models import gate
from tuneaws.doctor import lessons
from tuneaws.doctor.check import FREE_WAY, failed, passed, told, warned

SOON_DAYS = 90  # a model that ends within this is no model to start a project with
WITHIN_S = 10
# Answers of GetFoundationModelAvailability that let a model be used
# (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetFoundationModelAvailability.html, 2026-11).
GOOD = ("AVAILABLE", "AUTHORIZED")


def bedrock_model(subject):
    """bedrock.model_id is offered for tuning in bedrock.region, and is not on its way out."""
    if not lessons.needs(subject.lessons, lessons.BEDROCK):
        return None
    wanted, place = subject.cfg.bedrock.model_id, subject.cfg.bedrock.region
    bedrock = subject.client("bedrock", place)
    try:
        tuned_as = gate(bedrock, wanted)
    except BedrockJobError as err:
        return failed(*told(err))
    details = bedrock.get_foundation_model(modelIdentifier=tuned_as)["modelDetails"]
    ends = details.get("modelLifecycle", {}).get("endOfLifeTime")
    if ends and (ends - datetime.now(timezone.utc)).days < SOON_DAYS:
        return warned(f"{tuned_as} can be tuned in {place}, until {ends:%Y-%m-%d} only",
                      "a newer bedrock.model_id in config.yaml: bedrock_jobs.tunable(bedrock) lists them")
    return passed(f"{tuned_as} can be tuned in {place}")


def bedrock_access(subject):
    """This account may use the model: agreement, entitlement, authorization, region."""
    if not lessons.needs(subject.lessons, lessons.BEDROCK):
        return None
    wanted, place = subject.cfg.bedrock.model_id, subject.cfg.bedrock.region
    said = subject.client("bedrock", place).get_foundation_model_availability(modelId=wanted)
    parts = {"agreement": said["agreementAvailability"]["status"],
             "entitlement": said["entitlementAvailability"], "authorization": said["authorizationStatus"],
             "region": said["regionAvailability"]}
    lacking = [f"{name} {value}" for name, value in parts.items() if value not in GOOD]
    if lacking:
        return failed(f"no access to {wanted} in {place}: {', '.join(lacking)}",
                      f"ask for it in the console: Bedrock, {place}, Model access, {FREE_WAY}")
    return passed(f"this account may use {wanted} in {place}")


def hugging_face_token(subject):
    """The token of a gated model: kept as the secret that config.yaml names, never in a request."""
    name, token = subject.cfg.model.hf_token_secret, secrets.hf_token()
    if subject.local:
        return passed("none is needed: the models of local are on this machine")
    if name is None:
        kept = "a token in the environment" if token else "no token"
        return passed(f"{kept}, and config.yaml names no secret: right for an open model")
    if secrets.describe(subject.client("secretsmanager"), name) is None:
        return failed(f"model.hf_token_secret is {name}, and there is no such secret in "
                      f"{subject.session.region}", "secrets.keep_token(session, cfg), with HF_TOKEN in .env")
    return passed(f"the secret {name} is there")


def base_model(subject, endpoint=None):
    """The model to tune can be had: a folder here in local, on aws the hub's config.json.

    endpoint  another hub's address than https://huggingface.co
    """
    model = subject.cfg.model.id
    if subject.local:
        return _local_model(subject, model)
    from huggingface_hub import errors, get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(model, "config.json", endpoint=endpoint)
    try:
        get_hf_file_metadata(url, token=secrets.hf_token() or False, timeout=WITHIN_S)
    except errors.GatedRepoError:
        return failed(f"{model} is gated, and this token (or none) may not read it",
                      f"accept its terms at https://huggingface.co/{model} and put your HF_TOKEN into .env")
    except errors.RepositoryNotFoundError:
        return failed(f"the hub knows no {model}, or it is private", "another model.id in config.yaml")
    except errors.EntryNotFoundError:
        return failed(f"{model} has no config.json: no model of transformers",
                      "another model.id in config.yaml")
    except (errors.OfflineModeIsEnabled, errors.HTTPError, OSError) as err:  # HTTPError: of httpx or requests
        return _no_network(model, err)
    return _needs_secret(subject, model, endpoint)


def _local_model(subject, model: str):
    folder = Path(subject.session.model_path(model))
    if folder.is_dir():
        return passed(f"{model} is on this machine")
    from huggingface_hub import try_to_load_from_cache

    if isinstance(try_to_load_from_cache(model, "config.json"), str):
        return passed(f"{model} is in this machine's hub cache")
    return failed(f"{model} is not on this machine, and local has no network",
                  "model.id: pocketaws/chat-1m for local in config.yaml, or download it into the hub's cache "
                  f"with `hf download {model}`")


def _needs_secret(subject, model: str, endpoint):
    """It can be read from here. A job reads it with the secret only, so it must be open without one."""
    from huggingface_hub import errors, get_hf_file_metadata, hf_hub_url

    if subject.cfg.model.hf_token_secret is None and secrets.hf_token():
        try:
            url = hf_hub_url(model, "config.json", endpoint=endpoint)
            get_hf_file_metadata(url, token=False, timeout=WITHIN_S)
        except (errors.GatedRepoError, errors.RepositoryNotFoundError):
            return failed(f"{model} can be read with your token only, and jobs get none",
                          f"model.hf_token_secret: {subject.cfg.project.name}/hf-token in config.yaml, then "
                          "secrets.keep_token(session, cfg)")
    return passed(f"{model} can be read from the hub")


def _no_network(model: str, err: Exception):
    said = str(err).strip().partition("\n")[0]
    return warned(f"the hub could not be asked for {model}: {type(err).__name__}: {said}",
                  "check the network and HF_HUB_OFFLINE. A job asks from AWS, not from here")
