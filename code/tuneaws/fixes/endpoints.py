"""Models and endpoints: what is refused, why one is not InService, what goes wrong in a request."""

from tuneaws.fixes.entry import Entry

REAL_TIME = "https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints.html, 2026-11"
ASYNC = "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-troubleshooting.html, 2026-11"
OWN_CODE = "https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html, 2026-11"
UPDATE = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html, 2026-11"
INVALID = "ValidationException"
LOG = "endpoints.log_lines(logs, name)"

ROWS = (
    Entry("model-data-missing", "call", r"Could not find model data at (?P<uri>\S+?)\.?$",
          "take the ModelArtifacts of the job that made it: buckets.list_objects shows what is there instead "
          "of {uri}",
          "github.com/aws/amazon-sagemaker-examples issue 2264, 2026-11", code=INVALID),
    Entry("model-data-unreadable", "call", r"Could not access model data at (?P<uri>\S+?)\.( |$)",
          "put the archive into a bucket of the endpoint's region, and let the model's role read {uri}",
          "github.com/philschmid/llm-sagemaker-sample issue 2, 2026-11", code=INVALID),
    Entry("image-not-ecr", "call", r"Using non-ECR image",
          "take AWS's image: estimator.images and endpoints.llm_images write its address",
          "github.com/aws/sagemaker-python-sdk pull request 4700, 2026-11", code=INVALID),
    Entry("image-elsewhere", "call", r"Invalid image '(?P<image>[^']*)': it is in (?P<region>[\w-]+)",
          "take the image of the model's own region: every region has its own registry, this one is in "
          "{region}",
          REAL_TIME, code=INVALID),
    Entry("not-approved", "call", r"(?P<package>arn:\S+) .*not approved|ModelApprovalStatus",
          "approve that version first: registry.approve(sm, arn)",
          "https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-approve.html, 2026-11"),
    Entry("name-is-there", "call", r"Cannot create already existing (?P<what>[\w ]+?) \"(?P<arn>[^\"]*)\"",
          "take another name, or delete the {what} that has it: {arn}", REAL_TIME, code=INVALID),
    Entry("not-there", "call", r"Could not find (?P<what>model|endpoint|endpoint configuration|variant) \"",
          "list what there is in this region, endpoints.list_endpoints(sm, {{}}) for endpoints; the {what} "
          "is deleted, or in another region, or spelt otherwise", REAL_TIME, code=INVALID),
    Entry("endpoint-busy", "call", r"Cannot update in-progress endpoint",
          "wait until it is InService, endpoints.watch(sm, logs, name), then ask again",
          UPDATE, code=INVALID),
    Entry("endpoint-failed", "call", r"DeleteEndpoint is the only operation",
          "delete it, endpoints.delete(sm, name), and deploy again", UPDATE, code=INVALID),
    Entry("same-config", "call", r"currently in use endpoint configuration",
          "make a configuration with another name and update to that one", UPDATE, code=INVALID),
    # asked
    Entry("endpoint-not-in-service", "call", r"Endpoint (?P<name>\S+) of account \d+ not found",
          "deploy it (lesson 10), or wait until endpoints.show(sm, {name!r}) says InService",
          "github.com/aws/amazon-sagemaker-examples issue 293, 2026-11", code="ValidationError"),
    Entry("endpoint-is-async", "call", r"is an asynchronous endpoint",
          "ask it by invoke_endpoint_async, or deploy it without AsyncInferenceConfig", ASYNC,
          code="ValidationError"),
    Entry("endpoint-is-real-time", "call", r"is a real-time endpoint",
          "ask it by invoke_endpoint, or deploy it with async_inference_config", ASYNC,
          code="ValidationError"),
    Entry("payload-too-large", "call", r"content length exceeded|inline payload has",
          "send fewer rows a request, or ask an asynchronous endpoint with InputLocation in S3: 1 GB",
          REAL_TIME, code="413|ValidationError"),
    Entry("answer-too-late", "call", r"timed out while waiting for a response from container",
          "ask for fewer max_new_tokens, stream the answer (8 minutes), or ask asynchronously (up to an "
          "hour)",
          REAL_TIME),
    Entry("container-gone", "call", r"could not get a response from the (?P<name>\S+) endpoint",
          "read its log, " + LOG + ": the container ended or hung up, most often for memory",
          "github.com/aws/amazon-sagemaker-examples issue 2815, 2026-11"),
    Entry("content-type", "call", r"Received client error \((?P<status>415|406)\)|[Cc]ontent.?type \S+ is "
          r"not supported",
          'send ContentType="application/json", or write an input_fn that takes yours', OWN_CODE),
    Entry("model-refuses", "call", r"Received client error \((?P<status>4\d\d)\)",
          "read what the container says, err.response['OriginalMessage']: the request is wrong, or "
          "inference.py raised it, which the Hugging Face toolkit answers with 400 too", REAL_TIME),
    Entry("model-fails", "call", r"Received server error \((?P<status>\d+)\)",
          "read the container's log, " + LOG + ": inference.py raised an error in this request", REAL_TIME),
    # coming into service
    Entry("model-archive", "job", r"Failed to extract model data archive",
          "pack it as SageMaker does: tar czf model.tar.gz with the model's files at its root",
          "github.com/aws/deep-learning-containers pull request 569, 2026-11"),
    Entry("model-download", "job", r"Failed to download model data",
          "look whether the archive is still there, and whether the model's role may s3:GetObject it",
          "github.com/aws-solutions-library-samples/fraud-detection-using-machine-learning issue 9, 2026-11"),
    Entry("image-not-here", "local", r"pocketaws runs no containers, so (?P<image>\S+) cannot run here\. "
          r"What it",
          "take one of AWS's Hugging Face, PyTorch, vLLM, TGI or LMI images and script mode here; other "
          "images run on AWS", "code/README.md of this course", free="with one of these it is free."),
    Entry("ping", "job", r"did not pass the ping health check",
          "read the container's log, " + LOG + ": its last error stands at the end; a model that only loads "
          "slowly needs a longer ContainerStartupHealthCheckTimeoutInSeconds",
          "github.com/awslabs/llm-hosting-container issue 18, and " + OWN_CODE, general=True),
    # asynchronous
    Entry("async-input", "job", r"^s3://(?P<place>\S+) could not be read",
          "upload the request first, and give InputLocation its whole address", ASYNC),
)  # fmt: skip
