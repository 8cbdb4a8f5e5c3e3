"""Put a model behind an endpoint, talk to it, and leave nothing running.

    name = deploy_newest(cfg, session, bucket)                  # shows the price first; starts, or updates
    predict(session.client("sagemaker-runtime"), name, messages)
    delete(session.client("sagemaker"), name)

The functions that deploy take the configuration; all others take boto3 clients and plain values. The parts:

    models       the base model, a job's or a version's, as a container
    requests     the three requests, as plain dicts
    deploying    show_price, deploy and its kinds
    use          predict, stream, chat, generator
    life         watch, time_left, list_endpoints, log_lines
    end          delete, delete_expired
    traffic      two variants: who answered, their metrics, shifting the weights
    load_test    latency and requests a second against how many ask at once
    llm_images   AWS's vLLM and LMI images: address and environment
    autoscaling  more machines under load, on aws
"""

from tuneaws.endpoints.deploying import (
    container_from,
    deploy,
    deploy_base,
    deploy_job,
    deploy_newest,
    deploy_version,
    put,
    show_price,
)
from tuneaws.endpoints.end import delete, delete_all, delete_expired
from tuneaws.endpoints.life import (
    describe,
    explain_failure,
    keep,
    list_endpoints,
    log_lines,
    show,
    time_left,
    watch,
)
from tuneaws.endpoints.requests import Variant, variant
from tuneaws.endpoints.traffic import shift, variant_metrics, weights, who_answered
from tuneaws.endpoints.use import (
    Answer,
    Chat,
    EndpointError,
    ask,
    generator,
    predict,
    predict_batch,
    runtime_client,
    stream,
)

__all__ = ["Answer", "Chat", "EndpointError", "Variant", "ask", "chat", "container_from", "delete",
           "delete_all", "delete_expired", "deploy", "deploy_base", "deploy_job", "deploy_newest",
           "deploy_version", "describe", "explain_failure", "generator", "keep", "list_endpoints",
           "log_lines", "predict", "predict_batch", "put", "runtime_client", "shift", "show", "show_price",
           "stream", "time_left", "variant", "variant_metrics", "watch", "weights", "who_answered"]

chat = Chat
