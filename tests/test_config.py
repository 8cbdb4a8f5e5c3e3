"""config.yaml: what it accepts, and what it says when it can't be used."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from tuneaws import config, learner
from tuneaws.config import ConfigError, load

SHIPPED = Path(__file__).resolve().parents[1] / "config.yaml"


@pytest.fixture
def edited(tmp_path):
    """Write the shipped file with one piece of text replaced, and return its path."""

    def edit(old: str, new: str) -> Path:
        text = SHIPPED.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in config.yaml"
        path = tmp_path / "config.yaml"
        path.write_text(text.replace(old, new))
        return path

    return edit


def problems_of(*args, **kwargs) -> list:
    with pytest.raises(ConfigError) as caught:
        load(*args, **kwargs)
    return caught.value.problems


@pytest.mark.parametrize("where", ["local", "aws"])
def test_the_shipped_file_loads_for_both_places(where):
    cfg = load(where=where)
    assert cfg.where == where
    assert cfg.region == "us-east-1"
    assert cfg.sagemaker.instance_type == "ml.g5.xlarge"
    assert cfg.training.model_id == cfg.model.id


def test_every_key_of_the_shipped_file_has_a_comment():
    leaves = config._leaves(config.Config)
    lines = SHIPPED.read_text().splitlines()
    commented = 0
    for path in leaves:
        name = path.rpartition(".")[2]
        at = [i for i, line in enumerate(lines) if line.strip().startswith(f"{name}:")]
        assert at, path
        # Beside the key, on the line above it, or on the line of the mapping it stands in (tags, prompt).
        assert any("#" in lines[i] or "#" in lines[i - 1] for i in at), path
        commented += 1
    assert commented == len(leaves) == 72


def test_a_value_can_differ_by_place():
    assert load(where="local").training.learning_rate == 6e-3
    assert load(where="aws").training.learning_rate == 2e-4
    assert load(where="aws").model.id.startswith("Qwen/")


def test_the_file_says_where_when_nobody_else_does(edited):
    path = edited("where: local ", "where: aws ")
    assert load(path).where == "aws"
    assert load(path).training.max_steps == -1
    assert load(path, where="local").training.max_steps == 200


def test_hyperparameters_carry_the_model_and_every_training_key():
    cfg = load()
    values = cfg.training.hyperparameters()
    assert values["model_id"] == "pocketaws/chat-1m"
    assert set(values) == {f.name for f in dataclasses.fields(config.Training)}
    assert values["merge_weights"] is True and values["max_steps"] == 200


def test_a_value_given_to_load_wins_and_none_means_as_in_the_file():
    cfg = load(**{"training.max_steps": 20, "dataset.source": Path("rows.csv"), "region": None})
    assert (cfg.training.max_steps, cfg.dataset.source, cfg.region) == (20, "rows.csv", "us-east-1")


def test_a_configuration_cannot_be_changed_after_it_is_loaded():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().training.max_steps = 3


def test_tags_come_in_the_form_that_aws_takes(monkeypatch):
    monkeypatch.setattr(learner, "_caller", "")
    for name in ("TUNEAWS_LESSON", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert load().project.tag_list() == [{"Key": "course", "Value": "tuneaws"}]


def test_what_is_made_says_who_made_it_in_which_lesson_and_is_found_without(monkeypatch):
    monkeypatch.setattr(learner, "_caller", "arn:aws:sts::1:assumed-role/Course/Ana.Lima@example.com")
    monkeypatch.setenv("TUNEAWS_LESSON", "solutions/04_huggingface_estimator")
    project = load().project
    assert project.labels() == {"course": "tuneaws", "learner": "ana-lima",
                                "lesson": "04_huggingface_estimator"}
    assert project.tags == {"course": "tuneaws"}
    assert load(**{"project.learner": "Bea B."}).project.labels()["learner"] == "bea-b"
    own = {"course": "c", "learner": "set by hand"}
    assert load(**{"project.tags": own}).project.labels()["learner"] == "set by hand"


@pytest.mark.parametrize("arn, name", [
    ("arn:aws:iam::123456789012:root", "root"),
    ("arn:aws:iam::123456789012:user/students/Ana_L", "ana-l"),
    ("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Course_0a1b/ana@example.com", "ana"),
    ("arn:aws:sts::123456789012:assumed-role/AmazonSageMaker-ExecutionRole-1/SageMaker",
     "amazonsagemaker-executionrole-1"),
    ("arn:aws:sts::123456789012:assumed-role/" + "x" * 60 + "/botocore-session-1700000000", "x" * 32),
    ("", None),
])
def test_the_learner_is_the_name_in_the_credentials_and_nothing_else_of_them(monkeypatch, arn, name):
    monkeypatch.setattr(learner, "_caller", arn)
    assert learner.current() == name


@pytest.mark.parametrize("old, new, path, words", [
    ("lora_r: 16 ", "lora_rank: 16 ", "training.lora_rank", "did you mean 'lora_r'?"),
    ("lora_r: 16 ", "lora_r: sixteen ", "training.lora_r", "whole number from 1 to 1024, saw 'sixteen'"),
    ("lora_r: 16 ", "lora_r: 16.5 ", "training.lora_r", "saw '16.5'"),
    ("lora_r: 16 ", "lora_r: 0 ", "training.lora_r", "from 1 to 1024, saw '0'"),
    ("lora_r: 16 ", "lora_r: true ", "training.lora_r", "saw 'true'"),
    ("lora_r: 16 ", "lora_r: ", "training.lora_r", "saw nothing"),
    ("lora_r: 16 ", "lora_r: [16] ", "training.lora_r", "saw ['16']"),
    ("lora_r: 16 ", "lora_r: 020 ", "training.lora_r", "020 is 16"),
    ("volume_size_gb: 50 ", "volume_size_gb: 1:30 ", "sagemaker.volume_size_gb", "base 60"),
    ("merge_weights: true ", "merge_weights: maybe ", "training.merge_weights", "true or false"),
    ("warmup_ratio: 0.05 ", "warmup_ratio: .nan ", "training.warmup_ratio", "from 0 to 1"),
    ("quantization: nf4 ", "quantization: nf5 ", "training.quantization", "Did you mean 'nf4'?"),
    ("lr_scheduler_type: cosine ", "lr_scheduler_type: cosinus ", "training.lr_scheduler_type", "'cosine'?"),
    ("xlarge   # one 24 GB A10G. A g5", "  # A g5", "sagemaker.instance_type", "ml.g5.xlarge"),
    ("xlarge   # one 24 GB A10G. Another", "  # Another", "endpoint.instance_type", "ml.g5.xlarge"),
    ("serve: huggingface ", "serve: vlm ", "endpoint.serve", "Did you mean 'vllm'?"),
    ("ttl_s: {local: 7200, aws: 3600}       # time", "ttl_s: 30 # time", "endpoint.ttl_s", "from 60 to"),
    ("ttl_s: {local: 7200, aws: 3600}       # life", "ttl_s: 30 # life", "bedrock.ttl_s", "from 60 to"),
    ("model_id: amazon.nova-micro-v1:0", "model_id: nova", "bedrock.model_id", "amazon.nova-micro-v1:0"),
    ("startup_timeout_s: 900 ", "startup_timeout_s: 30 ", "endpoint.startup_timeout_s", "from 60 to 3600"),
    ("\nregion: us-east-1 ", "\nregion: us-east1 ", "region", "us-east-1"),
    ("  name: tuneaws ", "  name: Tune_AWS ", "project.name", "lower-case"),
    ("{dialogue}\"", "{dialog}\"", "prompt.user", "holds {dialogue}"),
    ("{local: 6e-3, aws: 2e-4}", "{local: 6e-3}", "training.learning_rate", "both local and aws"),
    ("{local: 6e-3, aws: 2e-4}", "{local: 6e-3, aws: fast}", "training.learning_rate", "saw 'fast'"),
    ("role_arn: null                # the role the job ", "role_arn: me  # ", "sagemaker.role_arn", "iam::"),
    ("  max_chars: 20000 ", "  # max_chars: 20000 ", "dataset.max_chars", "is missing"),
    ("    course: tuneaws", "    aws:course: tuneaws", "project.tags.aws:course", "does not start with aws:"),
    ("max_steps: {local: 200, aws: -1}", "max_steps: 0", "training.max_steps", "0 trains nothing"),
    ("  spot: false ", "  spot: true\n  spot: false ", "sagemaker.spot", "twice"),
])
def test_one_mistake_is_named_by_its_full_path_and_what_would_do(edited, old, new, path, words):
    problems = problems_of(edited(old, new))
    assert len(problems) == 1, problems
    assert problems[0].startswith(path), problems
    assert words in problems[0], problems


def test_all_mistakes_come_at_once_with_their_lines(edited):
    path = edited("lora_r: 16 ", "lora_r: 0 ")
    path.write_text(path.read_text().replace("volume_size_gb: 50", "volume_size_gb: big"))
    problems = problems_of(path, **{"training.seed": -1})
    assert len(problems) == 3
    lines = path.read_text().splitlines()
    at = 1 + next(i for i, line in enumerate(lines) if "lora_r: 0" in line)
    assert any(f"config.yaml line {at}" in p for p in problems)
    assert any("given to load()" in p for p in problems)


def test_a_mistake_in_the_other_places_branch_is_found_now_and_not_when_it_costs_money(edited):
    path = edited("{local: 6e-3, aws: 2e-4}", "{local: 6e-3, aws: 20}")
    assert "saw '20'" in problems_of(path, where="local")[0]


@pytest.mark.parametrize("text", ["2e-4", "2E-4", "0.0002", ".0002", "'2e-4'"])
def test_a_learning_rate_may_be_written_in_any_usual_way(edited, text):
    # YAML 1.1 loads 2e-4 as a text.
    assert isinstance(yaml.safe_load("2e-4"), str)
    path = edited("{local: 6e-3, aws: 2e-4}", text)
    assert load(path).training.learning_rate == 2e-4


@pytest.mark.parametrize("text, value", [("yes", True), ("on", True), ("True", True), ("no", False),
                                         ("off", False), ("'false'", False)])
def test_yaml_1_1_booleans_mean_what_they_say(edited, text, value):
    assert load(edited("merge_weights: true ", f"merge_weights: {text} ")).training.merge_weights is value


@pytest.mark.parametrize("text", ["auto", "true", "True", "FALSE"])
def test_gradient_checkpointing_takes_auto_or_a_boolean(edited, text):
    path = edited("gradient_checkpointing: auto ", f"gradient_checkpointing: {text} ")
    assert load(path).training.gradient_checkpointing == text.lower()
    assert load(**{"training.gradient_checkpointing": True}).training.gradient_checkpointing == "true"


def test_an_unquoted_account_keeps_its_leading_zero(edited):
    # YAML 1.1 loads 012345670123 as the octal number 1402433619.
    assert yaml.safe_load("012345670123") == 0o12345670123
    assert load(edited("account: null ", "account: 012345670123 ")).account == "012345670123"


def test_an_account_that_another_tool_turned_into_a_number_is_explained(edited):
    problems = problems_of(edited("account: null ", "account: 1402433619 "))
    assert "12 digits in quotes" in problems[0] and "leading zero" in problems[0]
    assert "leading zero" in problems_of(account=0o12345670123)[0]


def test_target_modules_may_be_a_list(edited):
    path = edited("target_modules: all-linear ", "target_modules: [q_proj, v_proj] ")
    assert load(path).training.target_modules == "q_proj,v_proj"


def test_an_unknown_path_given_to_load_gets_the_nearest_name():
    assert "did you mean 'training.max_steps'?" in problems_of(**{"training.max_step": 3})[0]
    assert "did you mean 'training.lora_r'?" in problems_of(lora_r=3)[0]


def test_an_unknown_place_is_refused():
    assert "expected one of local, aws, saw 'moon'" in problems_of(where="moon")[0]


def test_spot_needs_a_wait_that_holds_the_run():
    problem = problems_of(**{"sagemaker.spot": True, "sagemaker.max_wait_s": 10})[0]
    assert "10 is less than max_run_s, 900" in problem


@pytest.mark.parametrize("content, words", [
    (b"", "is empty"),
    (b"# nothing\n", "only comments"),
    (b"where: local\n\tregion: x\n", "it has a tab"),
    (b"where: [local\n", "is not YAML"),
    (b"- where\n", "expected keys, saw a sequence"),
    (b"where: loc\xe4l\n", "is not UTF-8 (byte 10 is 0xe4)"),
    (b"where: local\x00\n", "is not YAML"),
    (b"training:\n", "holds no keys"),
    (b"{[a]: b}\n", "is not a key"),
])
def test_a_file_that_is_no_configuration_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    assert words in "\n".join(problems_of(path))


def test_a_missing_file_is_named(tmp_path):
    assert "there is no" in problems_of(tmp_path / "nope.yaml")[0]


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SHIPPED.read_bytes().replace(b"\n", b"\r\n"))
    assert load(path) == load()
