"""The names of places and conditions that the tables use, as ARNs and Condition blocks.

Everything that the course makes begins with the project's name; a tuning job and its jobs may begin with
"search" (lesson 09), because its name has 32 characters at most.
"""

from tuneaws import raw_images
from tuneaws.bedrock_jobs.role import ROLE_NAME as BEDROCK_ROLE
from tuneaws.roles import ROLE_NAME as EXECUTION_ROLE

# What the lessons start: CPUs, GPUs of 16 to 48 GB. Patterns of sagemaker:InstanceTypes
MACHINES = ("ml.c5.*", "ml.g4dn.*", "ml.g5.*", "ml.g6.*", "ml.g6e.*", "ml.m5.*")
OWN_KINDS = ("custom-model", "custom-model-deployment", "imported-model", "model-customization-job",
             "model-import-job", "provisioned-model")
SAGEMAKER_KINDS = {
    "training-jobs": ("training-job",), "tuning-jobs": ("hyper-parameter-tuning-job",),
    "experiments": ("experiment", "experiment-trial", "experiment-trial-component"),
    "registry": ("model-package-group", "model-package"),
    "hosting": ("model", "endpoint-config", "endpoint"),
}  # fmt: skip
SEARCHES = ("training-job", "hyper-parameter-tuning-job", "experiment", "experiment-trial",
            "experiment-trial-component")


def places(account: str, region: str, bucket: str, name: str = "tuneaws", secret: str | None = None,
           bedrock_region: str | None = None) -> dict:
    """{place: [ARN]} for the course's tables.

    bucket   one bucket's name, or a pattern such as "tuneaws-123456789012-*"
    name     what the course's own names begin with       secret  a secret's name; None: those below name/
    """
    there = bedrock_region or region
    own = [f"arn:aws:bedrock:{there}:{account}:{kind}/*" for kind in OWN_KINDS]
    # An inference profile asks its model in other regions, and each must be allowed
    # (https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html, 2026-11).
    bases = ["arn:aws:bedrock:*::foundation-model/*",
             f"arn:aws:bedrock:{there}:{account}:inference-profile/*"]
    roles = [f"arn:aws:iam::{account}:role/{role}" for role in (EXECUTION_ROLE, BEDROCK_ROLE)]
    found = {place: [arn for kind in kinds for arn in _named(account, region, kind, name)]
             for place, kinds in SAGEMAKER_KINDS.items()}
    groups = f"arn:aws:logs:{region}:{account}:log-group:/aws/sagemaker"
    image_account = raw_images.ACCOUNTS.get(region, "*")
    return {
        **found, "sagemaker": _named(account, region, "*", name),
        "sagemaker-all": [f"arn:aws:sagemaker:{region}:{account}:*/*"],
        "bucket": [f"arn:aws:s3:::{bucket}"], "objects": [f"arn:aws:s3:::{bucket}/*"],
        # IAM judges a call on a group as …:log-group:<name>:log-stream: or with :* behind the name
        # (github.com/hashicorp/terraform-provider-aws issue 8804, aws/aws-cdk issue 7096, read 2026-11).
        "logs": [f"{groups}/TrainingJobs:*", f"{groups}/Endpoints/{name}*"],
        "own-logs": [f"{groups}/TrainingJobs:log-stream:{name}*", f"{groups}/TrainingJobs:log-stream:search*",
                     f"{groups}/Endpoints/{name}*"],
        "execution-role": [f"arn:aws:iam::{account}:role/{EXECUTION_ROLE}"],
        "bedrock-role": [f"arn:aws:iam::{account}:role/{BEDROCK_ROLE}"],
        "roles": roles, "who-is-asked": [*roles, f"arn:aws:iam::{account}:user/${{aws:username}}"],
        "bedrock-bases": bases, "bedrock-own": own, "bedrock-all": bases + own,
        "mlflow-servers": [f"arn:aws:sagemaker:{region}:{account}:mlflow-tracking-server/{name}*"],
        "mlflow": [f"arn:aws:sagemaker:{region}:{account}:mlflow-app/*"],
        "secret": [f"arn:aws:secretsmanager:{region}:{account}:secret:{secret or name + '/*'}-??????"],
        "images": [f"arn:aws:ecr:{region}:{image_account}:repository/*"],
        "budgets": [f"arn:aws:budgets::{account}:budget/*"],
        "budget": [f"arn:aws:budgets::{account}:budget/{name}*"],
        "quotas": [f"arn:aws:servicequotas:{region}:{account}:sagemaker/*"],
        "our-roles": [f"arn:aws:iam::{account}:role/{name}*",
                      *(arn for arn in roles if f":role/{name}" not in arn)],
        "iam-tags": [f"arn:aws:iam::{account}:role/*", f"arn:aws:iam::{account}:policy/*"],
        "our-policies": [f"arn:aws:iam::{account}:policy/{name}*"],
        "learners": [f"arn:aws:iam::{account}:user/*", f"arn:aws:iam::{account}:group/*"],
        "stack": [f"arn:aws:cloudformation:{region}:{account}:stack/{name}*"],
    }


def conditions(account: str, tags: dict, machines=MACHINES, name: str = "tuneaws") -> dict:
    """{condition: Condition block}. tags: those that everything of the course carries."""
    key, value = next(iter(tags.items()))
    return {
        # ForAllValues also holds where no type is named (serverless); AWS's own example is written so:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/security_iam_id-based-policy-examples.html (2026-11)
        "our-machines": {"ForAllValues:StringLike": {"sagemaker:InstanceTypes": list(machines)}},
        "to-sagemaker": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        "to-bedrock": {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}},
        "of-the-course": {"StringEquals": {f"aws:ResourceTag/{key}": value}},
        "job-metrics": {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
        "our-policies-only": {"ArnLike": {"iam:PolicyARN": f"arn:aws:iam::{account}:policy/{name}*"}},
    }


def _named(account: str, region: str, kind: str, name: str) -> list:
    names = (name, "search") if kind in (*SEARCHES, "*") else (name,)
    return [f"arn:aws:sagemaker:{region}:{account}:{kind}/{each}*" for each in names]
