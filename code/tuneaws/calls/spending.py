"""Who spends, and on what: the part of tuneaws.calls that knows about money.

    install(boto, facts)      # done by every Session
"""

from tuneaws import learner


def install(boto, facts) -> None:
    """Remember who calls, so that what is made carries the tag `learner`.

    boto   a boto3.Session without clients yet      facts  tuneaws.calls.Facts
    """
    learner.remember(facts.caller_arn)
