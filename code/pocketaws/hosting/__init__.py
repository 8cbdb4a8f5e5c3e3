"""The engine that runs endpoints: a process for each instance, its model, its log, its metrics.

    spec.py        what an endpoint is to run        errors.py   what can go wrong with a request
    engine.py      create, update, delete, invoke; one thread for each change
    fleet.py       the variants of one endpoint config: which of them takes a request, and who answers it
    instance.py    one container: started, asked for its health, started again when it ends, ended
    connections.py requests to a container's process     answers.py  one of them, and its answer
    model_data.py  model.tar.gz or plain files → the container's /opt/ml/model
    images.py      which program stands in for which image
    containers.py  the commands and the environment of a container
    metrics.py     invocations and latencies → CloudWatch

In the container's process:

    http_server.py   /ping and /invocations
    model_server.py  stands in for AWS's Hugging Face and PyTorch inference images
    handlers.py      inference.py as AWS's toolkits call it    context.py  what its functions may take
    formats.py       JSON, CSV, NPY, images, audio             pipelines.py  HF_TASK, HF_MODEL_ID
    llm_server.py    stands in for the vLLM, LMI and TGI images, with llm/

It speaks boto3 to the endpoint it was given and knows nothing else of the server that it runs in.
"""
