"""tuneaws: the course's helpers, each a small module that can be copied out.

    config         one YAML file -> frozen, checked values
    session        connect(where="local" | "aws") -> clients, account, role
    buckets        a bucket that is yours, encrypted, private, tagged
    data           rows -> cleaned -> chat messages -> JSONL -> S3
    huggingface    the SageMaker estimator
    training_jobs  find, watch, stop and explain a training job
    metrics        log lines -> a table -> the loss curve
    prices         what a job costs before it is started

Nothing happens at import, and no module imports the SageMaker SDK before it needs it.
"""
