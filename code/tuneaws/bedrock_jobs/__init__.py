"""Tune a model on Amazon Bedrock: what may be tuned, what it costs, start, watch, the loss curve.

    from tuneaws import bedrock_data, bedrock_jobs

    model = bedrock_jobs.gate(bedrock, "amazon.nova-micro-v1:0")
    cost = bedrock_jobs.price(report, model, epochs=1)          # report: bedrock_data.check()
    print(cost)
    bedrock_jobs.check_budget(cost, 2)
    role = bedrock_jobs.ensure_role(iam, account, "us-east-1", bucket)
    values = bedrock_jobs.hyperparameters(nova, epochs=1)
    asked = bedrock_jobs.request("my-model", model, role, uris["training"], f"s3://{bucket}/bedrock", values)
    job = bedrock_jobs.watch(bedrock, bedrock_jobs.start(bedrock, asked)["jobArn"])
    bedrock_jobs.plot_loss(bedrock_jobs.losses(s3, job))

    models    what may be tuned now           running   start, find, get, stop
    pricing   tokens and dollars before it    watching  the phases, line by line
    requests  the request, to print           losses    the CSV files as a table
    role      trust and permissions           tuning    find_or_tune() for the lessons

boto3 and the standard library; no PyTorch, no SageMaker SDK.
"""

from tuneaws.bedrock_jobs.errors import BedrockJobError
from tuneaws.bedrock_jobs.losses import losses, plot_loss
from tuneaws.bedrock_jobs.models import gate, tunable
from tuneaws.bedrock_jobs.pricing import TokenPrice, TuningCost, best_price, check_budget, from_api, price
from tuneaws.bedrock_jobs.requests import hyperparameters, new_name, request
from tuneaws.bedrock_jobs.role import data_policy, ensure_role, trust_policy
from tuneaws.bedrock_jobs.running import ENDED, find, get, newest, start, stop
from tuneaws.bedrock_jobs.tuning import (
    configured,
    data_prefix,
    find_or_tune,
    request_from,
    role_for,
    show_price,
)
from tuneaws.bedrock_jobs.watching import timeline, watch

__all__ = ["ENDED", "BedrockJobError", "TokenPrice", "TuningCost", "best_price", "check_budget",
           "configured", "data_policy", "data_prefix", "ensure_role", "find", "find_or_tune", "from_api",
           "gate", "get", "hyperparameters", "losses", "new_name", "newest", "plot_loss", "price", "request",
           "request_from", "role_for", "show_price", "start", "stop", "timeline", "trust_policy", "tunable",
           "watch"]
