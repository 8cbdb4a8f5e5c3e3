"""Bedrock: models that can't be used, customization and import jobs, what the runtime refuses."""

from tuneaws.fixes.entry import Entry

ACCESS = "https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html, 2026-11"
CYCLE = "https://docs.aws.amazon.com/bedrock/latest/userguide/model-lifecycle.html, 2026-11"
TROUBLE = "https://docs.aws.amazon.com/bedrock/latest/userguide/fine-tuning-troubleshooting.html, 2026-11"
PREPARE = "https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-prepare.html, 2026-11"
PROFILES = "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html, 2026-11"
IMPORT = (
    "https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-import-model.html, 2026-11"
)
CODES = "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html, 2026-11"
CONVERSE = "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, 2026-11"
BEDROCK = "bedrock|bedrock-runtime"
INVALID = "ValidationException"

ROWS = (
    # which model
    Entry("model-access", "call", r"don't have access to the model",
          'ask for access on the Bedrock console\'s page "Model access"',
          ACCESS, code="AccessDeniedException"),
    Entry("model-ended", "call", r"reached the end of its life",
          "take a model that is offered: bedrock_jobs.tunable(bedrock) lists what can be tuned", CYCLE,
          code="ResourceNotFoundException"),
    Entry("model-legacy", "call", r"marked by provider as Legacy",
          "take a newer model: one in its legacy phase takes no new users; bedrock_jobs.tunable(bedrock) "
          "lists what can be tuned", CYCLE),
    Entry("model-on-demand", "call", r"Invocation of model ID (?P<model>\S+) with on-demand throughput "
          r"isn.t supported",
          "ask an inference profile, such as us.{model}; a tuned model answers by its deployment "
          "(bedrock_models.deploy)", PROFILES, code=INVALID),
    Entry("model-id", "call", r"provided model identifier is invalid",
          "take an id of this region: bedrock.list_foundation_models() lists them; an ARN must be of this "
          "region and account", CODES, code=INVALID),
    Entry("not-tunable", "call", r"does not support fine-tuning",
          "take one that does: bedrock_jobs.tunable(bedrock) lists them", TROUBLE, code=INVALID),
    # a job's request
    Entry("bedrock-file-folder", "call", r"Uri should be a file, not a directory",
          "give the whole address of one .jsonl file: bedrock_data.upload returns it", TROUBLE, code=INVALID),
    Entry("bedrock-read", "call", r"Could not validate GetObject permissions.*bucket: (?P<bucket>\S+) at "
          r"key (?P<key>[^:]+)",
          "upload {key} to a bucket of the job's region, and let the job's role read it: bedrock_data.upload "
          "and bedrock_jobs.ensure_role do", TROUBLE),
    Entry("bedrock-write", "call", r"Could not validate PutObject permissions.*bucket: (?P<bucket>\S+)",
          "give outputDataConfig a bucket of the job's region that its role may write: not {bucket}",
          TROUBLE),
    Entry("bedrock-name-taken", "call", r"The (?P<what>[\w ]+) name (?P<name>\S+) is already in use",
          "take another name, bedrock_jobs.new_name(project), or delete the {what} that has this one",
          TROUBLE,
          code="ConflictException"),
    Entry("bedrock-in-use", "call", r"is in use by (?P<user>arn:\S+?)\. ",
          "delete {user} first: bedrock_models.delete(bedrock, arn)",
          "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_DeleteCustomModel.html, 2026-11",
          code="ConflictException"),
    Entry("bedrock-quota", "call", r"The quota of (?P<what>.+?) is (?P<most>\d+)",
          "deploy on demand instead, bedrock_models.deploy costs nothing until it is asked; or ask in "
          "Service Quotas for more than {most} {what}",
          "https://docs.aws.amazon.com/bedrock/latest/userguide/prov-throughput.html, 2026-11",
          code="ServiceQuotaExceededException"),
    Entry("bedrock-job-over", "call", r"The job is in status (?P<status>\w+) and cannot be stopped",
          "leave it: it is {status}", TROUBLE, code="ConflictException"),
    Entry("bedrock-not-there", "call", r"Could not find the [\w ]+ \S+\.$|The [\w ]+ arn:\S+ does not exist",
          "list what there is in this region; it is deleted, or in another region, or spelt otherwise", CODES,
          code="ResourceNotFoundException", service=BEDROCK, general=True),
    # what a job says of its data
    Entry("bedrock-too-few", "job", r"too-few-records",
          "add rows, or take a model that needs fewer: Nova takes 8, Llama 100", PREPARE),
    Entry("bedrock-schema", "job", r"wrong-schema-for-model",
          "convert the rows for this model: bedrock_data.from_frozen_rows writes each family's own form",
          PREPARE),
    Entry("bedrock-too-long", "job", r"too-many-tokens",
          "shorten or leave out the record: bedrock_data.check names every one that is too long", PREPARE),
    Entry("bedrock-hyperparameter", "job", r"(unknown-hyperparameter|hyperparameter-\S+): (?P<why>\w+)",
          "set {why} within the family's range: bedrock_jobs.hyperparameters holds values to it before "
          "anything is sent",
          "https://docs.aws.amazon.com/bedrock/latest/userguide/custom-models-hp.html, 2026-11"),
    Entry("bedrock-jsonl", "job", r"must conform to JSONL format|: "
          r"(not-json|not-utf8|empty-line|not-an-object): ",
          "write one JSON object a line, UTF-8, no empty line: bedrock_data.check names the lines, for free",
          TROUBLE),
    Entry("bedrock-record", "job", r"(?i)line (?P<line>\d+) of the (?P<file>\w+) data: (?P<rule>[\w-]+): ",
          "mend line {line} of the {file} file and others like it: bedrock_data.check names every one, for "
          "free",
          PREPARE),
    # imports
    Entry("import-adapter", "job", r"LoRA adapter: merge it",
          "train with merge_weights: true, then bedrock_models.stage", IMPORT),
    Entry("import-files", "job", r"The model's files lack (?P<files>.+?)\.$",
          "put the files of one whole model right under the prefix, {files} too: bedrock_models.stage does",
          IMPORT),
    Entry("import-architecture", "job", r"The architecture (?P<name>\S+) of config.json is not one of",
          "import a Llama, Mistral, Mixtral, Qwen, T5 or GPT-OSS model: {name} is none of those", IMPORT),
    Entry("import-weights", "job", r"is not a safetensors file|its header asks for|weights of type|is "
          r"quantized",
          "save the model anew with save_pretrained, in float16 or bfloat16, and upload all of it", IMPORT),
    # asked
    Entry("bedrock-throttled", "call", r".*",
          "use fewer workers, or ask for a higher quota of requests a minute in Service Quotas", CODES,
          code="ThrottlingException", service="bedrock-runtime"),
    Entry("model-not-ready", "call", r".*", "ask again in a minute: the model is being loaded",
          "https://repost.aws/knowledge-center/bedrock-imported-models-modelnotreadyexception, 2026-11",
          code="ModelNotReadyException"),
    Entry("model-timeout", "call", r".*", "ask for a smaller max_tokens",
          CODES, code="ModelTimeoutException"),
    Entry("model-error", "call", r".*", "ask again; if it stays so, with other words or another model", CODES,
          code="ModelErrorException|ModelStreamErrorException"),
    Entry("context-too-long", "call", r"Input is too long for requested model",
          "shorten the prompt or the conversation, or take a model with a longer context",
          CODES, code=INVALID),
    Entry("max-tokens", "call", r"maximum tokens you requested exceeds the model limit of (?P<most>\d+)",
          "set maxTokens to {most} at most", CONVERSE, code=INVALID),
    Entry("turns", "call", r"must alternate between user and assistant|must start with a user|must end "
          r"with a user|"
          "assistant message prefill",
          "send user and assistant in turns, the user's first and last", CONVERSE, code=INVALID),
    Entry("empty-turn", "call", r"is blank\. Add text|is empty\. Add a ContentBlock",
          "leave empty messages out: every content needs a text that is not blank", CONVERSE, code=INVALID),
    Entry("not-a-chat-model", "call", r"doesn't support the model that you provided",
          'use invoke(), or generator(..., api="invoke"): not every imported model takes Converse', CONVERSE,
          code=INVALID),
    Entry("model-body", "call", r"Malformed input request",
          "use converse(), which is the same for all models; invoke() needs the family's own body, "
          "bedrock_models.invoke_request(...) prints one",
          "https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html, 2026-11",
          code=INVALID),
    Entry("bedrock-validation", "call", r".*",
          "print the request, bedrock_models.requests and bedrock_jobs.request write them, and compare",
          CODES,
          code=INVALID, service=BEDROCK, general=True),
)  # fmt: skip
