"""What a job, an endpoint and a customization may do under their roles.

SageMaker's part is the "CreateTrainingJob API" and "CreateModel API" execution role permissions of
https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html, cut to one bucket (2026-11).
"""

from tuneaws.policies.grants import Grant, on

IMAGE = "a machine on AWS pulls its image from Amazon ECR; in local there are no containers"

EXECUTION = on("bucket", "s3:ListBucket") + on("objects", "s3:GetObject s3:PutObject") + on("logs", """
    logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents
""") + (
    Grant("logs:DescribeLogStreams", ("logs",),
          why="AWS's page asks for it, for the agent that writes the log; the local one knows its stream"),
    Grant("cloudwatch:PutMetricData", when="job-metrics"),
    Grant("ecr:GetAuthorizationToken", why=IMAGE),
    Grant("ecr:BatchCheckLayerAvailability", ("images",), why=IMAGE),
    Grant("ecr:GetDownloadUrlForLayer", ("images",), why=IMAGE),
    Grant("ecr:BatchGetImage", ("images",), why=IMAGE),
    Grant("secretsmanager:GetSecretValue", ("secret",),
          why="a gated model's token, where config.yaml names a secret; the local model is not gated"),
)
