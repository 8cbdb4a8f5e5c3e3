"""deploy(), create_model() and register() of the estimator: from a trained job to a model that serves."""

from __future__ import annotations

from typing import Any

from tuneaws.estimator.hosting_request import check_name
from tuneaws.estimator.request import base_name, job_name
from tuneaws.hosting.model import HuggingFaceModel
from tuneaws.hosting.model_arguments import checked_vpc
from tuneaws.hosting.package import ModelPackage

VPC_CONFIG_DEFAULT = "VPC_CONFIG_DEFAULT"  # SDK 2's word for: the estimator's own


class Serving:
    """The estimator's methods for after the training."""

    def create_model(
        self,
        model_server_workers: int | None = None,
        role: str | None = None,
        vpc_config_override: Any = VPC_CONFIG_DEFAULT,
        entry_point: str | None = None,
        source_dir: str | None = None,
        dependencies: list[str] | None = None,
        **keywords: Any,
    ) -> HuggingFaceModel:
        """Return a HuggingFaceModel of the newest job's model. Creates nothing in AWS.

        entry_point   inference.py; None: the container's own handler for HF_TASK in env
        source_dir    folder with entry_point in it; None is the source that was trained with
        keywords      further arguments of HuggingFaceModel; transformers_version, pytorch_version and
                      py_version too, since many versions that train have no image that serves
        Raises        ValueError if there is no trained model
        """
        model = {
            "transformers_version": self.transformers_version,
            "pytorch_version": self.pytorch_version,
            "py_version": self.py_version,
            "image_uri": self.image_uri,
            "container_log_level": self.container_log_level,
            "code_location": self.code_location,
            "name": self._serving_name(),
            **keywords,
        }
        if entry_point:
            source_dir, dependencies = source_dir or self._trained_source(), dependencies or self.dependencies
        vpc = self._vpc() if vpc_config_override == VPC_CONFIG_DEFAULT else vpc_config_override
        return HuggingFaceModel(
            role or self.role, self.model_data, entry_point, source_dir=source_dir, dependencies=dependencies,
            model_server_workers=model_server_workers, vpc_config=checked_vpc(vpc),
            sagemaker_session=self.sagemaker_session, **model,
        )  # fmt: skip

    def deploy(
        self,
        initial_instance_count: int | None = None,
        instance_type: str | None = None,
        serializer: Any = None,
        deserializer: Any = None,
        accelerator_type: str | None = None,
        endpoint_name: str | None = None,
        use_compiled_model: bool = False,
        wait: bool = True,
        model_name: str | None = None,
        kms_key: str | None = None,
        data_capture_config: Any = None,
        tags: Any = None,
        serverless_inference_config: Any = None,
        async_inference_config: Any = None,
        volume_size: int | None = None,
        model_data_download_timeout: int | None = None,
        container_startup_health_check_timeout: int | None = None,
        inference_recommendation_id: str | None = None,
        explainer_config: Any = None,
        **keywords: Any,
    ) -> Any:
        """Put the newest job's model behind an endpoint; return a predictor. On AWS it bills until deleted.

        tags      None: the job's
        keywords  what create_model() takes: entry_point, source_dir, env, image_uri, transformers_version, …
        Raises    what HuggingFaceModel.deploy() raises
        """
        if use_compiled_model:
            raise ValueError("use_compiled_model: SageMaker Neo is not supported here. Fix: leave it out.")
        if keywords.pop("update_endpoint", None):
            raise ValueError(
                "update_endpoint: SDK 2's estimator does not take it. Fix: estimator.create_model(…)"
                ".deploy(…, endpoint_name=…, update_endpoint=True)."
            )
        default = self._serving_name()
        keywords["model_kms_key"] = self.output_kms_key
        keywords["name"] = check_name(model_name or default, "model")
        model = self.create_model(**keywords)
        return model.deploy(
            initial_instance_count, instance_type, serializer, deserializer, accelerator_type,
            endpoint_name or default, tags or self.tags, kms_key, wait, data_capture_config,
            async_inference_config, serverless_inference_config, volume_size, model_data_download_timeout,
            container_startup_health_check_timeout, inference_recommendation_id, explainer_config,
        )  # fmt: skip

    def register(
        self,
        content_types: list[str] | None = None,
        response_types: list[str] | None = None,
        inference_instances: list[str] | None = None,
        transform_instances: list[str] | None = None,
        image_uri: str | None = None,
        model_package_name: str | None = None,
        model_package_group_name: str | None = None,
        model_metrics: Any = None,
        metadata_properties: Any = None,
        marketplace_cert: bool = False,
        approval_status: str | None = None,
        description: str | None = None,
        compile_model_family: str | None = None,
        model_name: str | None = None,
        drift_check_baselines: Any = None,
        customer_metadata_properties: dict[str, str] | None = None,
        domain: str | None = None,
        sample_payload_url: str | None = None,
        task: str | None = None,
        framework: str | None = None,
        framework_version: str | None = None,
        nearest_model_name: str | None = None,
        data_input_configuration: str | None = None,
        skip_model_validation: str | None = None,
        source_uri: str | None = None,
        model_life_cycle: Any = None,
        model_card: Any = None,
        model_package_registration_type: str | None = None,
        base_model: Any = None,
        **keywords: Any,
    ) -> ModelPackage:
        """Put the newest job's model into the model registry. tuneaws.hosting.package explains each argument.

        keywords  what create_model() takes
        """
        if compile_model_family:
            raise ValueError("compile_model_family: SageMaker Neo is not supported here. Fix: leave it out.")
        keywords.setdefault("model_kms_key", self.output_kms_key)
        keywords |= {"name": model_name or self._serving_name(), "image_uri": image_uri or self.image_uri}
        return self.create_model(**keywords).register(
            content_types, response_types, inference_instances, transform_instances, model_package_name,
            model_package_group_name, image_uri, model_metrics, metadata_properties, marketplace_cert,
            approval_status, description, drift_check_baselines, customer_metadata_properties, domain,
            sample_payload_url, task, framework, framework_version, nearest_model_name,
            data_input_configuration, skip_model_validation, source_uri, model_life_cycle, model_card,
            model_package_registration_type, base_model,
        )  # fmt: skip

    def _serving_name(self) -> str:
        return job_name(self.base_job_name or base_name(self.training_image_uri()))

    def _trained_source(self) -> str:
        """The archive in S3 that the newest job's script came from."""
        return self._code_uri(self.latest_training_job.name)

    def _vpc(self) -> dict | None:
        if self.subnets is None:
            return None
        return {"Subnets": self.subnets, "SecurityGroupIds": self.security_group_ids}
