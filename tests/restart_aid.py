"""One of everything in a local AWS, made through boto3, and all that can be asked of it again.

Save for what a customization makes: test_pocketaws_restart_rules.py has those.

with Process(home, "--port", "0") as process:
    world = World(process.url())
    world.fill()                       # ends when everything is complete, InService
    before = world.described()         # {(operation, of what): the whole answer}
"""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from bedrock_api import NOVA, trust
from engine_aid import tarball
from hosting_aid import IMAGE, INSTANCE_TYPE, tiny_archive
from local_server import TRUST, client, until
from pocketaws.hub_cache import SHIPPED

TRAINING_IMAGE = IMAGE.replace("inference", "training")
BUCKET = "learner"
TAGS = [{"Key": "course", "Value": "tuneaws"}]
MOMENT = datetime(2026, 11, 22, 8, 30, 0, 123456, tzinfo=timezone.utc)
QUICK = """
import os, pathlib
for step in range(3):
    print(f"step={step} loss={1 / (step + 3)!r}", flush=True)
pathlib.Path(os.environ["SM_MODEL_DIR"], "weights").write_text("w")
"""
FOREVER = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(os.environ["SM_MODEL_DIR"]).parent.joinpath("checkpoints", "one").write_text("c")
print("loss=0.5 pid", os.getpid(), flush=True)
time.sleep(600)
"""
# Answers with the name of its model. It takes its time while a file is there: to load, and to answer
# {"while": its path}.
ANSWERS = """
import os, pathlib, time

def model_fn(model_dir):
    while pathlib.Path(os.environ.get("LOAD_WHILE", "/nowhere")).exists():
        time.sleep(0.01)
    return os.environ.get("MODEL_NAME", "")

def predict_fn(data, model):
    while pathlib.Path(data.get("while", "/nowhere")).exists():
        time.sleep(0.01)
    return {"answered": model}
