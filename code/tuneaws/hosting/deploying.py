"""deploy(), for everything that can be behind an endpoint: the requests, and sending them."""

from __future__ import annotations

from typing import Any

from tuneaws.estimator import hosting_request, sdk_session
from tuneaws.estimator.arguments import takes
from tuneaws.estimator.request import job_name, tag_list
from tuneaws.hosting import send
from tuneaws.hosting.async_predictor import AsyncPredictor
from tuneaws.hosting.deploy_arguments import DeployArguments, members_of
from tuneaws.hosting.wait import wait_for_endpoint


class Deploying:
    """What HuggingFaceModel and ModelPackage share. Each has role, vpc_config, predictor_cls, _isolated and

    _base_name(to)              the name of a model that was given none, without its time stamp
    _container_of(name, to)     the container of CreateModel; nothing is sent for it
    _before_sending(name)       uploads, last checks
    """

    def _starts(self, name: str | None, session: Any) -> None:
        self.sagemaker_session = session
        self.name = name  # of the model; after deploy() the name that it got
        self._named = name is not None
        self.endpoint_name: str | None = None  # of the newest deploy()

    @takes(DeployArguments)
    def requests(self, *arguments: Any, **keywords: Any) -> dict[str, dict]:
        """Return {"CreateModel": …, "CreateEndpointConfig": …, "CreateEndpoint" or "UpdateEndpoint": …}.

        That is what deploy() would send with the same arguments. Uploads nothing, starts nothing.
        Raises  ValueError for what is wrong with the arguments or the source
        """
        to = DeployArguments(*arguments, **keywords)
        return self._requests(to, self._model_name(to))

    @takes(DeployArguments)
    def deploy(self, *arguments: Any, **keywords: Any) -> Any:
        """Put the model behind an endpoint; return a predictor. On AWS this is where money starts to run.

        It is billed by the second, used or not, until predictor.delete_endpoint().
        tuneaws.hosting.deploy_arguments explains each argument.
        Raises  ValueError before anything is uploaded, also if endpoint_name is taken; QuotaError if the
                account may not have the instances; what wait_for_endpoint() raises
        """
        to = DeployArguments(*arguments, **keywords)
        name = self._model_name(to)
        found, sm = self._requests(to, name), self.sagemaker_session.sagemaker_client
        config = found["CreateEndpointConfig"]
        endpoint = found.get("CreateEndpoint") or found["UpdateEndpoint"]
        if to.endpoint_name:
            send.check_endpoint(sm, to.endpoint_name, there=to.update_endpoint)
        if to.async_inference_config is not None:
            self.sagemaker_session.default_bucket()  # makes it if need be
        self._before_sending(name)
        send.create_model(sm, found["CreateModel"])
        self.name, self.endpoint_name = name, endpoint["EndpointName"]
        sm.create_endpoint_config(**config)
        print(f"{'Updating' if to.update_endpoint else 'Creating'} endpoint {self.endpoint_name}")
        if to.update_endpoint:
            sm.update_endpoint(**endpoint)
        else:
            send.create_endpoint(sm, endpoint, config)
        if to.wait:
            session, config_name = self.sagemaker_session, config["EndpointConfigName"]
            wait_for_endpoint(session, self.endpoint_name, config_name, to.endpoint_logging)
        return self._predictor(to)

    def create(
        self,
        instance_type: str | None = None,
        accelerator_type: str | None = None,
        serverless_inference_config: Any = None,
        tags: Any = None,
        accept_eula: bool | None = None,
        model_reference_arn: str | None = None,
    ) -> None:
        """Create the model and no endpoint; its name is in .name. It costs nothing.

        instance_type   what it is to run on, to choose the image: with a GPU or without
        """
        serverless = serverless_inference_config is not None
        to = DeployArguments(
            None if serverless else 1, None if serverless else instance_type or self._any_instance(),
            accelerator_type=accelerator_type, serverless_inference_config=serverless_inference_config,
            tags=tags, accept_eula=accept_eula, model_reference_arn=model_reference_arn,
        )  # fmt: skip
        name = self._model_name(to)
        request = self._model_request(name, to)
        self._before_sending(name)
        send.create_model(self.sagemaker_session.sagemaker_client, request)
        self.name = name

    def delete_model(self) -> None:
        """Delete the model that deploy() or create() made. An endpoint goes on serving what it has loaded."""
        if self.name is None:
            raise ValueError("no model was created yet. Fix: deploy() or create() first.")
        self.sagemaker_session.sagemaker_client.delete_model(ModelName=self.name)

    def enable_network_isolation(self) -> bool:
        """Return whether the container runs without a network."""
        return self._isolated

    # helpers

    def _any_instance(self) -> str:
        return "ml.m5.xlarge"  # not sent: only what picks its image by the instance needs to be told

    def _model_name(self, to: DeployArguments) -> str:
        """The given name; else a new one each time, as SDK 2 does."""
        return self.name if self._named else job_name(self._base_name(to))

    def _model_request(self, name: str, to: DeployArguments) -> dict:
        if not self.role:
            fix = "role=session.role_arn (tuneaws.session.connect gives one)"
            raise ValueError(f"role is missing. Fix: {fix}.")
        return hosting_request.model_request(
            name,
            sdk_session.role_arn(self.sagemaker_session, self.role),
            self._container_of(name, to),
            vpc_config=self.vpc_config,
            network_isolation=self._isolated,
            tags=tag_list(to.tags) or None,
        )

    def _requests(self, to: DeployArguments, name: str) -> dict[str, dict]:
        endpoint, tags = to.endpoint_name or job_name(hosting_request.base_of(name)), tag_list(to.tags)
        config = hosting_request.endpoint_config_request(
            name if to.update_endpoint else endpoint,
            [self._variant(to, name)],
            tags=(tags or []) if to.update_endpoint else (tags or None),  # as SDK 2 has it
            kms_key=to.kms_key,
            data_capture=members_of(to.data_capture_config),
            async_inference=self._async_inference(to, name),
            explainer=members_of(to.explainer_config),
        )
        config_name = config["EndpointConfigName"]
        found = {"CreateModel": self._model_request(name, to), "CreateEndpointConfig": config}
        if to.update_endpoint:
            return {**found, "UpdateEndpoint": {"EndpointName": endpoint, "EndpointConfigName": config_name}}
        return {**found, "CreateEndpoint": hosting_request.endpoint_request(endpoint, config_name, tags)}

    def _variant(self, to: DeployArguments, name: str) -> dict:
        return hosting_request.production_variant(
            name,
            to.instance_type,
            to.initial_instance_count,
            serverless=to.serverless,
            volume_size_gb=to.volume_size,
            download_timeout_s=to.model_data_download_timeout,
            startup_timeout_s=to.container_startup_health_check_timeout,
            routing=to.routing_config,
            inference_ami_version=to.inference_ami_version,
        )

    def _async_inference(self, to: DeployArguments, name: str) -> dict | None:
        if to.async_inference_config is None:
            return None
        session = self.sagemaker_session
        return to.async_inference(name, sdk_session.bucket_name(session), session.default_bucket_prefix)

    def _predictor(self, to: DeployArguments) -> Any:
        if self.predictor_cls is None:
            return None
        predictor = self.predictor_cls(self.endpoint_name, self.sagemaker_session)
        if to.serializer:
            predictor.serializer = to.serializer
        if to.deserializer:
            predictor.deserializer = to.deserializer
        return AsyncPredictor(predictor, self.name) if to.async_inference_config is not None else predictor
