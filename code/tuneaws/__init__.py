"""tuneaws: the course's helpers, each a small module that can be copied out.

    config         one YAML file -> frozen, checked values          (config_reader)
    session        connect(where="local" | "aws") -> clients        (environment, roles, local_aws)
    buckets        a bucket that is yours, encrypted, private, tagged
    data           rows -> cleaned -> chat messages -> JSONL -> S3  (rows, cleaning, handover)
                   any file or folder -> training JSONL: data.convert()
    huggingface    the SageMaker estimator                          (estimator/, launch)
    raw_jobs       a training job by boto3 alone                    (raw_images, raw_members, raw_launch)
    refusals       what AWS refused, how to get it; local_run: the same job on this machine
    job_costs      a job's price from its tokens; your jobs with their cost so far   (speeds)
    training_jobs  find, watch, stop and explain a training job     (job_lines, logs, artifacts)
    metrics        log lines -> a table -> the loss curve
    endpoints/     deploy, talk to, load, list and delete an endpoint
    evaluate/      two systems on the frozen test rows, with intervals
    variants/      a grid or a random search under a dollar cap, SageMaker's tuning jobs
    runs/          what repeats a job; runs side by side; the request that repeats one; MLflow's requests
    registry       versions of a model: register, approve, deploy
    sizing/        base models, the memory that tuning takes, the GPUs that have it
    hosting/       the estimator's deploy(), model and predictor, as SDK 2 had them
    prices         what a job or an endpoint costs before it is started

In brackets: the modules that do the parts. Nothing happens at import, and no module imports the SageMaker
SDK before it needs it.
"""
