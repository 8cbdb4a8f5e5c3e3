"""Provocations that a call refuses at once: S3, IAM, CreateTrainingJob, botocore itself."""

from provoking import ACCOUNT, IMAGE, PROVOKED, boto_session, new_name, provokes, trust

NOBODY = f"arn:aws:iam::{ACCOUNT}:role/nobody"


def refused(row: str, **changes):
    """A row that a CreateTrainingJob with these changes provokes."""
    PROVOKED[row] = lambda world: world.train(**{
        name: value(world) if callable(value) else value for name, value in changes.items()})  # fmt: skip


def machine(**changes) -> dict:
    return {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5, **changes}


def algorithm(**changes) -> dict:
    return {"TrainingImage": IMAGE, "TrainingInputMode": "File", **changes}


def metrics(*expressions: str) -> dict:
    rows = [{"Name": f"m{number}", "Regex": text} for number, text in enumerate(expressions)]
    return algorithm(MetricDefinitions=rows)


# --- CreateTrainingJob

refused("role-trust", RoleArn=NOBODY)
refused("cross-account-role", RoleArn="arn:aws:iam::111111111111:role/theirs")
refused("unknown-machine", ResourceConfig=machine(InstanceType="ml.g5.gigantic"))
refused("job-name", TrainingJobName="my_job")
refused("hyperparameter-too-long", HyperParameters={"prompt": "x" * 2501})
refused("hyperparameter-count", HyperParameters={f"p{number}": "1" for number in range(101)})
refused("hyperparameter-type", HyperParameters={"epochs": 3})
refused("metric-too-long", AlgorithmSpecification=metrics(f"loss=({'[0-9]' * 120})"))
refused("metric-count", AlgorithmSpecification=metrics(*["loss=([0-9.]+)"] * 41))
refused("metric-regex", AlgorithmSpecification=metrics("loss=[0-9.]+"))
refused("data-bucket-missing", InputDataConfig=lambda world: [world.data("s3://fixes-nowhere/data")])
refused("data-elsewhere", InputDataConfig=lambda world: [world.data(f"s3://{world.abroad}/data")])
refused("no-data", InputDataConfig=lambda world: [world.data(f"s3://{world.bucket}/dada")])
refused("output-bucket", OutputDataConfig={"S3OutputPath": "s3://fixes-nowhere/out"})
refused("no-s3-uri", OutputDataConfig={"S3OutputPath": "/data/out"})
refused("image", AlgorithmSpecification=algorithm(TrainingImage="my image"))
refused("channel-twice", InputDataConfig=lambda world: 2 * [world.data(f"s3://{world.bucket}/data")])
refused("spot-wait", EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 60})  # fmt: skip
refused("wait-without-spot", StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60})
refused("spot-warm-pool", ResourceConfig=machine(KeepAlivePeriodInSeconds=60), EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60})  # fmt: skip
refused("too-long-a-run", StoppingCondition={"MaxRuntimeInSeconds": 29 * 86_400})
refused("tag", Tags=[{"Key": "aws:course", "Value": "x"}])
refused("member-missing", RoleArn=None)
refused("member-unknown", InstanceType="ml.m5.large")
refused("parameter", StoppingCondition={"MaxRuntimeInSeconds": "an hour"})
refused("validation", OutputDataConfig={"S3OutputPath": "s3://fixes-here/out", "KmsKeyId": "x" * 3000})
refused("not-in-local", EnableNetworkIsolation=True)


@provokes("job-name-taken")
def _(world):
    world.train(TrainingJobName=world.begun("script-failed"))


@provokes("no-such-job")
def _(world):
    world.sm.describe_training_job(TrainingJobName="never-was")


@provokes("job-over")
def _(world):
    name = world.begun("script-failed")
    world.ended(name)
    world.sm.stop_training_job(TrainingJobName=name)


# --- quotas, permissions: what the second local AWS is told to refuse


@provokes("quota-training")
def _(world):
    with world.strict.rehearsing("quotas.json", {"ml.m5.large for training job usage": 0}):
        world.strict.train()


@provokes("quota-spot")
def _(world):
    with world.strict.rehearsing("quotas.json", {"ml.m5.large for spot training job usage": 0}):
        limits = {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}
        world.strict.train(EnableManagedSpotTraining=True, StoppingCondition=limits)


@provokes("machine-not-here")
def _(world):
    with world.strict.rehearsing("capacity.json", {"ml.m5.large": None}):
        world.strict.train()


@provokes("may-not")
def _(world):
    with world.strict.rehearsing("denied.json", ["sagemaker:CreateTrainingJob"]):
        world.strict.train()


@provokes("pass-role")
def _(world):
    with world.strict.rehearsing("denied.json", ["iam:PassRole"]):
        world.strict.train()


@provokes("rehearsal-file")
def _(world):
    with world.strict.rehearsing("capacity.json", ["ml.m5.large"]):
        world.strict.once("sagemaker").create_training_job(**world.strict.request())


# --- IAM


@provokes("no-such-role")
def _(world):
    world.iam.get_role(RoleName="nobody")


@provokes("role-is-there")
def _(world):
    trusted = trust("sagemaker.amazonaws.com")
    world.iam.create_role(RoleName="fixes-sagemaker", AssumeRolePolicyDocument=trusted)


@provokes("bad-policy")
def _(world):
    world.iam.put_role_policy(RoleName="fixes-sagemaker", PolicyName="more", PolicyDocument="let it read S3")


# --- S3


@provokes("uri-as-bucket")
def _(world):
    world.s3.get_object(Bucket=f"s3://{world.bucket}", Key="data/rows.jsonl")


@provokes("bucket-name")
def _(world):
    world.s3.create_bucket(Bucket="My Bucket")


@provokes("no-such-bucket")
def _(world):
    world.s3.put_object(Bucket="fixes-nowhere", Key="a", Body=b"")


@provokes("bucket-taken")
def _(world):
    """An account of its own: moto takes whoever assumed a role of an account for one of that account."""
    role = "arn:aws:iam::111111111111:role/theirs"
    found = world.client("sts").assume_role(RoleArn=role, RoleSessionName="them")["Credentials"]
    keys = found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]
    theirs = boto_session(*keys, region_name="us-east-1").client("s3", endpoint_url=world.url)
    name = new_name("fixes-theirs")
    theirs.create_bucket(Bucket=name)
    world.s3.create_bucket(Bucket=name)


@provokes("bucket-is-yours")
def _(world):
    where = {"LocationConstraint": "eu-west-1"}
    world.client("s3", "eu-west-1").create_bucket(Bucket=world.abroad, CreateBucketConfiguration=where)


@provokes("bucket-region-to-make")
def _(world):
    world.client("s3", "eu-west-1").create_bucket(Bucket=new_name("fixes-bucket"))


@provokes("bucket-not-empty")
def _(world):
    world.s3.delete_bucket(Bucket=world.bucket)


@provokes("no-such-key")
def _(world):
    world.s3.get_object(Bucket=world.bucket, Key="Data/rows.jsonl")


@provokes("head-404")
def _(world):
    world.s3.download_file(world.bucket, "Data/rows.jsonl", str(world.home / "never-written"))
