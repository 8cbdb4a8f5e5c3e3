"""HuggingFacePredictor: ask an endpoint, update it, delete it."""

from __future__ import annotations

from typing import Any

from tuneaws.estimator import hosting_request as requests
from tuneaws.estimator.request import job_name, tag_list
from tuneaws.estimator.sdk_session import checked_session
from tuneaws.hosting.codec import JSONDeserializer, JSONSerializer, media_types
from tuneaws.hosting.errors import InvocationError
from tuneaws.hosting.stream import ByteIterator
from tuneaws.hosting.wait import wait_for_endpoint

TO_JSON, FROM_JSON = JSONSerializer(), JSONDeserializer()


class HuggingFacePredictor:
    """SDK 2's predictor: Python values in, Python values out, JSON on the way.

    endpoint_name      a name is enough: the endpoint may have been made anywhere
    sagemaker_session  SDK 3's; None makes one from the environment
    serializer, deserializer   see tuneaws.hosting.codec
    content_type, accept       may be set to other media types than theirs
    """

    def __init__(
        self,
        endpoint_name: str,
        sagemaker_session: Any = None,
        serializer: Any = TO_JSON,
        deserializer: Any = FROM_JSON,
        component_name: str | None = None,
    ):
        _no_component(component_name)
        self.endpoint_name = endpoint_name
        self.sagemaker_session = checked_session(sagemaker_session)
        self.serializer, self.deserializer = serializer, deserializer
        self._content_type: str | None = None
        self._accept: str | tuple[str, ...] | None = None
        self._models: list[str] | None = None  # known once the endpoint is deleted, when nobody can tell

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.endpoint_name!r})"

    @property
    def content_type(self) -> str:
        """Media type of what is sent."""
        return self._content_type or self.serializer.CONTENT_TYPE

    @content_type.setter
    def content_type(self, value: str) -> None:
        """Send this media type instead of the serializer's."""
        self._content_type = value

    @property
    def accept(self) -> str | tuple[str, ...]:
        """Media types that the answer may have."""
        return self._accept or self.deserializer.ACCEPT

    @accept.setter
    def accept(self, value: str | tuple[str, ...]) -> None:
        """Ask for these media types instead of the deserializer's."""
        self._accept = value

    # asking

    def request(self, data: Any, initial_args: dict | None = None, **members: str | None) -> dict:
        """Return the InvokeEndpoint request that predict() would send.

        members  by AWS's name, such as TargetVariant="B"; None is not sent
        """
        given = {name: value for name, value in members.items() if value}
        return {
            "EndpointName": self.endpoint_name,
            "ContentType": media_types(self.content_type),
            "Accept": media_types(self.accept),
            **(initial_args or {}),
            **given,
            "Body": self.serializer.serialize(data),
        }

    def predict(
        self,
        data: Any,
        initial_args: dict | None = None,
        target_model: str | None = None,
        target_variant: str | None = None,
        inference_id: str | None = None,
        custom_attributes: str | None = None,
        component_name: str | None = None,
    ) -> Any:
        """Send data to the endpoint and return its answer.

        initial_args       more members of InvokeEndpoint, by AWS's names
        target_variant     which of several models behind the endpoint; None: by their weights
        inference_id, custom_attributes   texts that are handed on to the container
        Raises  InvocationError with the container's own words; botocore's other errors pass through
        """
        _no_component(component_name)
        request = self.request(
            data,
            initial_args,
            TargetModel=target_model,
            TargetVariant=target_variant,
            InferenceId=inference_id,
            CustomAttributes=custom_attributes,
        )
        client = self.sagemaker_session.sagemaker_runtime_client
        try:
            response = client.invoke_endpoint(**request)
        except client.exceptions.ModelError as err:
            raise InvocationError(request["EndpointName"], err) from err
        return self.answer(response)

    def answer(self, response: dict) -> Any:
        """Return what the body of an answer says."""
        media_type = response.get("ContentType", "application/octet-stream")
        return self.deserializer.deserialize(response["Body"], media_type)

    def predict_stream(
        self,
        data: Any,
        initial_args: dict | None = None,
        target_variant: str | None = None,
        inference_id: str | None = None,
        custom_attributes: str | None = None,
        component_name: str | None = None,
        target_container_hostname: str | None = None,
        iterator: Any = ByteIterator,
    ) -> Any:
        """Send data and return an iterator over the answer, which yields while the container still writes.

        iterator  ByteIterator or LineIterator of tuneaws.hosting.stream, or a class that takes botocore's
                  event stream
        Raises    InvocationError, here or while you iterate
        """
        _no_component(component_name)
        request = self.request(
            data,
            initial_args,
            TargetVariant=target_variant,
            InferenceId=inference_id,
            CustomAttributes=custom_attributes,
            TargetContainerHostname=target_container_hostname,
        )
        client = self.sagemaker_session.sagemaker_runtime_client
        try:
            response = client.invoke_endpoint_with_response_stream(**request)
        except client.exceptions.ModelError as err:
            raise InvocationError(request["EndpointName"], err) from err
        ours = isinstance(iterator, type) and issubclass(iterator, ByteIterator)
        return iterator(response["Body"], *([request["EndpointName"]] if ours else []))

    # changing

    def update_endpoint(
        self,
        initial_instance_count: int | None = None,
        instance_type: str | None = None,
        accelerator_type: str | None = None,
        model_name: str | None = None,
        tags: Any = None,
        kms_key: str | None = None,
        data_capture_config_dict: dict | None = None,
        max_instance_count: int | None = None,
        min_instance_count: int | None = None,
        wait: bool = True,
    ) -> None:
        """Give the endpoint a new config, made from its own; it answers all the while. AWS bills both fleets.

        initial_instance_count, instance_type   both or neither; model_name needs them too
        model_name   None is the model that it has, if it is one
        tags         of the new config; None copies those of the old one
        Raises       ValueError for what does not go together; what wait_for_endpoint() raises
        """
        no_accelerator(accelerator_type)
        variants = None
        if initial_instance_count or instance_type or model_name or max_instance_count or min_instance_count:
            if not (initial_instance_count and instance_type):
                raise ValueError(
                    f"update_endpoint(initial_instance_count={initial_instance_count!r}, instance_type="
                    f"{instance_type!r}): a new variant needs both. Fix: give both."
                )
            scaling = {"MaxInstanceCount": max_instance_count, "MinInstanceCount": min_instance_count}
            variants = [
                requests.production_variant(
                    model_name or self._only_model(),
                    instance_type,
                    initial_instance_count,
                    scaling={name: count for name, count in scaling.items() if count},
                )
            ]
        sm, old = self.sagemaker_session.sagemaker_client, self._describe_config()
        request = requests.endpoint_config_request(
            job_name(old["EndpointConfigName"]),
            variants or old["ProductionVariants"],
            tags=tag_list(tags) or self._tags(old["EndpointConfigArn"]) or None,
            kms_key=kms_key or old.get("KmsKeyId"),
            data_capture=data_capture_config_dict or old.get("DataCaptureConfig"),
            async_inference=old.get("AsyncInferenceConfig"),
            explainer=old.get("ExplainerConfig"),
        )
        sm.create_endpoint_config(**request)
        name = request["EndpointConfigName"]
        sm.update_endpoint(EndpointName=self.endpoint_name, EndpointConfigName=name)
        if wait:
            wait_for_endpoint(self.sagemaker_session, self.endpoint_name, name)

    def delete_endpoint(self, delete_endpoint_config: bool = True) -> None:
        """Delete the endpoint, and its config unless told otherwise. On AWS it bills until it is gone.

        The models stay: delete_model(), which may come before or after this.
        """
        sm = self.sagemaker_session.sagemaker_client
        if delete_endpoint_config:
            self._models = self._model_names()
            sm.delete_endpoint_config(EndpointConfigName=self._endpoint_config_name())
        sm.delete_endpoint(EndpointName=self.endpoint_name)

    def delete_model(self) -> None:
        """Delete the models behind the endpoint. What it has loaded, it goes on serving."""
        for name in self._model_names():
            self.sagemaker_session.sagemaker_client.delete_model(ModelName=name)

    def delete_predictor(self, wait: bool = False) -> None:
        """The same as delete_endpoint(). wait=True stays until it is gone."""
        self.delete_endpoint()
        if wait:
            waiter = self.sagemaker_session.sagemaker_client.get_waiter("endpoint_deleted")
            waiter.wait(EndpointName=self.endpoint_name, WaiterConfig={"Delay": 2, "MaxAttempts": 450})

    # helpers

    def _endpoint_config_name(self) -> str:
        sm = self.sagemaker_session.sagemaker_client
        return sm.describe_endpoint(EndpointName=self.endpoint_name)["EndpointConfigName"]

    def _describe_config(self) -> dict:
        sm = self.sagemaker_session.sagemaker_client
        return sm.describe_endpoint_config(EndpointConfigName=self._endpoint_config_name())

    def _model_names(self) -> list[str]:
        if self._models is not None:
            return self._models
        variants = self._describe_config()["ProductionVariants"]
        return [variant["ModelName"] for variant in variants if "ModelName" in variant]

    def _only_model(self) -> str:
        names = self._model_names()
        if len(names) != 1:
            raise ValueError(f"the endpoint has {len(names)} models: {', '.join(names)}. Fix: model_name=….")
        return names[0]

    def _tags(self, arn: str) -> list[dict]:
        pages = self.sagemaker_session.sagemaker_client.get_paginator("list_tags").paginate(ResourceArn=arn)
        return [tag for page in pages for tag in page["Tags"] if "aws:" not in tag["Key"]]


def _no_component(name: str | None) -> None:
    if name:
        raise ValueError(
            f"component_name={name!r}: inference components (several models sharing an instance) are not "
            "supported here. Fix: leave it out, and give each model an endpoint or a variant of its own."
        )


def no_accelerator(kind: str | None) -> None:
    """Raise ValueError for an Elastic Inference accelerator."""
    if kind:
        raise ValueError(
            f"accelerator_type={kind!r}: AWS no longer offers Elastic Inference. Fix: leave it out, and "
            'choose an instance_type with a GPU, such as "ml.g5.xlarge".'
        )