"""
# (service, List operation, member of its answer, name of each, Describe operation, its argument)
SAGEMAKER = (
    ("list_training_jobs", "TrainingJobSummaries", "TrainingJobName", "describe_training_job", ""),
    ("list_models", "Models", "ModelName", "describe_model", ""),
    ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", "describe_endpoint_config", ""),
    ("list_endpoints", "Endpoints", "EndpointName", "describe_endpoint", ""),
    ("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName",
     "describe_model_package_group", ""),
    ("list_experiments", "ExperimentSummaries", "ExperimentName", "describe_experiment", ""),
    ("list_trials", "TrialSummaries", "TrialName", "describe_trial", ""),
    ("list_trial_components", "TrialComponentSummaries", "TrialComponentName", "describe_trial_component",
     ""),
    ("list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries", "HyperParameterTuningJobName",
     "describe_hyper_parameter_tuning_job", ""),
)  # fmt: skip
BEDROCK = (
    ("list_model_import_jobs", "modelImportJobSummaries", "jobArn", "get_model_import_job", "jobIdentifier"),
    ("list_imported_models", "modelSummaries", "modelArn", "get_imported_model", "modelIdentifier"),
    ("list_inference_profiles", "inferenceProfileSummaries", "inferenceProfileArn", "get_inference_profile",
     "inferenceProfileIdentifier"),
)  # fmt: skip


def without_metadata(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


class World:
    """The resources of one local AWS. Names that begin with "cut-" are those that are running at its end."""

    def __init__(self, url: str, gate: Path):
        """gate: a file; while it is there, what asks for it waits."""
        self.url, self.gate = url, gate
        self.sm, self.bedrock = client(url, "sagemaker"), client(url, "bedrock")
        self.s3, self.logs = client(url, "s3"), client(url, "logs")
        self.runtime = client(url, "sagemaker-runtime")
        self.metrics = client(url, "sagemaker-metrics")

    # --- make

    @cached_property
    def roles(self) -> dict:
        iam = client(self.url, "iam")
        documents = {"sagemaker": TRUST, "bedrock": trust()}
        return {
            name: iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
            for name, document in documents.items()
        }

    def fill(self) -> None:
        """Make one of everything and wait until all of it is done."""
        self.s3.create_bucket(Bucket=BUCKET)
        for name, body in {
            "quick.tar.gz": tarball({"train.py": QUICK}),
            "forever.tar.gz": tarball({"train.py": FOREVER}),
            "model.tar.gz": tiny_archive(ANSWERS),
            "rows.jsonl": "\n".join(json.dumps(row(number)) for number in range(10_000)).encode(),
        }.items():
            self.s3.put_object(Bucket=BUCKET, Key=name, Body=body)
        self.sm.create_experiment(ExperimentName="experiment", Tags=TAGS)
        self.sm.create_trial(TrialName="trial", ExperimentName="experiment")
        assert self.roles
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(part) for part in (self.train, self.host, self.register)]:
                done.result()

    def train(self) -> None:
        """A job with metrics and a warm pool, another that takes the pool over, a tuning job, a component."""
        warm = {"KeepAlivePeriodInSeconds": 600}
        self.start("quick", machine=warm, ExperimentConfig={"ExperimentName": "experiment",
                                                            "TrialName": "trial"})  # fmt: skip
        self.ended("quick")
        self.start("again", machine=warm)
        self.tuning_job("tuning", "quick")
        self.ended("again")
        self.sm.create_trial_component(
            TrialComponentName="step", StartTime=MOMENT, Tags=TAGS,
            Parameters={"lr": {"NumberValue": 2e-4}, "gone": {"StringValue": "x"}},
        )  # fmt: skip
        self.sm.update_trial_component(TrialComponentName="step", ParametersToRemove=["gone"])
        self.sm.associate_trial_component(TrialComponentName="step", TrialName="trial")
        values = [{"MetricName": "loss", "Timestamp": MOMENT, "Step": n, "Value": 1 / (n + 3)}
                  for n in range(4)]  # fmt: skip
        for value in values:
            self.metrics.batch_put_metrics(TrialComponentName="step", MetricData=[value])
        describe = self.sm.describe_hyper_parameter_tuning_job
        wanted = {"HyperParameterTuningJobName": "tuning"}
        until(lambda: describe(**wanted)["HyperParameterTuningJobStatus"] == "Completed", 60)

    def start(self, name: str, source: str = "quick", machine: dict | None = None, **more) -> str:
        """Create a training job; its name."""
        self.sm.create_training_job(TrainingJobName=name, **self.training(source, machine), **more)
        return name

    def training(self, source: str, machine: dict | None = None) -> dict:
        """What a training job and a tuning job's definition have in common."""
        return {
            "AlgorithmSpecification": {
                "TrainingImage": TRAINING_IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "train:loss", "Regex": "loss=([0-9.]+)"}],
            },
            "RoleArn": self.roles["sagemaker"],
            "HyperParameters": {
                "sagemaker_program": '"train.py"',
                "sagemaker_submit_directory": f'"s3://{BUCKET}/{source}.tar.gz"',
                "$odd": "a name that the store's own JSON uses too",
            },
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {"InstanceType": INSTANCE_TYPE, "InstanceCount": 1, "VolumeSizeInGB": 10,
                               **(machine or {})},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "Tags": TAGS,
        }  # fmt: skip

    def tuning_job(self, name: str, source: str) -> None:
        """Create a tuning job of one training job."""
        definition = self.training(source, {"VolumeSizeInGB": 11})
        tags, hyperparameters = definition.pop("Tags"), definition.pop("HyperParameters")
        ranges = [{"Name": "rate", "MinValue": "0.1", "MaxValue": "0.2"}]
        self.sm.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name, Tags=tags,
            HyperParameterTuningJobConfig={
                "Strategy": "Random", "RandomSeed": 7,
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "train:loss"},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
                "ParameterRanges": {"ContinuousParameterRanges": ranges},
            },
            TrainingJobDefinition={**definition, "StaticHyperParameters": hyperparameters},
        )  # fmt: skip

    def ended(self, name: str) -> dict:
        """The description of a training job that has ended."""
        describe = self.sm.describe_training_job
        running = ("InProgress", "Stopping")
        until(lambda: describe(TrainingJobName=name)["TrainingJobStatus"] not in running, 60)
        return describe(TrainingJobName=name)

    def host(self) -> None:
        """A real-time endpoint whose weights were shifted, and an asynchronous one."""
        for name, environment in {"one": {}, "two": {}, "cut-slow": {"LOAD_WHILE": str(self.gate)}}.items():
            self.sm.create_model(
                ModelName=name, ExecutionRoleArn=self.roles["sagemaker"], Tags=TAGS,
                PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz",
                                  "Environment": {"MODEL_NAME": name, **environment}},
            )  # fmt: skip
        self.endpoint("now", ["one", "two"])
        later = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/answers",
                                  "S3FailurePath": f"s3://{BUCKET}/failures"}}  # fmt: skip
        self.endpoint("later", ["one"], AsyncInferenceConfig=later)
        self.endpoint("cut-updated", ["one"])
        for name in ("now", "later", "cut-updated"):
            self.in_service(name)
        self.sm.update_endpoint_weights_and_capacities(
            EndpointName="now", DesiredWeightsAndCapacities=[{"VariantName": "two", "DesiredWeight": 0.25}]
        )
        self.in_service("now")

    def endpoint(self, name: str, models: list[str], **config) -> None:
        """Create an endpoint and its configuration, a variant for each model."""
        variants = [{"VariantName": model, "ModelName": model, "InstanceType": INSTANCE_TYPE,
                     "InitialInstanceCount": 1} for model in models]  # fmt: skip
        self.sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, **config)
        self.sm.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=TAGS)

    def in_service(self, name: str) -> dict:
        """The description of an endpoint once it is InService."""
        describe = self.sm.describe_endpoint
        until(lambda: describe(EndpointName=name)["EndpointStatus"] == "InService", 60)
        return describe(EndpointName=name)

    def register(self) -> None:
        """A group with an approved version and a deleted one; an import; an inference profile."""
        self.sm.create_model_package_group(ModelPackageGroupName="group", Tags=TAGS)
        for _ in range(2):
            self.version = self.sm.create_model_package(**self.package())["ModelPackageArn"]
        doomed = self.sm.create_model_package(**{**self.package(), "ClientToken": "other"})["ModelPackageArn"]
        self.sm.delete_model_package(ModelPackageName=doomed)
        self.sm.update_model_package(ModelPackageArn=self.version, ModelApprovalStatus="Approved",
                                     CustomerMetadataProperties={"rouge1": "43.2"})  # fmt: skip
        for path in (SHIPPED / "chat-1m").iterdir():
            self.s3.upload_file(str(path), BUCKET, f"merged/{path.name}")
        self.importing("import")
        self.bedrock.create_inference_profile(
            inferenceProfileName="profile", modelSource={"copyFrom": self.base_arn()}, description="mine"
        )

    def package(self) -> dict:
        """A CreateModelPackage; the same again gives the same version, by its token."""
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
        kinds = {"SupportedContentTypes": ["application/json"],
                 "SupportedResponseMIMETypes": ["application/json"]}  # fmt: skip
        return {"ModelPackageGroupName": "group", "ClientToken": "token",
                "InferenceSpecification": {"Containers": [container], **kinds}}  # fmt: skip

    def base_arn(self) -> str:
        return "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0"

    def importing(self, name: str, wait: bool = True) -> None:
        """Import the model under merged/."""
        source = {"s3DataSource": {"s3Uri": f"s3://{BUCKET}/merged"}}
        job = self.bedrock.create_model_import_job(
            jobName=name, importedModelName=name, roleArn=self.roles["bedrock"], modelDataSource=source
        )["jobArn"]
        get = self.bedrock.get_model_import_job
        if wait:
            until(lambda: get(jobIdentifier=job)["status"] == "Completed", 60)

    def customization(self, name: str) -> str:
        """Start a customization job that takes minutes; its ARN. Asked again: the same, by its token."""
        return self.bedrock.create_model_customization_job(
            jobName=name, customModelName=name, roleArn=self.roles["bedrock"], baseModelIdentifier=NOVA,
            clientRequestToken=f"token-{name}", hyperParameters={"epochCount": "5"},
            jobTags=[{"key": "course", "value": "tuneaws"}],
            trainingDataConfig={"s3Uri": f"s3://{BUCKET}/rows.jsonl"},
            outputDataConfig={"s3Uri": f"s3://{BUCKET}/out"},
        )["jobArn"]  # fmt: skip

    # --- ask

    def described(self) -> dict:
        """{(operation, of what): the whole answer} of everything that was not running at the end."""
        found = {}
        for service, rows in ((self.sm, SAGEMAKER), (self.bedrock, BEDROCK)):
            for listing, member, name, describe, argument in rows:
                more = {"typeEquals": "APPLICATION"} if "profiles" in listing else {}
                summaries = [each for each in getattr(service, listing)(**more)[member] if not _cut(each)]
                found[listing, ""] = summaries
                for each in summaries:
                    answer = getattr(service, describe)(**{argument or name: each[name]})
                    found[describe, each[name]] = without_metadata(answer)
                    found["tags", each[name]] = self._tags(each)
        found["version", ""] = without_metadata(self.sm.describe_model_package(ModelPackageName=self.version))
        found["components", ""] = without_metadata(self.sm.list_trial_components(TrialName="trial"))
        found["launched", ""] = without_metadata(
            self.sm.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuning")
        )
        found["points", ""] = without_metadata(self._points())
        return found

    def _points(self) -> dict:
        arns = [self.sm.describe_training_job(TrainingJobName="quick")["TrainingJobArn"],
                self.sm.describe_trial_component(TrialComponentName="step")["TrialComponentArn"]]  # fmt: skip
        queries = [
            {"MetricName": name, "ResourceArn": arn, "MetricStat": "Last", "Period": "IterationNumber",
             "XAxisType": "IterationNumber"} for name, arn in zip(("train:loss", "loss"), arns, strict=True)
        ]  # fmt: skip
        return self.metrics.batch_get_metrics(MetricQueries=queries)

    def _tags(self, summary: dict):
        arn = next(value for key, value in summary.items() if key.lower().endswith("arn"))
        if ":sagemaker:" in arn:
            return self.sm.list_tags(ResourceArn=arn)["Tags"]
        return self.bedrock.list_tags_for_resource(resourceARN=arn)["tags"]

    def begin(self) -> None:
        """Begin what is to be cut off, and wait until all of it is under way."""
        self.gate.touch()
        other = {"VolumeSizeInGB": 11}  # than that of the warm pool, which stays
        self.start("cut-job", "forever", other, CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints"})
        self.start("cut-stopping", "forever", other)
        self.tuning_job("cut-tuning", "forever")
        self.endpoint("cut-created", ["cut-slow"])
        config = self.sm.describe_endpoint_config(EndpointConfigName="cut-created")
        self.sm.create_endpoint_config(EndpointConfigName="cut-slow",
                                       ProductionVariants=config["ProductionVariants"])  # fmt: skip
        self.sm.update_endpoint(EndpointName="cut-updated", EndpointConfigName="cut-slow")
        self.answers = [self._ask_later(name) for name in ("first", "second")]
        self.customization("cut-tuned")
        for name in ("cut-job", "cut-stopping"):
            until(lambda name=name: self.printed(name), 60)
        until(lambda: self.read(f"s3://{BUCKET}/checkpoints/one"), 60)
        self.sm.stop_training_job(TrainingJobName="cut-stopping")

    def _ask_later(self, name: str) -> str:
        """Send an asynchronous request that is answered once the gate is gone; where the answer goes."""
        body = json.dumps({"while": str(self.gate)})
        asked = self.runtime.invoke_endpoint_async(
            EndpointName="later", Body=body, ContentType="application/json", InferenceId=name
        )
        return asked["OutputLocation"]

    def printed(self, job: str) -> list[str]:
        """The lines of a job's log; none while there is no log."""
        group, prefix = "/aws/sagemaker/TrainingJobs", f"{job}/"
        try:
            found = self.logs.filter_log_events(logGroupName=group, logStreamNamePrefix=prefix)
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in found["events"]]

    def read(self, uri: str) -> bytes | None:
        """What an object has, None while there is none."""
        key = uri.removeprefix(f"s3://{BUCKET}/")
        if "Contents" not in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=key):
            return None
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def row(number: int) -> dict:
    """A record of Nova's conversation schema."""
    turns = (("user", f"How many are {number}?"), ("assistant", "As many."))
    return {"schemaVersion": "bedrock-conversation-2024",
            "messages": [{"role": role, "content": [{"text": text}]} for role, text in turns]}  # fmt: skip


def _cut(summary: dict) -> bool:
    """Whether this is of something that was running at the end: its name, or its trial, begins with cut-."""
    return any(isinstance(value, str) and "cut-" in value for value in summary.values())
