"""What each member of a CreateTrainingJob request says, in a sentence, and where two ways to send it differ.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html, 2026-11. What the
container makes of the hyperparameters is AWS's sagemaker-training 5.1.4, environment.py.
"""

# A name that ends in ".*" is for the members that are not named.
MEMBERS = {
    "TrainingJobName": "used once in an account and region; at most 63 letters, digits and hyphens",
    "AlgorithmSpecification.TrainingImage": "the container that runs your script, with its versions",
    "AlgorithmSpecification.TrainingInputMode": "File: channels are copied to disk before the script starts",
    "AlgorithmSpecification.MetricDefinitions": "which numbers SageMaker reads out of the log, by regex",
    "AlgorithmSpecification.EnableSageMakerMetricsTimeSeries": "keep their history, not only the last value",
    "RoleArn": "what the job may do: read these buckets, write the model and the log",
    "InputDataConfig.code": "the packed script; it arrives as a file in /opt/ml/input/data/code",
    "InputDataConfig.*": "everything under this prefix arrives in /opt/ml/input/data/<the channel's name>",
    "OutputDataConfig.S3OutputPath": "model.tar.gz goes to <this>/<job>/output",
    "ResourceConfig.InstanceType": "the machine: it sets the price of an hour and the GPU memory",
    "ResourceConfig.InstanceCount": "how many of them; each costs the full price",
    "ResourceConfig.VolumeSizeInGB": "disk of each, for the data and about three times the model",
    "StoppingCondition.MaxRuntimeInSeconds": "the job is stopped after so long: the worst case of the bill",
    "StoppingCondition.MaxWaitTimeInSeconds": "spot only: waiting and running together",
    "HyperParameters.sagemaker_program": "script mode: which file of the archive to run",
    "HyperParameters.sagemaker_submit_directory": "script mode: where the archive is: in the code channel",
    "HyperParameters.sagemaker_container_log_level": "how much the container's own toolkit says: 20 is INFO",
    "HyperParameters.sagemaker_job_name": "the job's name again, for the toolkit",
    "HyperParameters.sagemaker_region": "the region again, for the toolkit's own calls",
    "HyperParameters.*": "an argument of your script, --name value; JSON text, so 3 stays a number",
    "Environment.SAGEMAKER_PROGRAM": "the script once more: the toolkit reads it here first",
    "Environment.SAGEMAKER_SUBMIT_DIRECTORY": "for your own script or image: the toolkit of training images "
                                              "does NOT read it here, only as a hyperparameter",
    "Environment.*": "an environment variable of the script",
    "CheckpointConfig.S3Uri": "/opt/ml/checkpoints is kept there while the job runs, and brought back",
    "EnableManagedSpotTraining": "spare capacity: cheaper, may wait and be interrupted",
    "Tags": "how you, the clean-up and the bill find the job again",
}

# Where training_request() and the HuggingFace estimator differ for the same job. Every other member is equal.
DIFFERENCES = {
    # The estimator does the same when the job has no network (enable_network_isolation).
    "InputDataConfig.code": "a channel brings the code; else the container fetches it",
    "HyperParameters.sagemaker_submit_directory": "so it is a path in the job, not an s3:// URI",
    "Environment.SAGEMAKER_PROGRAM": "the script again, by the toolkit's other name",
    "Environment.SAGEMAKER_SUBMIT_DIRECTORY": "that path, for a script that looks there",
    "DebugHookConfig.S3OutputPath": "SageMaker Debugger: training does not need it",
    "DebugHookConfig.CollectionConfigurations": "SageMaker Debugger",
    "ProfilerConfig.S3OutputPath": "Debugger's profiler: training does not need it",
    "ProfilerConfig.DisableProfiler": "Debugger's profiler",
}


def saying(member: str) -> str:
    """Return the sentence for a member, "ResourceConfig.InstanceCount". KeyError for one that has none."""
    group = member.partition(".")[0]
    return MEMBERS.get(member) or MEMBERS[f"{group}.*"]
