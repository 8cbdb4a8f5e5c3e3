"""A model on Bedrock: deploy what was tuned, talk to it, import one from SageMaker, leave nothing behind.

    from tuneaws import bedrock_models

    arn = bedrock_models.deploy(bedrock, job["outputModelArn"], "tuneaws-tuned", tags, ttl_s=3600)
    bedrock_models.wait(bedrock, arn)
    answer = bedrock_models.converse(runtime, arn, messages)
    report = evaluate({"tuned": bedrock_models.generator(runtime, arn)}, rows, cfg.prompt)
    bedrock_models.find(bedrock, tags)
    bedrock_models.delete_all(bedrock, tags)

    requests   every request as a plain dict, to print
    costs      tokens, hours, storage, with their dates
    deploying  deploy, wait, provision (only with yes=True)
    importing  SageMaker's model to Bedrock
    use        converse, stream, generator, Chat; invoke for an imported model
    patience   which refusals are worth another try
    end        what bills, delete in the right order

boto3 and the standard library; no PyTorch, no SageMaker SDK.
"""

from tuneaws.bedrock_models.costs import AnswerPrice, best_price, seen_price, throughput_cost
from tuneaws.bedrock_models.deploying import deploy, describe, keep, provision, wait
from tuneaws.bedrock_models.end import billing_row, delete, delete_all, delete_expired, find, time_left
from tuneaws.bedrock_models.errors import BedrockModelError
from tuneaws.bedrock_models.importing import import_model, stage, upload
from tuneaws.bedrock_models.requests import (
    converse_request,
    deployment_request,
    import_request,
    invoke_request,
    throughput_request,
)
from tuneaws.bedrock_models.use import Answer, Chat, converse, generator, invoke, runtime_client, stream

__all__ = ["Answer", "AnswerPrice", "BedrockModelError", "Chat", "best_price", "billing_row", "converse",
           "converse_request", "delete", "delete_all", "delete_expired", "deploy", "deployment_request",
           "describe", "find", "generator", "import_model", "import_request", "invoke", "invoke_request",
           "keep", "provision", "runtime_client", "seen_price", "stage", "stream", "throughput_cost",
           "throughput_request", "time_left", "upload", "wait"]
