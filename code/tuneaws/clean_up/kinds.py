"""Every kind of thing that the course makes, in the order in which the clean-up deletes them.

First what starts others, then what runs and bills, then what stands on others, at the end what the next
lesson needs to begin: data, secret, roles.
"""

from tuneaws.clean_up import in_account, on_bedrock, on_logs, on_sagemaker

KINDS = (
    on_sagemaker.TUNING_JOB, on_sagemaker.TRAINING_JOB, on_sagemaker.WARM_POOL, on_sagemaker.ENDPOINT,
    on_sagemaker.MLFLOW_APP, on_sagemaker.MLFLOW_SERVER,
    on_bedrock.CUSTOMIZATION_JOB, on_bedrock.IMPORT_JOB, *on_bedrock.MODELS,
    on_sagemaker.ENDPOINT_CONFIG, on_sagemaker.MODEL, on_sagemaker.MODEL_PACKAGE, on_sagemaker.MODEL_GROUP,
    on_sagemaker.TRIAL, on_sagemaker.COMPONENT, on_sagemaker.EXPERIMENT,
    on_logs.JOB_LOGS, on_logs.ENDPOINT_LOGS,
    in_account.BUCKET, in_account.SECRET, in_account.ROLE, in_account.POLICY, in_account.BUDGET,
)
BY_NAME = {kind.name: kind for kind in KINDS}
ORDER = {kind.name: number for number, kind in enumerate(KINDS)}
