"""What a training job says that fails, waits or is stopped: in its FailureReason, its status or its log."""

from tuneaws.fixes.entry import Entry

TROUBLE = "https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html, 2026-11"
TOOLKIT = "sagemaker-training 5.1.4, errors.py"
FIELDS = (
    "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_SecondaryStatusTransition.html, 2026-11"
)
HUB = "huggingface_hub 1.x errors.py, 2026-11"
BY_HAND = "run the script by hand first, which is free: local_run or python train.py"
CHANNELS = "https://docs.aws.amazon.com/sagemaker/latest/dg/model-train-storage.html, 2026-11"

ROWS = (
    # machines
    Entry("capacity", "job", r"(CapacityError|(EC2)?InsufficientCapacity(Error)?)\b",
          "start it again later, or with another instance type of the same GPU memory (job_costs.compare "
          "lists them), or in another region",
          "github.com/DIAGNijmegen/rse-grand-challenge issue 2631, 2026-11"),
    Entry("waits-for-machines", "job", r"Insufficient capacity error from EC2 while launching instances",
          "wait, it bills nothing in Starting; or stop it and take another instance type, or on-demand "
          "instead of spot", FIELDS),
    Entry("spot-wait-over", "job", r"MaxWaitTimeExceeded|MaxWaitTimeInSeconds (provided|exceeded)",
          "give max_wait more time above max_run, or train on demand: spot had no machine for long enough",
          TROUBLE),
    Entry("max-run-over", "job", r"MaxRuntimeExceeded|runtime exceeded MaxRuntimeInSeconds",
          "raise max_run; with save_steps, a job that is given the same checkpoint_s3_uri goes on from the "
          "last checkpoint", FIELDS),
    # memory and disk
    Entry("memory", "log", r"CUDA out of memory|OutOfMemoryError|MemoryError|Unable to allocate|"
          r"DefaultCPUAllocator: (can't|not enough)|the GPU's memory does not suffice",
          "halve per_device_train_batch_size and double gradient_accumulation_steps, the result is the same; "
          "then lower max_seq_length, or take a machine with more memory (plan.choosing)",
          "https://pytorch.org/docs/stable/notes/faq.html, 2026-11"),
    Entry("killed", "job", r"Process killed by SIGKILL|OutOfMemory: |signal 9\b|ExitCode -9\b|exit code: 137",
          "take an instance with more memory, or load less at once: the system killed the script, most often "
          "for memory",
          TOOLKIT),
    Entry("disk-full", "log", r"No space left on device|Errno 28",
          "raise sagemaker.volume_size_gb, the estimator's volume_size: it must hold the model three times",
          CHANNELS),
    # the script and what it needs
    Entry("module-missing", "log", r"ModuleNotFoundError: No module named '(?P<name>[\w.]+)'",
          "put {name} into requirements.txt beside the script: it is installed before the script starts",
          "https://sagemaker.readthedocs.io/en/v2/frameworks/huggingface/index.html, 2026-11"),
    Entry("import", "log", r"ImportError: cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'",
          "pin the version of {module} that has {name} in requirements.txt: the image's is another one "
          "than yours",
          TOOLKIT),
    Entry("requirements", "log", r"No matching distribution found for|Could not find a version that|"
          r"ResolutionImpossible|Invalid requirement",
          "try `pip install --dry-run -r requirements.txt` by hand: a name or a version in it is misspelt, "
          "or not made for the image's Python",
          "https://pip.pypa.io/en/stable/topics/dependency-resolution/, 2026-11"),
    Entry("script-missing", "log", r"can't open file '(?P<path>[^']*)'.*No such file",
          "set entry_point to a file of source_dir, by its path inside it: raw_jobs.code_files(source_dir) "
          "lists them", TOOLKIT),
    Entry("entry-point", "job", r"the training entry point '(?P<name>[^']*)' cannot be used",
          'set entry_point to a plain path inside source_dir, such as "train.py", instead of {name}',
          TOOLKIT),
    Entry("syntax", "log", r"(SyntaxError|IndentationError): ",
          "run `python -m py_compile` on the script before you send it", "Python's own words"),
    Entry("arguments", "log", r"error: (unrecognized arguments: (?P<names>.+)|argument |the following "
          r"arguments are)",
          "make the job's hyperparameters those that the script's argparse knows: each arrives as --name "
          "value",
          "https://sagemaker.readthedocs.io/en/v2/frameworks/huggingface/index.html, 2026-11"),
    Entry("channel-variable", "log", r"KeyError: '(?P<name>SM_(CHANNEL_\w+|\w+_DIR))'",
          "name the channel as the script reads it: fit({{'training': …}}) becomes SM_CHANNEL_TRAINING, not "
          "{name}", CHANNELS),
    Entry("file-missing", "log", r"FileNotFoundError: .*No such file or directory: '(?P<path>[^']*)'",
          "print os.listdir of its folder in the script: a channel's files lie in SM_CHANNEL_<NAME>, by the "
          "part of the key after the prefix, and {path} is not among them", CHANNELS),
    Entry("not-json", "log", r"JSONDecodeError: (?P<why>.+)",
          "write one JSON object a line, UTF-8, no commas between them: data.read_rows says which line is "
          "wrong",
          "https://jsonlines.org, 2026-11"),
    Entry("not-utf8", "log", r"UnicodeDecodeError: '(?P<codec>[\w-]+)' codec",
          "save the file as UTF-8: data.convert does, and says what it read",
          "Python's own words"),
    Entry("no-rows", "log", r"not one row in (them|it)|num_samples=0|has no \*\.jsonl file|The dataset is "
          r"empty",
          "look at the channel's files: they are empty, or none is of the kind that the script reads",
          CHANNELS),
    Entry("loss-nan", "log", r"(?i)\bloss\b['\"]?(=|:| is) ?['\"]?(nan|inf)\b",
          "lower learning_rate, or raise warmup_ratio; in float16 take bf16",
          "github.com/huggingface/transformers issue 5651, 2026-11"),
    # code and data on the way
    Entry("data-gone", "job", r"Data download failed:\s*(?P<uri>s3://\S+).*(NoSuchKey|specified "
          r"key|NoSuchBucket|specified bucket)",
          "upload it again, and let nothing delete it while a job starts: {uri} is not there", CHANNELS),
    Entry("source-archive", "job", r"cannot be read as a gzipped tar file|was not extracted: its member",
          "pack the code by raw_jobs.upload_code, or tar czf with names relative to the folder", TOOLKIT),
    Entry("no-script", "local", r"the job names no script",
          "give the job sagemaker_program and sagemaker_submit_directory, as the estimator and "
          "raw_jobs.training_request do", "code/README.md of this course",
          free="script mode runs here for free."),
    # the hub
    Entry("hub-unknown", "log", r"RepositoryNotFoundError|Repository Not Found for url|is not a valid model "
          r"identifier",
          "check the model's id letter by letter on huggingface.co; a private one needs a token too", HUB),
    Entry("hub-not-asked", "log", r"GatedRepoError: 403|403 Client Error[\s\S]*gated repo|not in the "
          r"authorized list",
          "ask for access on the model's page and wait for the mail: this token's account does not have it "
          "yet", HUB),
    Entry("hub-gated", "log", r"GatedRepoError|Cannot access gated repo|trying to access a gated repo",
          "accept the model's licence on its page, and give the job a token: model.hf_token_secret in "
          "config.yaml", HUB),
    Entry("hub-offline", "log",
          r"LocalEntryNotFoundError|OfflineModeIsEnabled|couldn't connect to 'https://huggingface.co'|"
          r"is not in the hub cache|outgoing traffic has been disabled",
          "take a model that is there (pocketaws/chat-1m in local), or give the job a channel called 'model' "
          "with its files", HUB),
    # this machine
    Entry("local-aws-ended", "local", r"the local AWS ended",
          "start the job again: the log of this one is kept, and a job that is given the same "
          "checkpoint_s3_uri goes on from the last checkpoint", "code/README.md of this course"),
    # where to look when nothing above fits
    Entry("script-failed", "job", r"ExecuteUserScriptError|AlgorithmError",
          "read the last lines of its log, training_jobs.explain_failure(sm, logs, name), mend the script, "
          "and run it by hand first, which is free", TOOLKIT, general=True),
)  # fmt: skip
