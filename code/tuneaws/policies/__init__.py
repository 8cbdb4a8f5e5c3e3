"""Least privilege: the policies of the course as pure functions, each from a table with its reasons.

    policies.learner(account, region, bucket)          what a learner may do
    policies.execution_role(account, region, bucket)   what a SageMaker job or endpoint may do
    policies.bedrock_role(account, bucket)             what a customization job may do
    policies.instructor(account, region)               set up, watch, clean up
    policies.studio(account, region)                   and in SageMaker Studio beside that
    policies.trust("sagemaker", account, region)       who may take a role on
    policies.deny_expensive("ml.p5.*", …)              an SCP: machines that nobody needs here
    policies.actions(["04", "05"])                     the actions that these lessons call
    policies.split(document)                           documents that each fit into one managed policy
"""

from tuneaws.policies import lessons as _lessons
from tuneaws.policies.documents import (
    bedrock_role,
    deny_expensive,
    execution_role,
    instructor,
    learner,
    studio,
    trust,
)
from tuneaws.policies.grants import split
from tuneaws.policies.learning import LEARNER

__all__ = ["actions", "bedrock_role", "deny_expensive", "execution_role", "instructor", "learner", "split",
           "studio", "trust"]


def actions(lessons=None) -> list:
    """The IAM actions that a learner needs for some lessons, sorted.

    lessons   numbers or names, such as ["04", "05_watch_and_plot"]; None: all
    """
    asked = None if lessons is None else {str(name)[:2] for name in lessons}
    table = _lessons.table()
    if asked is None or not table:
        return sorted({grant.action for grant in LEARNER})
    called = {action for action, numbers in table.items() if asked & set(numbers)}
    return sorted({grant.action for grant in LEARNER if grant.action in called})
