"""What CreateTrainingJob and its relatives refuse, before anything runs or bills."""

from tuneaws.fixes.entry import Entry

API = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html, 2026-11"
QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/sagemaker.html, 2026-11"
SPOT = "https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html, 2026-11"
METRICS = "https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html, 2026-11"
INVALID = "ValidationException"
LIMIT = r"service limit '(?P<quota>[^']*{kind}[^']*)' is (?P<has>\d+) Instances.*delta of (?P<asked>\d+)"
ASK = "ask for {asked} in Service Quotas, it has {has}: {quota!r}; that is free and takes hours to days"

ROWS = (
    # quotas and machines
    Entry("quota-spot", "call", LIMIT.format(kind="for spot training job usage"),
          ASK + ", or train on demand, sagemaker.spot: false",
          QUOTAS, code="ResourceLimitExceeded"),
    Entry("quota-endpoint", "call", LIMIT.format(kind="(for endpoint usage|across active endpoints)"),
          ASK + ", or delete an endpoint first, endpoints.list_endpoints(sm, {{}}) shows them",
          QUOTAS, code="ResourceLimitExceeded"),
    Entry("quota-training", "call", LIMIT.format(kind=""), ASK, QUOTAS, code="ResourceLimitExceeded"),
    Entry("machine-not-here", "call", r"is not available in this region",
          "take another instance_type, prices.instances_table() lists some, or another region",
          "github.com/aws/amazon-sagemaker-examples issue 1001, 2026-11", code="ResourceLimitExceeded"),
    Entry("unknown-machine", "call",
          r"Value '(?P<kind>[^']*)' at '[^']*[iI]nstanceType' failed to satisfy constraint: Member must "
          r"satisfy "
          "enum",
          "take an instance type that SageMaker has, such as ml.g5.xlarge instead of {kind}: "
          "prices.instances_table() lists some",
          API, code=INVALID),
    # names
    Entry("job-name-taken", "call", r"Training job names must be unique",
          "take a new name, launch.new_job_name(project): a job's name is used for ever",
          API, code="ResourceInUse"),
    Entry("job-name", "call", r"at '(?P<member>\w+Name)' failed to satisfy constraint: .*regular expression",
          "take letters, digits and single hyphens for {member}, 63 characters at most, no underscore",
          API, code=INVALID, service="sagemaker"),
    Entry("no-such-job", "call", r"Requested resource not found",
          "list yours, training_jobs.find(sm, tags), in the region where they ran",
          "github.com/aws/aws-sdk issue 165, 2026-11", code=INVALID, operation=".*TrainingJob"),
    Entry("job-over", "call", r"because the training job is in status (?P<status>\w+)",
          "leave it, it is {status} and bills no more; training_jobs.describe(sm, name) shows what came of "
          "it",
          "github.com/aws/benchmark-ai issue 928, 2026-11", code=INVALID, operation="StopTrainingJob"),
    # hyperparameters, environment, metrics
    Entry("hyperparameter-too-long", "call",
          r"at '(?P<member>hyperParameters|environment)' failed to satisfy constraint: Map (value|keys)",
          "put long texts into a file of a channel: a value of {member} has at most 2,500 (environment: 512) "
          "characters, a name 256 (512)",
          API, code=INVALID),
    Entry("hyperparameter-count", "call",
          r"at '(?P<member>hyperParameters|environment)' failed to satisfy constraint: Member must have "
          r"length",
          "send at most 100 values in {member}: put the others into a file of a channel",
          API, code=INVALID),
    Entry("hyperparameter-type", "call", r"Invalid type for parameter "
          r"(HyperParameters|Environment)\.(?P<name>\w+)",
          'send texts: "{name}": json.dumps(value), as the estimator and raw_jobs.training_request do',
          API, code="ParamValidationError"),
    Entry("metric-too-long", "call", r"metricDefinitions.*\.regex' failed to satisfy constraint",
          "shorten the regular expression: 500 characters at most",
          METRICS, code=INVALID),
    Entry("metric-count", "call", r"metricDefinitions' failed to satisfy constraint: Member must have length",
          "send at most 40 metric definitions: leave out those that nobody reads", METRICS, code=INVALID),
    Entry("metric-regex", "call", r"[Mm]etric definition",
          r"give it one group in parentheses around the number, such as loss=([0-9.]+): re.compile tests "
          r"it for "
          "free",
          METRICS, code=INVALID),
    # data and places
    Entry("data-bucket-missing", "call", r"No S3 objects found under S3 URL \"(?P<uri>[^\"]*)\".*bucket "
          r"does not exist",
          "correct the bucket in {uri}, or make it: launch.ensure_bucket does", API, code=INVALID),
    Entry("data-elsewhere", "call",
          r"No S3 objects found under S3 URL \"(?P<uri>[^\"]*)\".*The bucket is in (?P<region>[\w-]+)",
          "put the data into a bucket of the job's own region, or run the job in {region}",
          API, code=INVALID),
    Entry("no-data", "call", r"No S3 objects found under S3 URL \"(?P<uri>[^\"]*)\"",
          "look what is there: buckets.list_objects(s3, bucket, prefix); {uri} has nothing, or the role may "
          "not list it",
          "github.com/aws/amazon-sagemaker-examples issue 2267, 2026-11", code=INVALID),
    Entry("output-bucket", "call", r"The bucket of (?P<member>\S+) '(?P<uri>[^']*)'",
          "give {member} a bucket of the job's own region: buckets.ensure_bucket makes one",
          API, code=INVALID),
    Entry("no-s3-uri", "call", r"Value '(?P<uri>[^']*)' at '\S*(s3Uri|[sS]3OutputPath|[mM]odelDataUrl)' "
          r"failed",
          "write it as s3://bucket/prefix instead of {uri}", API, code=INVALID),
    Entry("image", "call", r"Invalid training image", "give an image in ECR: "
          "raw_images.training_image(region, version)",
          "github.com/aws/sagemaker-python-sdk issue 2063, 2026-11", code=INVALID),
    Entry("channel-twice", "call", r"Duplicate channel name '(?P<name>[^']*)'",
          "give each channel a name of its own; two prefixes under {name} need a manifest or one prefix", API,
          code=INVALID),
    # how long, and how
    Entry("spot-wait", "call", r"Invalid MaxWaitTimeInSeconds\. It must be present",
          "set max_wait to max_run or more: it counts the waiting and the training", SPOT, code=INVALID),
    Entry("wait-without-spot", "call", r"Invalid MaxWaitTimeInSeconds\. It is only supported",
          "leave max_wait out, or set use_spot_instances=True", SPOT, code=INVALID),
    Entry("spot-warm-pool", "call", r"KeepAlivePeriodInSeconds is not supported with "
          r"EnableManagedSpotTraining",
          "leave one of the two out: a warm pool (keep_alive_s) keeps machines, spot gives them back",
          "https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html, 2026-11", code=INVALID),
    Entry("too-long-a-run", "call", r"MaxRuntimeInSeconds (?P<asked>\d+) is over",
          "set max_run to what the training needs, with checkpoints for more: {asked} s is over SageMaker's "
          "longest run", QUOTAS, code=INVALID),
    Entry("tag", "call", r"aws: prefixed tag key|Duplicate tag keys",
          "give each tag key once, and none that begins with aws:",
          "https://docs.aws.amazon.com/general/latest/gr/aws_tagging.html, 2026-11", code=INVALID),
    # what botocore refuses itself
    Entry("member-missing", "call", r"Missing required parameter in (?P<place>[\w.\[\]]+): \"(?P<name>\w+)\"",
          "add {name} to {place}: raw_jobs.explain(request) shows what a whole request has",
          "botocore.validate, botocore 1.44.5", code="ParamValidationError"),
    Entry("member-unknown", "call", r"Unknown parameter in (?P<place>[\w.\[\]]+): \"(?P<name>\w+)\", must "
          r"be one of",
          "take {name} out of {place}, or look it up in the list behind it: one letter or its case is wrong, "
          "or boto3 is older than the parameter",
          "botocore.validate, botocore 1.44.5", code="ParamValidationError"),
    Entry("parameter", "call", r"Parameter validation failed|Invalid (type|length) for parameter",
          "mend what the message names: botocore has sent nothing yet", "botocore.validate, botocore 1.44.5",
          code="ParamValidationError", general=True),
    Entry("validation", "call", r"validation errors? detected: Value (?P<value>'[^']{0,60}|null).*? at "
          r"'(?P<place>[^']*)'",
          "mend {place}: the constraint behind it is what AWS takes", API, code="Validation(Exception|Error)",
          general=True),
)  # fmt: skip
