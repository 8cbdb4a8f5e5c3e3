"""A learner's account on the local AWS: the roles and the user that write_policies.py describes, enforced.

    variables = course_learner.set_up(session, cfg)     # AWS_ENDPOINT_URL and the learner's key
    course_learner.enforce(session.url, True)

set_up() is what an instructor does once in a real account, by the CloudFormation template: two roles, the
learner's policies, a user to hand them to. Run it as the root user; what it makes is free.
"""

from __future__ import annotations

import json
import urllib.request

from tuneaws import buckets, policies, roles
from tuneaws.bedrock_jobs import role as bedrock_role

USER = "learner"
POLICY = "tuneaws-learner"


def set_up(session, cfg, user: str = USER) -> dict:
    """Make roles, policies, user and key; return the environment variables of the learner's programs."""
    iam = session.client("iam")
    arn = iam.create_user(UserName=user)["User"]["Arn"]
    documents = generated(session.account, session.region, arn, cfg)
    bucket = buckets.bucket_name(cfg.project.name, session.account, session.region, arn)
    make_roles(session, cfg, bucket, documents["execution_role"])
    for number, part in enumerate(policies.split(documents["learner"]), 1):
        name, text = f"{POLICY}-{number}", json.dumps(part)
        made = iam.create_policy(PolicyName=name, PolicyDocument=text, Tags=cfg.project.tag_list())
        iam.attach_user_policy(UserName=user, PolicyArn=made["Policy"]["Arn"])
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {"AWS_ENDPOINT_URL": session.url, "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def generated(account: str, region: str, learner_arn: str, cfg) -> dict:
    """{"learner", "execution_role", "bedrock_role": policy documents} for this learner's own bucket."""
    name = cfg.project.name
    bucket = buckets.bucket_name(name, account, region, learner_arn)
    return {
        "learner": policies.learner(account, region, bucket, name, cfg.project.tags,
                                    secret=cfg.model.hf_token_secret, bedrock_region=cfg.bedrock.region),
        "execution_role": policies.execution_role(account, region, bucket, name, cfg.model.hf_token_secret),
        "bedrock_role": policies.bedrock_role(account, bucket),
    }


def make_roles(session, cfg, bucket: str, execution: dict) -> None:
    """The SageMaker and the Bedrock role for one bucket, trusted for this account only."""
    iam, account = session.client("iam"), session.account
    roles.ensure_role(iam, tags=cfg.project.tag_list(), policy=execution, account=account)
    labels = cfg.project.labels()
    bedrock_role.ensure_role(iam, account, cfg.bedrock.region, bucket, tags=labels, imports=True)


def enforce(url: str, on: bool) -> None:
    """Have the local AWS judge every call by the caller's policies, or not."""
    body = json.dumps({"enforce": on}).encode()
    asked = urllib.request.Request(f"{url}/_pocketaws/iam", body, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(asked, timeout=30):
        pass
