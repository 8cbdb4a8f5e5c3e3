"""The requests of a model on Bedrock as plain dicts: print them before you pay. Nothing here sends anything.

    CreateCustomModelDeployment         a tuned model, paid by the token          deployment_request()
    CreateModelImportJob                a model that was tuned elsewhere          import_request()
    CreateProvisionedModelThroughput    paid by the hour, used or not             throughput_request()
    Converse, ConverseStream            one conversation                          converse_request()
    InvokeModel                         the same, to an imported model            invoke_request()
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

from tuneaws.bedrock_client import tag_list

EXPIRES = "expires"  # the tag that says until when a deployment may live, in UTC; AWS does not act on it
MAX_NAME = 63  # of deployment, import job, model and throughput (botocore 1.44.5, bedrock)


def deployment_request(name: str, model_arn: str, tags: dict | None = None,
                       expires: datetime | None = None) -> dict:
    """CreateCustomModelDeployment: the tuned model answers under the deployment's ARN, on demand.

    model_arn  of a custom model: a customization job's outputModelArn
    expires    the tag by which delete_expired() finds it; None: no such tag
    """
    check_name(name)
    labels = {**(tags or {}), **({EXPIRES: write_time(expires)} if expires else {})}
    return {"modelDeploymentName": name, "modelArn": model_arn, "tags": tag_list(labels)}


def import_request(name: str, role_arn: str, uri: str, tags: dict | None = None) -> dict:
    """CreateModelImportJob of merged weights, for a model of the same name.

    uri  an S3 prefix, right under it config.json, .safetensors, tokenizer.json and tokenizer_config.json
    """
    check_name(name)
    source = {"s3DataSource": {"s3Uri": uri if uri.endswith("/") else f"{uri}/"}}
    return {"jobName": name, "importedModelName": name, "roleArn": role_arn, "modelDataSource": source,
            "jobTags": tag_list(tags), "importedModelTags": tag_list(tags)}


def throughput_request(name: str, model_arn: str, units: int = 1, tags: dict | None = None) -> dict:
    """CreateProvisionedModelThroughput without commitment. Bills by the hour until it is deleted."""
    check_name(name)
    return {"provisionedModelName": name, "modelId": model_arn, "modelUnits": units, "tags": tag_list(tags)}


def converse_request(model_id: str, messages, max_tokens: int | None = None, temperature: float = 0.0,
                     top_p: float | None = None, stop: list = ()) -> dict:
    """Converse's members, of the course's messages; ConverseStream takes the same. Greedy by default.

    model_id  a base model's id, or the ARN of a deployment, a provisioned or an imported model
    messages  [{"role": "user", "content": "..."}], the first may be of the system; or a text
    """
    said = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
    system = [{"text": one["content"]} for one in said if one["role"] == "system"]
    turns = [{"role": one["role"], "content": [{"text": one["content"]}]} for one in said
             if one["role"] != "system"]
    limits = {"maxTokens": max_tokens, "temperature": temperature, "topP": top_p,
              "stopSequences": list(stop) or None}
    return {"modelId": model_id, "messages": turns, **({"system": system} if system else {}),
            "inferenceConfig": {name: value for name, value in limits.items() if value is not None}}


def invoke_request(model_id: str, messages, max_tokens: int | None = None, temperature: float = 0.0,
                   top_p: float | None = None, stop: list = ()) -> dict:
    """InvokeModel's members for an imported model, its body in OpenAI's chat format. Greedy by default.

    Bedrock calls it OpenAIChatCompletion and takes it for models imported after 2025-11-11. It is the one way
    to ask Qwen2.5, Qwen2-VL, Qwen2.5-VL and GPT-OSS, which Converse is not for
    (https://docs.aws.amazon.com/bedrock/latest/userguide/invoke-imported-model.html, 2026-11).
    model_id  the ARN of an imported model           messages  as for converse_request()
    """
    said = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
    turns = [{"role": one["role"], "content": one["content"]} for one in said]
    limits = {"max_tokens": max_tokens, "temperature": temperature, "top_p": top_p,
              "stop": list(stop) or None}
    body = {"messages": turns, **{name: value for name, value in limits.items() if value is not None}}
    return {"modelId": model_id, "contentType": "application/json", "accept": "application/json",
            "body": json.dumps(body, ensure_ascii=False)}


def check_name(name: str) -> None:
    """Raise ValueError unless the name fits all three."""
    if not re.fullmatch(r"[a-zA-Z0-9](-?[a-zA-Z0-9])*", name) or len(name) > MAX_NAME:
        raise ValueError(f"{name!r} is no name for Bedrock.\nFix: letters, digits and single hyphens between "
                         f"them, at most {MAX_NAME} characters (this has {len(name)})")


def write_time(moment: datetime) -> str:
    """"2026-11-22T12:00:00Z"."""
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def read_time(text: str | None) -> datetime | None:
    """The time in a tag; None when there is none, or it is not a time."""
    try:
        return datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def after(seconds: float) -> datetime:
    """The time in so many seconds."""
    return datetime.now(timezone.utc) + timedelta(seconds=seconds)
