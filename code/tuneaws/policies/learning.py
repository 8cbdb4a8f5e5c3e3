"""What a learner may do: every call of the lessons, on what carries the course's name, and no more.

A learner makes no roles, no users and no policies: the set-up does (the instructor, or CloudFormation). Nor
may a learner buy Bedrock throughput by the hour, or have an endpoint scale itself: no lesson does. Each
action is here because a recorded lesson called it (lessons.json), or for the reason beside it.
"""

from tuneaws.policies.grants import Grant, because, on

AWS_ONLY = "no lesson in local reaches it: "
DOCTOR = "make doctor: "
CLEAN = "make clean: "
MONEY = "prices and bills: "

BUCKET = on("bucket", """
    s3:CreateBucket s3:ListBucket s3:ListBucketVersions s3:GetBucketTagging s3:PutBucketTagging
    s3:GetBucketPublicAccessBlock s3:PutBucketPublicAccessBlock s3:GetEncryptionConfiguration
    s3:PutEncryptionConfiguration
""") + (
    Grant("s3:GetBucketLocation", ("bucket",), why=CLEAN + "which region a bucket is in"),
    Grant("s3:ListAllMyBuckets", why=CLEAN + "looks for buckets with the course's tag"),
    Grant("s3:ListBucketMultipartUploads", ("bucket",), why=CLEAN + "unfinished uploads bill too"),
    Grant("s3:DeleteBucket", ("bucket",), why=CLEAN + "with --buckets"),
)
OBJECTS = on("objects", "s3:GetObject s3:PutObject s3:DeleteObject") + (
    Grant("s3:AbortMultipartUpload", ("objects",), why=AWS_ONLY + "boto3 ends an upload so that failed"),
    Grant("s3:DeleteObjectVersion", ("objects",), why=CLEAN + "a bucket with versions is emptied"),
)
TRAINING = on("training-jobs", """
    sagemaker:CreateTrainingJob
""", "our-machines") + on("training-jobs", """
    sagemaker:DescribeTrainingJob sagemaker:StopTrainingJob
""") + (
    Grant("sagemaker:UpdateTrainingJob", ("training-jobs",), why=CLEAN + "ends a warm pool"),
) + on("tuning-jobs", "sagemaker:CreateHyperParameterTuningJob", "our-machines") + on("tuning-jobs", """
    sagemaker:DescribeHyperParameterTuningJob sagemaker:ListTrainingJobsForHyperParameterTuningJob
""") + (
    Grant("sagemaker:StopHyperParameterTuningJob", ("tuning-jobs",), why=CLEAN + "one that still runs"),
)
EXPERIMENTS = on("experiments", """
    sagemaker:DescribeTrialComponent sagemaker:UpdateTrialComponent
""") + because(CLEAN + "what a tuning job leaves of runs", "experiments", """
    sagemaker:DisassociateTrialComponent sagemaker:DeleteTrialComponent sagemaker:DeleteTrial
    sagemaker:DeleteExperiment
""") + because(CLEAN + "the same, listed", "*", """
    sagemaker:ListExperiments sagemaker:ListTrials sagemaker:ListTrialComponents
""")
TRACKING = because(AWS_ONLY + "lesson 09 with managed MLflow", "mlflow", """
    sagemaker:CreateMlflowApp sagemaker:DescribeMlflowApp sagemaker:DeleteMlflowApp
    sagemaker:CreatePresignedMlflowAppUrl sagemaker:CallMlflowAppApi
""") + because(AWS_ONLY + "the same on a server of your own", "mlflow-servers", """
    sagemaker:CreateMlflowTrackingServer sagemaker:DescribeMlflowTrackingServer
    sagemaker:DeleteMlflowTrackingServer sagemaker:CreatePresignedMlflowTrackingServerUrl
""") + because(AWS_ONLY + "lesson 09 with managed MLflow", "*", """
    sagemaker:ListMlflowApps sagemaker:ListMlflowTrackingServers
""")
REGISTRY = on("registry", """
    sagemaker:CreateModelPackageGroup sagemaker:DescribeModelPackageGroup sagemaker:CreateModelPackage
    sagemaker:DescribeModelPackage sagemaker:UpdateModelPackage sagemaker:ListModelPackages
""") + because(CLEAN + "versions, then their group", "registry", """
    sagemaker:DeleteModelPackage sagemaker:DeleteModelPackageGroup
""") + because(CLEAN + "versions, then their group", "*", "sagemaker:ListModelPackageGroups")
HOSTING = on("hosting", "sagemaker:CreateEndpointConfig", "our-machines") + on("hosting", """
    sagemaker:CreateModel sagemaker:DescribeModel sagemaker:DeleteModel sagemaker:DescribeEndpointConfig
    sagemaker:DeleteEndpointConfig sagemaker:CreateEndpoint sagemaker:DescribeEndpoint
    sagemaker:UpdateEndpoint sagemaker:UpdateEndpointWeightsAndCapacities sagemaker:DeleteEndpoint
    sagemaker:InvokeEndpoint sagemaker:InvokeEndpointWithResponseStream
""")
# What is the course's is found by its tags, among all that is listed: those of others are read, too.
TAGS = (Grant("sagemaker:AddTags", ("sagemaker", "mlflow")), Grant("sagemaker:ListTags", ("sagemaker-all",)))
LISTS = on("*", """
    sagemaker:ListTrainingJobs sagemaker:ListHyperParameterTuningJobs sagemaker:ListModels
    sagemaker:ListEndpointConfigs sagemaker:ListEndpoints sagemaker:ListNotebookInstances
    cloudwatch:GetMetricStatistics
""")
LOGS = on("logs", "logs:DescribeLogStreams logs:GetLogEvents") + because(
    CLEAN + "with --logs", "own-logs", "logs:DeleteLogStream logs:DeleteLogGroup") + because(
    CLEAN + "with --logs", "*", "logs:DescribeLogGroups")
