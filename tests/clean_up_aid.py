"""One thing of every kind that the clean-up knows, in a gateway whose engines are done at once."""

import contextlib
import itertools
import json

import boto3
from bedrock_api import BedrockApi, FakeTuning, trust
from hosting_api import container, variant, version_request
from local_server import FakeEngine, FakeHosting, until
from test_pocketaws_tuning import request_for as tuning_request
from training_api import IMAGE, channel
from tuneaws import session

ALLOW = json.dumps({"Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


def pairs(tags: dict) -> list:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def lower(tags: dict) -> list:
    return [{"key": key, "value": value} for key, value in tags.items()]


class AtOnce(FakeHosting):
    """Endpoints are up and gone as soon as they are asked to be."""

    def create(self, endpoint, spec):
        super().create(endpoint, spec)
        self.settle()

    def delete(self, endpoint, forget):
        super().delete(endpoint, forget)
        self.settle()


class StopsAtOnce(FakeEngine):
    """Training jobs have stopped as soon as they are asked to."""

    def stop(self, job):
        super().stop(job)
        job.move("Stopped", "Training job stopped", status="Stopped")


class TunesAtOnce(FakeTuning):
    """Customization jobs have stopped as soon as they are asked to."""

    def stop(self, job):
        super().stop(job)
        job.stopped()


class Everything(BedrockApi):
    """The local AWS of these tests, with two regions: make() puts a thing of every kind into one of them."""

    BUCKETS = {"us-east-1": "learner", "eu-west-1": "abroad"}

    def __init__(self, home):
        self._clients, self._sizes = {}, itertools.count(11)
        super().__init__(home)
        self.engine = self.state._engine = StopsAtOnce()
        self.hosting = self.state._hosting = AtOnce()
        self.tuning = self.state._tuning = TunesAtOnce()
        self.sagemaker_role = self.client("iam").create_role(
            RoleName="jobs", AssumeRolePolicyDocument=trust("sagemaker.amazonaws.com"))["Role"]["Arn"]
        for region, bucket in self.BUCKETS.items():
            for key in ("data/a.jsonl", "models/model.tar.gz", "checkpoints/a"):
                self.client("s3", region).put_object(Bucket=bucket, Key=key, Body=b"x")

    def client(self, service, region="us-east-1", **config):
        """A raw client, made once: making one takes longer than most of its calls."""
        if config:
            return super().client(service, region, **config)
        if (service, region) not in self._clients:
            self._clients[service, region] = super().client(service, region)
        return self._clients[service, region]

    def session(self, region: str = "us-east-1", home=None):
        """A tuneaws Session for it. home: of another ledger."""
        return session.Session("local", region, self.state.account, boto3.Session(region_name=region),
                               f"arn:aws:iam::{self.state.account}:root", self.url, home or self.home)

    # Each makes one thing and gives the function that says whether it is there.

    def make(self, kind: str, name: str, tags: dict, region: str = "us-east-1", keys: dict | None = None):
        """Make a thing of a kind, by the kind's name with underscores; keys: of another account."""
        return getattr(self, "make_" + kind.replace(" ", "_").replace("'", "_"))(name, tags, region)

    def _here(self, found: str, region: str):
        """A request's members with the names of this region."""
        text = found.replace("us-east-1", region).replace("learner", self.BUCKETS[region])
        return text

    def _container(self, region):
        found = container()
        return {**found, "Image": self._here(found["Image"], region),
                "ModelDataUrl": self._here(found["ModelDataUrl"], region)}

    def make_training_job(self, name, tags, region, **more):
        self.client("sagemaker", region).create_training_job(
            TrainingJobName=name, RoleArn=self.sagemaker_role, Tags=pairs(tags),
            AlgorithmSpecification={"TrainingImage": self._here(IMAGE, region), "TrainingInputMode": "File"},
            InputDataConfig=[channel("training", f"s3://{self.BUCKETS[region]}/data")],
            OutputDataConfig={"S3OutputPath": f"s3://{self.BUCKETS[region]}/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1,
                            "VolumeSizeInGB": 10, **more},
            StoppingCondition={"MaxRuntimeInSeconds": 600})

    def make_warm_pool(self, name, tags, region):
        size = next(self._sizes)  # another job of the same request would take the pool over
        self.make_training_job(name, tags, region, KeepAlivePeriodInSeconds=3600, VolumeSizeInGB=size)
        job = self.state.jobs.get(name, region, self.state.account)
        job.move("Completed", status="Completed")
        job.warm_pool.job_ended()

    def make_tuning_job(self, name, tags, region):
        request = tuning_request(type("Aws", (), {"role": self.sagemaker_role}))
        definition = request["TrainingJobDefinition"]
        definition["InputDataConfig"] = [channel("training", f"s3://{self.BUCKETS[region]}/data")]
        definition["OutputDataConfig"] = {"S3OutputPath": f"s3://{self.BUCKETS[region]}/out"}
        definition["CheckpointConfig"] = {"S3Uri": f"s3://{self.BUCKETS[region]}/checkpoints/"}
        definition["AlgorithmSpecification"]["TrainingImage"] = self._here(IMAGE, region)
        request.update(HyperParameterTuningJobName=name, Tags=pairs(tags))
        request["HyperParameterTuningJobConfig"]["ResourceLimits"].update(
            MaxNumberOfTrainingJobs=1, MaxParallelTrainingJobs=1)
        self.client("sagemaker", region).create_hyper_parameter_tuning_job(**request)

    def make_model(self, name, tags, region):
        self.client("sagemaker", region).create_model(
            ModelName=name, PrimaryContainer=self._container(region), ExecutionRoleArn=self.sagemaker_role,
            Tags=pairs(tags))

    def make_endpoint_configuration(self, name, tags, region):
        sm = self.client("sagemaker", region)
        if "model-for-all" not in [row["ModelName"] for row in sm.list_models()["Models"]]:
            self.make_model("model-for-all", {}, region)
        sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant("model-for-all")],
                                  Tags=pairs(tags))

    def make_endpoint(self, name, tags, region):
        sm = self.client("sagemaker", region)
        if "config-for-all" not in [row["EndpointConfigName"]
                                    for row in sm.list_endpoint_configs()["EndpointConfigs"]]:
            self.make_endpoint_configuration("config-for-all", {}, region)
        sm.create_endpoint(EndpointName=name, EndpointConfigName="config-for-all", Tags=pairs(tags))

    def make_model_group(self, name, tags, region):
        sm = self.client("sagemaker", region)
        sm.create_model_package_group(ModelPackageGroupName=name, Tags=pairs(tags))

    def make_model_version(self, name, tags, region):
        self.make_model_group(name, tags, region)
        request = version_request(name)
        request["InferenceSpecification"]["Containers"] = [self._container(region)]
        self.client("sagemaker", region).create_model_package(**request)

    def make_experiment(self, name, tags, region):
        self.client("sagemaker", region).create_experiment(ExperimentName=name, Tags=pairs(tags))

    def make_trial(self, name, tags, region):
        self.make_experiment(name, tags, region)
        self.client("sagemaker", region).create_trial(TrialName=name, ExperimentName=name, Tags=pairs(tags))

    def make_trial_component(self, name, tags, region):
        sm = self.client("sagemaker", region)
        self.make_trial(name, tags, region)
        sm.create_trial_component(TrialComponentName=name, Tags=pairs(tags))
        sm.associate_trial_component(TrialName=name, TrialComponentName=name)

    def make_customization_job(self, name, tags, region):
        self.create(jobName=name, customModelName=f"{name}-model", jobTags=lower(tags))

    def make_custom_model(self, name, tags, region):
        return self.tuned(customModelName=name, customModelTags=lower(tags)).output_model_arn

    def make_deployment(self, name, tags, region):
        arn = self.make_custom_model(f"{name}-below", tags, region)
        made = self.bedrock.create_custom_model_deployment(
            modelDeploymentName=name, modelArn=arn, tags=lower(tags))["customModelDeploymentArn"]
        get = self.bedrock.get_custom_model_deployment
        until(lambda: get(customModelDeploymentIdentifier=made)["status"] != "Creating")

    def make_provisioned_throughput(self, name, tags, region):
        arn = self.make_custom_model(f"{name}-below", tags, region)
        made = self.bedrock.create_provisioned_model_throughput(
            provisionedModelName=name, modelId=arn, modelUnits=1, tags=lower(tags))["provisionedModelArn"]
        get = self.bedrock.get_provisioned_model_throughput
        until(lambda: get(provisionedModelId=made)["status"] != "Creating")

    def make_imported_model(self, name, tags, region):
        if not hasattr(self, "model_uri"):
            self.model_uri = self.put_model("to-import")
        job = self.imported(self.model_uri, importedModelName=name, importedModelTags=lower(tags))
        assert job["status"] == "Completed"

    def make_bucket(self, name, tags, region):
        s3 = self.client("s3", region)
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
        s3.create_bucket(Bucket=name, **place)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        for body in (b"one", b"two"):
            s3.put_object(Bucket=name, Key="twice", Body=body)
        s3.delete_object(Bucket=name, Key="twice")
        upload = s3.create_multipart_upload(Bucket=name, Key="unfinished")["UploadId"]
        s3.upload_part(Bucket=name, Key="unfinished", UploadId=upload, PartNumber=1, Body=b"x")
        if tags:
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": pairs(tags)})

    def make_secret(self, name, tags, region):
        self.client("secretsmanager", region).create_secret(Name=name, SecretString="x", Tags=pairs(tags))

    def make_budget(self, name, tags, region):
        self.client("budgets").create_budget(
            AccountId=self.state.account, ResourceTags=pairs(tags),
            Budget={"BudgetName": name, "BudgetType": "COST", "TimeUnit": "MONTHLY",
                    "BudgetLimit": {"Amount": "1", "Unit": "USD"}})

    def put_log(self, group, stream, region):
        logs = self.client("logs", region)
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName=stream)

    def make_job_s_log(self, name, tags, region):
        self.make_training_job(name, tags, region)
        self.state.jobs.get(name, region, self.state.account).move("Completed", status="Completed")
        for host in ("algo-1", "algo-2"):
            self.put_log("/aws/sagemaker/TrainingJobs", f"{name}/{host}-1", region)

    def make_endpoint_s_log(self, name, tags, region):
        self.make_endpoint(name, tags, region)
        self.put_log(f"/aws/sagemaker/Endpoints/{name}", "AllTraffic/i-1", region)

    def make_policy(self, name, tags, region):
        iam = self.client("iam")
        arn = iam.create_policy(PolicyName=name, PolicyDocument=ALLOW, Tags=pairs(tags))["Policy"]["Arn"]
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW, SetAsDefault=True)
        return arn

    def make_role(self, name, document_or_tags=None, region="us-east-1"):
        """BedrockApi's own takes a document."""
        if isinstance(document_or_tags, str):
            return super().make_role(name, document_or_tags)
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(), Tags=pairs(document_or_tags))
        policy = self.make_policy(f"{name}-policy", document_or_tags, region)
        iam.attach_role_policy(RoleName=name, PolicyArn=policy)
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=ALLOW)
        return arn["Role"]["Arn"]
