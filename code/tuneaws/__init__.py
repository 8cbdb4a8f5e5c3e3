"""tuneaws: the course's helpers, each a small module that can be copied out.

    config         one YAML file -> frozen, checked values          (config_reader)
    session        connect(where="local" | "aws") -> clients        (environment, roles)
    buckets        a bucket that is yours, encrypted, private, tagged
    data           rows -> cleaned -> chat messages -> JSONL -> S3  (rows, cleaning, handover)
    huggingface    the SageMaker estimator                          (estimator/, launch)
    training_jobs  find, watch, stop and explain a training job     (job_lines, logs, artifacts)
    metrics        log lines -> a table -> the loss curve
    prices         what a job costs before it is started

In brackets: the modules that do the parts. Nothing happens at import, and no module imports the SageMaker
SDK before it needs it.
"""
