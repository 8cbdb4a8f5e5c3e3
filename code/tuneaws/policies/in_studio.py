"""What a learner needs beside the lessons to work in SageMaker Studio: a private JupyterLab space.

"Give your users access to spaces", https://docs.aws.amazon.com/sagemaker/latest/dg/
studio-updated-jl-admin-guide-permissions.html (2026-11), less its shared spaces. Studio tags what it makes,
so AddTags belongs to it. There is no Studio in local. This and the learner's policies go to the execution
role of the user profile. That role may not pass itself: sagemaker.role_arn in config.yaml names the one that
jobs run as.
"""

from tuneaws.policies.grants import because

WHY = "in SageMaker Studio only: "
STUDIO = because(WHY + "open it", "own-profile", "sagemaker:CreatePresignedDomainUrl") + because(
    WHY + "its lists", "*", """
    sagemaker:ListApps sagemaker:ListDomains sagemaker:ListUserProfiles sagemaker:ListSpaces
""") + because(WHY + "its pages", "studio", """
    sagemaker:DescribeApp sagemaker:DescribeDomain sagemaker:DescribeUserProfile sagemaker:DescribeSpace
""") + because(WHY + "one's own space", "spaces", """
    sagemaker:CreateSpace sagemaker:UpdateSpace sagemaker:DeleteSpace
""", "own-space") + because(WHY + "start and stop JupyterLab, which bills", "apps", """
    sagemaker:CreateApp sagemaker:DeleteApp
""", "own-small-space") + because(
    WHY + "it tags what it makes", "made-in-studio", "sagemaker:AddTags", "tagging")
MACHINES = ("ml.t3.*", "ml.c5.*", "ml.m5.*", "ml.g4dn.xlarge", "ml.g5.xlarge", "system")


def places(account: str, region: str) -> dict:
    """{place: ARNs} of Studio."""
    start = f"arn:aws:sagemaker:{region}:{account}:"
    kinds = ("app", "domain", "user-profile", "space")
    return {
        "own-profile": [f"{start}user-profile/${{sagemaker:DomainId}}/${{sagemaker:UserProfileName}}"],
        "studio": [f"{start}{kind}/*" for kind in kinds], "spaces": [f"{start}space/*"],
        "apps": [f"{start}app/*"], "made-in-studio": [f"{start}app/*", f"{start}space/*"],
    }  # fmt: skip


def conditions(account: str, region: str) -> dict:
    """{condition: Condition block} of Studio."""
    (profile,) = places(account, region)["own-profile"]
    own = {"ArnLike": {"sagemaker:OwnerUserProfileArn": profile},
           "StringEquals": {"sagemaker:SpaceSharingType": "Private"}}
    small = {"ForAllValues:StringLike": {"sagemaker:InstanceTypes": list(MACHINES)}}
    return {"own-space": own, "own-small-space": {**own, **small},
            "tagging": {"Null": {"sagemaker:TaggingAction": "false"}}}
