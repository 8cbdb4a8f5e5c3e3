"""What there is in an account: of each kind the names, and how each job stands. Asked by raw boto3.

    before = inventory.take(client)              # client("sagemaker") gives a boto3 client
    made = inventory.new(before, inventory.take(client))
    made["training job"]                         # {"tuneaws-…": "Completed"}
"""

# kind: (service, call, member of its answer, member with the name, member with the status)
JOBS = {
    "training job": ("sagemaker", "list_training_jobs", "TrainingJobSummaries", "TrainingJobName",
                     "TrainingJobStatus"),
    "tuning job": ("sagemaker", "list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries",
                   "HyperParameterTuningJobName", "HyperParameterTuningJobStatus"),
    "customization job": ("bedrock", "list_model_customization_jobs", "modelCustomizationJobSummaries",
                          "jobName", "status"),
    "import job": ("bedrock", "list_model_import_jobs", "modelImportJobSummaries", "jobName", "status"),
}  # fmt: skip
THINGS = {
    "model": ("sagemaker", "list_models", "Models", "ModelName"),
    "endpoint config": ("sagemaker", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    "endpoint": ("sagemaker", "list_endpoints", "Endpoints", "EndpointName"),
    "package group": ("sagemaker", "list_model_package_groups", "ModelPackageGroupSummaryList",
                      "ModelPackageGroupName"),
    "experiment": ("sagemaker", "list_experiments", "ExperimentSummaries", "ExperimentName"),
    "trial": ("sagemaker", "list_trials", "TrialSummaries", "TrialName"),
    "trial component": ("sagemaker", "list_trial_components", "TrialComponentSummaries",
                        "TrialComponentName"),
    "custom model": ("bedrock", "list_custom_models", "modelSummaries", "modelName"),
    "deployment": ("bedrock", "list_custom_model_deployments", "modelDeploymentSummaries",
                   "customModelDeploymentName"),
    "provisioned throughput": ("bedrock", "list_provisioned_model_throughputs",
                               "provisionedModelSummaries", "provisionedModelName"),
    "imported model": ("bedrock", "list_imported_models", "modelSummaries", "modelName"),
    "bucket": ("s3", "list_buckets", "Buckets", "Name"),
    "role": ("iam", "list_roles", "Roles", "RoleName"),
}  # fmt: skip
KILLED = "the local AWS ended"  # what pocketaws says of a job that ran when it was killed
OF_A_JOB = ("-aws-training-job", "-aws-trial", "-aws-tuning-job")  # SageMaker's own records of each job
OF_THE_SERVICE = "AWSServiceRole"  # service-linked roles, which nobody makes by hand


def take(client) -> dict:
    """{kind: {name: status or ""}} of all that there is. client(service) gives a boto3 client."""
    found = {kind: dict(jobs(client, kind)) for kind in JOBS}
    for kind, (service, call, member, name) in THINGS.items():
        names = [one[name] for one in _pages(client(service), call, member)]
        found[kind] = {one: "" for one in names if not one.endswith(OF_A_JOB) and OF_THE_SERVICE not in one}
    found["package version"] = {
        one["ModelPackageArn"]: ""
        for group in found["package group"]
        for one in _pages(client("sagemaker"), "list_model_packages", "ModelPackageSummaryList",
                          ModelPackageGroupName=group)}  # fmt: skip
    found["unfinished upload"] = {
        f"{bucket}/{one['Key']}/{one['UploadId']}": ""
        for bucket in found["bucket"]
        for one in _pages(client("s3"), "list_multipart_uploads", "Uploads", Bucket=bucket)}  # fmt: skip
    return found


def new(before: dict, after: dict) -> dict:
    """What is in `after` and not in `before`, as take() gives it; of a kind without any, nothing."""
    made = {kind: {name: status for name, status in names.items() if name not in before.get(kind, {})}
            for kind, names in after.items()}  # fmt: skip
    return {kind: names for kind, names in made.items() if names}


def jobs_of(found: dict) -> dict:
    """{kind and name: status} of the jobs in what take() gave."""
    return {f"{kind} {name}": status for kind in JOBS for name, status in found.get(kind, {}).items()}


def things_of(found: dict) -> dict:
    """{kind: how many} of what is no job."""
    return {kind: len(names) for kind, names in found.items() if kind not in JOBS and names}


def why_failed(client, name: str) -> str:
    """The reason of a failed job, by its kind and name as jobs_of() gives them; "" if none is given."""
    kind, name = next((kind, name[len(kind) + 1 :]) for kind in JOBS if name.startswith(kind + " "))
    if kind == "training job":
        return client("sagemaker").describe_training_job(TrainingJobName=name).get("FailureReason", "")
    if kind == "tuning job":
        job = client("sagemaker").describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return job.get("FailureReason", "")
    if kind == "customization job":
        job = client("bedrock").get_model_customization_job(jobIdentifier=name)
    else:
        job = client("bedrock").get_model_import_job(jobIdentifier=name)
    return job.get("failureMessage", "")


def jobs(client, kind: str):
    """(name, status) of each job of a kind."""
    service, call, member, name, status = JOBS[kind]
    return ((one[name], one[status]) for one in _pages(client(service), call, member))


def _pages(service, call: str, member: str, **more):
    for page in service.get_paginator(call).paginate(**more):
        yield from page.get(member, [])
