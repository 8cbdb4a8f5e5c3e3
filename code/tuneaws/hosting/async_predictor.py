"""AsyncPredictor: the request goes to S3, the answer is fetched from there. For large inputs and long work.

InvokeEndpointAsync takes 1 GB and an hour (https://docs.aws.amazon.com/sagemaker/latest/dg/
async-inference.html, 2026-11); the endpoint must have been deployed with async_inference_config.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tuneaws.estimator.request import job_name
from tuneaws.hosting.codec import media_types
from tuneaws.hosting.errors import LOG_GROUP, words_of

NOT_THERE = ("NoSuchKey", "404")


@dataclass(frozen=True)
class WaiterConfig:
    """How long to wait for an answer: max_attempts looks, delay seconds between two."""

    max_attempts: int = 60
    delay: float = 15


class AsyncAnswerError(RuntimeError):
    """The container failed; its own words, and the log group to look at."""


class AsyncPredictor:
    """SDK 2's predictor for an asynchronous endpoint, around a HuggingFacePredictor.

    name   goes into the S3 keys of requests; None: the endpoint's
    """

    def __init__(self, predictor: Any, name: str | None = None):
        self.predictor, self.name = predictor, name
        self.endpoint_name, self.sagemaker_session = predictor.endpoint_name, predictor.sagemaker_session
        self.s3_client = self.sagemaker_session.s3_client

    def __getattr__(self, attribute: str) -> Any:
        """delete_endpoint(), delete_model(), update_endpoint(), serializer, … are the inner predictor's."""
        return getattr(self.predictor, attribute)

    def predict(
        self,
        data: Any = None,
        input_path: str | None = None,
        initial_args: dict | None = None,
        inference_id: str | None = None,
        waiter_config: WaiterConfig | None = None,
    ) -> Any:
        """Send data, wait for the answer and return it. Arguments as in predict_async().

        Raises  TimeoutError if it takes longer than waiter_config; AsyncAnswerError
        """
        answer = self.predict_async(data, input_path, initial_args, inference_id)
        return answer.get_result(waiter_config or WaiterConfig())

    def predict_async(
        self,
        data: Any = None,
        input_path: str | None = None,
        initial_args: dict | None = None,
        inference_id: str | None = None,
    ) -> AsyncInferenceResponse:
        """Send data and return at once; get_result() of what comes back fetches the answer.

        data        is uploaded, to input_path or to the session's bucket; None: it is in input_path already
        input_path  "s3://…"
        """
        if data is None and input_path is None:
            raise ValueError("neither data nor input_path. Fix: predict_async(data), or input_path='s3://…'.")
        request = {"EndpointName": self.endpoint_name, "Accept": media_types(self.predictor.accept)}
        if data is not None:
            input_path = self._upload(data, input_path)
            request["ContentType"] = self.predictor.content_type
        request |= {**(initial_args or {}), "InputLocation": input_path}
        if inference_id:
            request["InferenceId"] = inference_id
        response = self.sagemaker_session.sagemaker_runtime_client.invoke_endpoint_async(**request)
        return AsyncInferenceResponse(self, response["OutputLocation"], response.get("FailureLocation"))

    def _upload(self, data: Any, path: str | None) -> str:
        session = self.sagemaker_session
        if path is None:
            folder = f"{(self.name or self.endpoint_name)[:51]}-{time.strftime('%y%m%d-%H%M')}"
            key = f"{job_name('')[1:]}-{uuid.uuid4()}"
            start = [session.default_bucket(), session.default_bucket_prefix, "async-endpoint-inputs"]
            path = "s3://" + "/".join(part for part in [*start, folder, key] if part)
        bucket, _, key = path.removeprefix("s3://").partition("/")
        owner = session._get_account_id_if_default_bucket(bucket)
        more = {"ExpectedBucketOwner": owner} if owner else {}
        to = self.predictor.serializer
        body, media_type = to.serialize(data), to.CONTENT_TYPE
        self.s3_client.put_object(Body=body, Bucket=bucket, Key=key, ContentType=media_type, **more)
        return path


class AsyncInferenceResponse:
    """An answer that will be in S3."""

    def __init__(self, predictor_async: AsyncPredictor, output_path: str, failure_path: str | None):
        self.predictor_async, self.output_path, self.failure_path = predictor_async, output_path, failure_path

    def get_result(self, waiter_config: WaiterConfig | None = None) -> Any:
        """Return the answer.

        waiter_config  None: look once
        Raises         TimeoutError if it is not there yet; AsyncAnswerError if the container failed
        """
        look = waiter_config or WaiterConfig(1, 0)
        for attempt in range(look.max_attempts):
            if attempt:
                time.sleep(look.delay)
            if (found := self._object(self.output_path)) is not None:
                return self.predictor_async.predictor.answer(found)
            if self.failure_path and (found := self._object(self.failure_path)) is not None:
                name = self.predictor_async.endpoint_name
                said = words_of(found["Body"].read().decode(errors="replace"))
                raise AsyncAnswerError(f"endpoint {name} failed: {said}\nIts log: {LOG_GROUP}{name}.")
        raise TimeoutError(f"{self.output_path} is not there yet. Fix: get_result() again, or wait longer.")

    def _object(self, uri: str) -> dict | None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        owner = self.predictor_async.sagemaker_session._get_account_id_if_default_bucket(bucket)
        more = {"ExpectedBucketOwner": owner} if owner else {}
        try:
            return self.predictor_async.s3_client.get_object(Bucket=bucket, Key=key, **more)
        except ClientError as err:
            if err.response["Error"]["Code"] in NOT_THERE:
                return None
            raise
