"""What a learner may do: every call of the lessons, on what carries the course's name, and no more.

A learner makes no roles, no users and no policies: the set-up does (the instructor, or CloudFormation).
"""

from tuneaws.policies.grants import Grant

LEARNER = (
    # a bucket of one's own
    Grant("s3:CreateBucket", ("bucket",)),
    Grant("s3:ListBucket", ("bucket",)),
    Grant("s3:GetBucketTagging", ("bucket",)),
    Grant("s3:PutBucketTagging", ("bucket",)),
    Grant("s3:PutBucketPublicAccessBlock", ("bucket",)),
    Grant("s3:PutEncryptionConfiguration", ("bucket",)),
    Grant("s3:GetObject", ("objects",)),
    Grant("s3:PutObject", ("objects",)),
    Grant("s3:DeleteObject", ("objects",)),
    # training
    Grant("sagemaker:CreateTrainingJob", ("training-jobs",)),
    Grant("sagemaker:DescribeTrainingJob", ("training-jobs",)),
    Grant("sagemaker:StopTrainingJob", ("training-jobs",)),
    Grant("sagemaker:AddTags", ("training-jobs",)),
    Grant("sagemaker:ListTrainingJobs"),
    Grant("iam:PassRole", ("execution-role",), "passed-to-sagemaker"),
    Grant("bedrock:ListFoundationModels"),
)