PASS = (
    Grant("iam:PassRole", ("execution-role",), "to-sagemaker"),
    Grant("iam:PassRole", ("bedrock-role",), "to-bedrock"),
) + on("roles", "iam:GetRole") + because(
    "whoever may not look would try to write what the role's policy says already", "roles", """
    iam:GetRolePolicy
""")
BEDROCK = on("bedrock-bases", "bedrock:GetFoundationModel") + on("bedrock-all", """
    bedrock:CreateModelCustomizationJob bedrock:InvokeModel bedrock:InvokeModelWithResponseStream
""") + on("bedrock-own", """
    bedrock:GetModelCustomizationJob bedrock:GetCustomModel bedrock:GetCustomModelDeployment
    bedrock:GetModelImportJob bedrock:GetImportedModel bedrock:CreateCustomModelDeployment
    bedrock:ListTagsForResource bedrock:TagResource
""") + because(CLEAN + "throughput by the hour that somebody bought", "bedrock-own", """
    bedrock:GetProvisionedModelThroughput
""") + on("bedrock-own", """
    bedrock:DeleteCustomModelDeployment bedrock:DeleteCustomModel bedrock:DeleteImportedModel
""", "of-the-course") + because(CLEAN + "what runs or bills by the hour", "bedrock-own", """
    bedrock:StopModelCustomizationJob bedrock:DeleteProvisionedModelThroughput
""", "of-the-course") + because(AWS_ONLY + "deploy() of another model under the same name", "bedrock-own", """
    bedrock:UpdateCustomModelDeployment
""", "of-the-course") + because(CLEAN + "an import that runs", "*", """
    bedrock:ListModelImportJobs
""") + on("*", """
    bedrock:CreateModelImportJob bedrock:ListFoundationModels bedrock:ListModelCustomizationJobs
    bedrock:ListCustomModels bedrock:ListCustomModelDeployments
    bedrock:ListImportedModels bedrock:ListProvisionedModelThroughputs
""")
CHECKS = because(DOCTOR + "what you and the roles may do", "who-is-asked", """
    iam:SimulatePrincipalPolicy
""") + because(DOCTOR + "quotas, models, bills", "*", """
    servicequotas:ListServiceQuotas servicequotas:ListAWSDefaultServiceQuotas
    bedrock:GetFoundationModelAvailability
""") + because(DOCTOR + "the image exists", "images", "ecr:DescribeImages") + because(
    MONEY + "the list price of a step, and whose things bill", "*", """
    pricing:GetProducts sagemaker:Search
""") + because(
    MONEY + "your budget, with an alert", "budget", """
    budgets:ViewBudget budgets:ModifyBudget budgets:TagResource budgets:ListTagsForResource
""")
SECRET = because("the token of a gated model: secrets.keep_token()", "secret", """
    secretsmanager:CreateSecret secretsmanager:PutSecretValue secretsmanager:DescribeSecret
    secretsmanager:TagResource secretsmanager:DeleteSecret
""") + because(CLEAN + "looks for secrets with the course's tag", "*", "secretsmanager:ListSecrets")

LEARNER = (*BUCKET, *OBJECTS, *TRAINING, *EXPERIMENTS, *TRACKING, *REGISTRY, *HOSTING, *TAGS, *LISTS, *LOGS,
           *PASS, *BEDROCK, *CHECKS, *SECRET)
