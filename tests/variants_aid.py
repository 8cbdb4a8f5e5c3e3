"""What the tests of variants and runs share: a job that is over in a second, and says what the real one says.

Its loss is a bowl over learning rate and rank; train_metrics.json has "run" from the real provenance.py.
"""

import shutil
from pathlib import Path

import pytest

TRAINING = Path(__file__).resolve().parents[1] / "code" / "container" / "training"
SCRIPT = """
import argparse, json, math, os
from pathlib import Path
from provenance import describe
parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float)
parser.add_argument("--lora_r", type=int, default=8)
parser.add_argument("--seed", type=int, default=7)
parser.add_argument("--model_id", default="tests/none")
parser.add_argument("--fail", type=int, default=0)
args = parser.parse_known_args()[0]
args.training, args.validation = Path(os.environ["SM_CHANNEL_TRAINING"]), None
if args.fail:
    raise ValueError("told to fail")
history = []
for step in (10, 20, 30):
    loss = 1 / step + (math.log10(args.learning_rate) + 2) ** 2 + (args.lora_r / 16 - 1) ** 2
    history.append({"step": step, "eval_loss": loss})
    print(f"[metric] step={step} eval_loss={loss:.6f}", flush=True)
document = {"history": history, "run": describe(args)}
Path(os.environ["SM_OUTPUT_DATA_DIR"], "train_metrics.json").write_text(json.dumps(document))
Path(os.environ["SM_MODEL_DIR"], "weights.txt").write_text(str(loss))
"""


class Lab:
    """A session with the local AWS, a bucket with a channel, and a folder with the quick script."""

    def __init__(self, session, bucket: str, folder: Path):
        self.session, self.bucket, self.source = session, bucket, folder
        self.sdk_session = session.sagemaker()
        shutil.copy(TRAINING / "provenance.py", folder)
        (folder / "train.py").write_text(SCRIPT)
        self.channels = {"training": f"s3://{bucket}/data/train/"}
        self.put_data("one row\n")
        s3 = session.client("s3")
        s3.put_object(Bucket=bucket, Key="data/train/more/b.jsonl", Body=b"rows in a folder below\n")

    def put_data(self, text: str) -> None:
        s3 = self.session.client("s3")
        s3.put_object(Bucket=self.bucket, Key="data/train/a.jsonl", Body=text.encode())

    def estimator(self, hyperparameters: dict, **changes):
        """The estimator of a quick job; its machine is the course's, so that a price is known."""
        from tuneaws.huggingface import HuggingFace
        from tuneaws.metrics import METRIC_DEFINITIONS

        arguments = dict(
            entry_point="train.py", source_dir=str(self.source), hyperparameters=hyperparameters,
            metric_definitions=METRIC_DEFINITIONS, instance_type="ml.g5.xlarge",
            instance_count=1, max_run=600,
            transformers_version="4.56.2", pytorch_version="2.8.0", py_version="py312",
            role=self.session.role_arn, sagemaker_session=self.sdk_session,
            output_path=f"s3://{self.bucket}/models", code_location=f"s3://{self.bucket}/code",
            tags=[{"Key": "course", "Value": "tuneaws"}],
        )  # fmt: skip
        return HuggingFace(**{**arguments, **changes})


@pytest.fixture(scope="module", name="lab")
def a_lab(local_aws, tmp_path_factory):
    """A Lab for a module. What connect() changes in the environment is changed back."""
    import os
    import uuid

    import boto3
    from tuneaws import environment, session

    before = dict(os.environ)
    os.environ["AWS_ENDPOINT_URL"] = local_aws.url
    bucket = f"lab-{uuid.uuid4().hex[:20]}"
    local_aws.client("s3").create_bucket(Bucket=bucket)
    yield Lab(session.connect("local"), bucket, tmp_path_factory.mktemp("source"))
    environment.leave()
    os.environ.clear()
    os.environ.update(before)
    boto3.DEFAULT_SESSION = None
