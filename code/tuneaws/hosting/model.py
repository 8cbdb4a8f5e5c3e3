"""HuggingFaceModel: a model.tar.gz and a script, behind an endpoint or in the model registry."""

from __future__ import annotations

from typing import Any

from tuneaws.estimator import hosting_request, images, repack, sdk_session
from tuneaws.estimator.arguments import takes
from tuneaws.estimator.request import base_name, job_name
from tuneaws.hosting import send
from tuneaws.hosting.deploy_arguments import DeployArguments
from tuneaws.hosting.deploying import Deploying
from tuneaws.hosting.model_arguments import ModelArguments
from tuneaws.hosting.package import ModelPackage, RegisterArguments


class HuggingFaceModel(ModelArguments, Deploying):
    """Serves a model in AWS's Hugging Face container. tuneaws.hosting.model_arguments explains each argument.

    model = HuggingFaceModel(
        role, "s3://…/model.tar.gz", "inference.py", source_dir="code/container/inference",
        transformers_version="4.51.3", pytorch_version="2.6.0", py_version="py312", sagemaker_session=session)
    print(model.requests(1, "ml.g5.xlarge"))       # nothing is sent, nothing is billed
    predictor = model.deploy(1, "ml.g5.xlarge")    # on AWS: billed by the second until it is deleted
    """

    def __post_init__(self, enable_network_isolation: bool | None):
        super().__post_init__(enable_network_isolation)
        self._starts(self.name, sdk_session.checked_session(self.sagemaker_session))
        self.repacked_model_data: str | None = None  # where the newest deploy() put model and script

    def __repr__(self) -> str:
        return f"HuggingFaceModel({self.name or self.model_data!r})"

    def serving_image_uri(
        self,
        region_name: str | None = None,
        instance_type: str | None = None,
        serverless_inference_config: Any = None,
    ) -> str:
        """Return image_uri, or the URI of AWS's image for the versions; ValueError if there is none."""
        if self.image_uri:
            return self.image_uri
        if not instance_type and serverless_inference_config is None:
            raise ValueError(
                "the image depends on the instance: one is for GPUs, one is not. Fix: instance_type=… "
                "(for register(): inference_instances=[…])."
            )
        region = region_name or self.sagemaker_session.boto_region_name
        versions = (self.transformers_version, self.pytorch_version, self.py_version)
        return images.inference_image_uri(region, instance_type, *versions, serverless_inference_config)

    @takes(RegisterArguments)
    def register_request(self, *arguments: Any, **keywords: Any) -> dict:
        """Return the CreateModelPackage request that register() would send with the same arguments."""
        return self._register(RegisterArguments(*arguments, **keywords))[0]

    @takes(RegisterArguments)
    def register(self, *arguments: Any, **keywords: Any) -> ModelPackage:
        """Put the model into the model registry: as a new version of a group, which is made if need be.

        tuneaws.hosting.package explains each argument. It costs nothing but its place in S3.
        Raises  ValueError before anything is uploaded; botocore's errors pass through
        """
        to = RegisterArguments(*arguments, **keywords)
        request, name = self._register(to)
        sm = self.sagemaker_session.sagemaker_client
        if to.model_package_group_name:
            self._before_sending(name)
            send.ensure_group(sm, to.model_package_group_name)
        arn = sm.create_model_package(**request)["ModelPackageArn"]
        print(f"Registered {arn}")
        return ModelPackage(
            self.role, self.model_data, model_package_arn=arn, predictor_cls=self.predictor_cls,
            sagemaker_session=self.sagemaker_session,
        )  # fmt: skip

    def _register(self, to: RegisterArguments) -> tuple[dict, str]:
        """The CreateModelPackage request, and the name that the archive in S3 goes by."""
        image = to.image_uri or self.serving_image_uri(None, (to.inference_instances or [None])[0])
        if not (to.model_package_name or to.model_package_group_name):
            to.model_package_group_name = base_name(image)
        name = self.name or job_name(base_name(image))
        if to.model_package_group_name:
            container = self._container(name, image)
        elif isinstance(self.model_data, dict) or self.entry_point:
            raise ValueError(
                f"model_package_name={to.model_package_name!r}: a package of its own has a model.tar.gz as "
                "it is, no folder of files and no entry_point. Fix: model_package_group_name=…."
            )
        else:
            container = {"Image": image, **({"ModelDataUrl": self.model_data} if self.model_data else {})}
        return to.request(container, "PYTORCH", to.framework_version or self.pytorch_version), name

    # what Deploying asks

    def _image(self, to: DeployArguments) -> str:
        return self.serving_image_uri(None, to.instance_type, to.serverless_inference_config)

    def _any_instance(self) -> str | None:
        if not self.image_uri:
            return self.serving_image_uri()  # raises: which image depends on it
        return super()._any_instance()

    def _base_name(self, to: DeployArguments) -> str:
        return base_name(self._image(to))

    def _container_of(self, name: str, to: DeployArguments) -> dict:
        return self._container(name, self._image(to), to.accept_eula, to.model_reference_arn)

    def _container(
        self, name: str, image_uri: str, eula: bool | None = None, reference: str | None = None
    ) -> dict:
        if self.entry_point:
            repack.code_files(self.entry_point, self.source_dir, self.dependencies)
        region, level = self.sagemaker_session.boto_region_name, self.container_log_level
        script = hosting_request.script_environment(*self._script(), region, level)
        environment = {**(self.env or {}), **script}
        if self.model_server_workers:
            environment["SAGEMAKER_MODEL_SERVER_WORKERS"] = str(self.model_server_workers)
        return hosting_request.container_definition(
            image_uri,
            self._repacked_uri(name) if self.entry_point else self.model_data,
            environment,
            image_config=self.image_config,
            accept_eula=eula,
            model_reference_arn=reference,
        )

    def _script(self) -> tuple[str, str]:
        """The script's name and its folder in the container; without entry_point what env says."""
        if self.entry_point:
            return self.entry_point.rpartition("/")[2], hosting_request.CODE_IN_CONTAINER
        env = self.env or {}
        return env.get("SAGEMAKER_PROGRAM", ""), env.get("SAGEMAKER_SUBMIT_DIRECTORY", "")

    def _repacked_uri(self, name: str) -> str:
        session = self.sagemaker_session
        bucket = "" if self.code_location else sdk_session.bucket_name(session)
        return repack.repacked_uri(name, self.code_location, bucket, session.default_bucket_prefix)

    def _before_sending(self, name: str) -> None:
        """Pack the script into a copy of the model's archive and upload that."""
        if not self.entry_point:
            return
        session, uri = self.sagemaker_session, self._repacked_uri(name)
        if not self.code_location:
            session.default_bucket()  # makes it if need be
        settings = session.settings
        done = repack.upload_repacked(
            session.s3_client, self.model_data, uri, self.entry_point, self.source_dir, self.dependencies,
            kms_key=self.model_kms_key, encrypt=settings.encrypt_repacked_artifacts,
            owner_of=session._get_account_id_if_default_bucket, folder=settings.local_download_dir,
        )  # fmt: skip
        self.repacked_model_data = uri
        print(f"Packed {done} -> {uri}")
