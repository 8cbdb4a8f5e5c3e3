"""The policies as documents: dicts that json.dumps() turns into what IAM takes."""

from __future__ import annotations

from tuneaws.bedrock_jobs import role as bedrock
from tuneaws.policies.executing import EXECUTION
from tuneaws.policies.grants import document, statements
from tuneaws.policies.in_studio import STUDIO
from tuneaws.policies.in_studio import conditions as studio_conditions
from tuneaws.policies.in_studio import places as studio_places
from tuneaws.policies.instructing import INSTRUCTOR
from tuneaws.policies.learning import LEARNER
from tuneaws.policies.places import MACHINES, conditions, places

TAGS = {"course": "tuneaws"}
# GPUs at tens of dollars an hour, and what trains for as much: nothing in the course needs them
EXPENSIVE = ("ml.p3.*", "ml.p3dn.*", "ml.p4d.*", "ml.p4de.*", "ml.p5.*", "ml.p5e.*", "ml.p5en.*", "ml.p6*",
             "ml.trn1.*", "ml.trn1n.*", "ml.trn2.*", "ml.inf2.*", "ml.g5.48xlarge", "ml.g6.48xlarge",
             "ml.g6e.48xlarge")
# Actions that know sagemaker:InstanceTypes (Service Authorization Reference, Amazon SageMaker, 2026-11).
STARTING = ("CreateApp", "CreateEndpointConfig", "CreateHyperParameterTuningJob", "CreateNotebookInstance",
            "CreateProcessingJob", "CreateTrainingJob", "CreateTransformJob", "UpdateNotebookInstance")


def learner(account: str, region: str, bucket: str, name: str = "tuneaws", tags: dict = TAGS,
            machines=MACHINES, secret: str | None = None, bedrock_region: str | None = None) -> dict:
    """What a learner may do.

    bucket         the learner's bucket: session.bucket_name(project), or a pattern for all of a course
    name           project.name of config.yaml
    tags           project.tags of config.yaml: the first one marks what is the course's
    machines       patterns of instance types that may be started
    secret         name of the secret with a Hugging Face token; None: any that begins with name/
    bedrock_region bedrock.region of config.yaml; None: region
    """
    found = statements(LEARNER, places(account, region, bucket, name, secret, bedrock_region),
                       conditions(account, tags, machines, name))
    return document(found)


def execution_role(account: str, region: str, bucket: str, name: str = "tuneaws",
                   secret: str | None = None) -> dict:
    """What the SageMaker execution role may do: one bucket, the course's logs and metrics, its image."""
    found = places(account, region, bucket, name, secret)
    return document(statements(EXECUTION, found, conditions(account, TAGS, name=name)))


def bedrock_role(account: str, bucket: str) -> dict:
    """What the Bedrock role may do: read and write this bucket of this account."""
    return bedrock.data_policy(bucket, account)


def instructor(account: str, region: str, bucket: str = "tuneaws-*", name: str = "tuneaws", tags: dict = TAGS,
               bedrock_region: str | None = None) -> dict:
    """What an instructor may do beside what a learner may: set-up, quotas, costs. Give them both policies."""
    found = places(account, region, bucket, name, None, bedrock_region)
    return document(statements(INSTRUCTOR, found, conditions(account, tags, name=name)))


def studio(account: str, region: str) -> dict:
    """What a learner needs beside learner() to work in SageMaker Studio."""
    found = statements(STUDIO, studio_places(account, region), studio_conditions(account, region))
    return document(found)


def trust(service: str, account: str, region: str) -> dict:
    """Who may take on a role: "sagemaker" or "bedrock", each for things of this account only.

    Without the conditions another account's job could be made to use it, the confused deputy:
    https://docs.aws.amazon.com/sagemaker/latest/dg/security-confused-deputy-prevention.html (2026-11)
    """
    if service == "bedrock":
        return bedrock.trust_policy(account, region, imports=True)
    if service != "sagemaker":
        raise ValueError(f'{service!r} takes on no role of the course. Fix: "sagemaker" or "bedrock"')
    return {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}}}]}


def deny_expensive(*types: str) -> dict:
    """A service control policy: machines that nobody in these accounts starts, whatever else they may.

    types   patterns of instance types; none: EXPENSIVE
    An SCP is attached in AWS Organizations, to an account or a unit; as a policy of a user it counts too.
    """
    return document([{
        "Sid": "DenyExpensiveMachines", "Effect": "Deny",
        "Action": [f"sagemaker:{action}" for action in STARTING], "Resource": "*",
        "Condition": {"ForAnyValue:StringLike": {"sagemaker:InstanceTypes": list(types or EXPENSIVE)}}}])
