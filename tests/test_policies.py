"""The generated policies: which actions, on what, of which size; what writes them, and CloudFormation."""

import fnmatch
import json
import subprocess
import sys
from pathlib import Path

import iam_reference
import pytest
from tuneaws import policies
from tuneaws.policies import executing, grants, instructing, learning, lessons

ROOT = Path(__file__).resolve().parents[1]
ACCOUNT, REGION, BUCKET = "123456789012", "us-east-1", "tuneaws-123456789012-us-east-1-a1b2c3"
MADE = {
    "learner": policies.learner(ACCOUNT, REGION, BUCKET),
    "execution_role": policies.execution_role(ACCOUNT, REGION, BUCKET),
    "bedrock_role": policies.bedrock_role(ACCOUNT, BUCKET),
    "instructor": policies.instructor(ACCOUNT, REGION),
    "studio": policies.studio(ACCOUNT, REGION),
    "deny_expensive": policies.deny_expensive(),
}
every = pytest.mark.parametrize("name", MADE)


def statements(name):
    return MADE[name]["Statement"]


def as_list(value):
    return value if isinstance(value, list) else [value]


@every
def test_actions_are_named_one_by_one_and_are_aws_own(name):
    actions = [action for one in statements(name) for action in as_list(one["Action"])]
    assert [action for action in actions if "*" in action or not iam_reference.knows(action)] == []
    assert len(actions) >= 2


@pytest.mark.parametrize("name", ["learner", "execution_role", "bedrock_role", "instructor", "studio"])
def test_each_action_stands_on_a_resource_that_it_can_be_allowed_on(name):
    checked, wrong = 0, []
    for one in statements(name):
        for action in as_list(one["Action"]):
            checked += 1
            if not any(iam_reference.fits(action, arn) for arn in as_list(one["Resource"])):
                wrong.append((action, one["Resource"]))
    assert wrong == []
    assert checked >= 3


@every
def test_only_what_knows_no_resource_is_allowed_on_all(name):
    wide = [action for one in statements(name) if one["Resource"] == "*" and one["Effect"] == "Allow"
            for action in as_list(one["Action"]) if not iam_reference.fits(action, "*")]
    assert wide == []


@every
def test_a_policy_fits_into_what_iam_takes(name):
    parts = policies.split(MADE[name])
    assert all(grants.size(part) <= 6144 for part in parts)
    assert [one for part in parts for one in part["Statement"]] == statements(name)
    assert len(parts) <= 3


def test_statements_have_names_of_their_own():
    for name in ("learner", "execution_role", "instructor"):
        names = [one["Sid"] for one in statements(name)]
        assert len(set(names)) == len(names) and all(sid.isalnum() for sid in names), names


def test_no_action_is_granted_twice_on_the_same_place():
    for table in (learning.LEARNER, executing.EXECUTION, instructing.INSTRUCTOR):
        rows = [(grant.action, grant.on) for grant in table]
        assert len(set(rows)) == len(rows), sorted(row for row in rows if rows.count(row) > 1)


def test_a_role_may_be_passed_to_one_service_only():
    passing = [one for one in statements("learner") if "iam:PassRole" in as_list(one["Action"])]
    given = {one["Resource"]: one["Condition"]["StringEquals"]["iam:PassedToService"] for one in passing}
    assert given == {
        f"arn:aws:iam::{ACCOUNT}:role/tuneaws-sagemaker": "sagemaker.amazonaws.com",
        f"arn:aws:iam::{ACCOUNT}:role/tuneaws-bedrock": "bedrock.amazonaws.com",
    }


def allowed(name, action, arn):
    """Whether a document has the action on a resource, its conditions aside."""
    return any(action in as_list(one["Action"]) and fnmatch.fnmatchcase(arn, pattern)
               for one in statements(name) for pattern in as_list(one["Resource"]))


@pytest.mark.parametrize("name, action, arn", [
    ("learner", "sagemaker:ListTags", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/of-others"),
    ("learner", "sagemaker:ListTags", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:mlflow-app/app-ABC"),
    ("learner", "sagemaker:AddTags", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:mlflow-app/app-ABC"),
    ("learner", "bedrock:InvokeModel", "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-2-lite-v1:0"),
    ("learner", "logs:DescribeLogStreams",
     f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs:log-stream:"),
    ("learner", "logs:DeleteLogGroup",
     f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/tuneaws-a:*"),
    ("instructor", "iam:ListRoleTags", f"arn:aws:iam::{ACCOUNT}:role/of-others"),
    ("instructor", "iam:ListEntitiesForPolicy", f"arn:aws:iam::{ACCOUNT}:policy/tuneaws-learner-1"),
])
def test_what_no_local_run_can_show_to_be_needed_is_allowed(name, action, arn):
    assert allowed(name, action, arn)


def test_tags_and_logs_of_others_stay_as_they_are():
    start = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/of-others"
    assert not allowed("learner", "sagemaker:AddTags", start)
    logs = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/"
    assert not allowed("learner", "logs:DeleteLogGroup", f"{logs}Endpoints/of-others:*")
    assert not allowed("learner", "logs:DeleteLogStream", f"{logs}TrainingJobs:log-stream:of-others/algo-1")


def test_a_learner_makes_no_roles_users_or_policies():
    actions = policies.actions()
    writing = ("iam:Create", "iam:Put", "iam:Attach", "iam:Update", "iam:Delete")
    assert [action for action in actions if action.startswith(writing)] == []


def test_names_of_the_project_and_regions_reach_the_arns():
    made = policies.learner("210987654321", "eu-west-1", "mine", name="myco", bedrock_region="us-west-2",
                            tags={"team": "red"}, machines=["ml.g5.xlarge"])
    text = json.dumps(made)
    assert "arn:aws:sagemaker:eu-west-1:210987654321:training-job/myco*" in text
    assert "arn:aws:bedrock:us-west-2:210987654321:custom-model/*" in text
    assert '"aws:ResourceTag/team": "red"' in text and '["ml.g5.xlarge"]' in text
    assert "arn:aws:s3:::mine/*" in text and "123456789012" not in text


def test_an_instructor_of_a_project_of_another_name_may_make_the_two_roles_too():
    made = policies.instructor(ACCOUNT, REGION, name="myco")["Statement"]
    (creating,) = [one["Resource"] for one in made if "iam:CreateRole" in one["Action"]]
    assert creating == [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in
                        ("myco*", "tuneaws-sagemaker", "tuneaws-bedrock")]


def test_trust_names_the_service_and_this_account():
    for service in ("sagemaker", "bedrock"):
        for one in policies.trust(service, ACCOUNT, REGION)["Statement"]:
            assert one["Principal"] == {"Service": f"{service}.amazonaws.com"}
            assert one["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    with pytest.raises(ValueError, match="sagemaker"):
        policies.trust("lambda", ACCOUNT, REGION)


def test_lessons_need_fewer_actions_than_the_course():
    assert lessons.table(), "no lessons.json: run benchmarks/permissions.py"
    first, all_of_them = set(policies.actions(["00", "01"])), set(policies.actions())
    assert first < set(policies.actions(["04_huggingface_estimator"])) | first < all_of_them
    assert "sagemaker:CreateTrainingJob" in policies.actions(["04"])
    assert "sagemaker:CreateTrainingJob" not in first


# --- what writes them


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """{file name: document} of one run of the command."""
    out = tmp_path_factory.mktemp("policies")
    script = str(ROOT / "code" / "write_policies.py")
    command = [sys.executable, script, "--account", ACCOUNT, "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return {path.name: json.loads(path.read_text()) for path in out.iterdir()}


def test_the_command_writes_every_document(written):
    named = {"learner-1.json", "instructor-1.json", "execution-role.json", "bedrock-role.json",
             "trust-sagemaker.json", "trust-bedrock.json", "deny-expensive.json", "template.json"}
    assert named <= set(written)
    assert ACCOUNT in json.dumps(written["learner-1.json"])


def test_the_template_has_the_roles_and_what_is_handed_out(written):
    resources = written["template.json"]["Resources"]
    kinds = sorted(one["Type"] for one in resources.values())
    assert kinds.count("AWS::IAM::Role") == 2 and kinds.count("AWS::IAM::ManagedPolicy") >= 4
    execution = resources["ExecutionRole"]["Properties"]
    assert execution["AssumeRolePolicyDocument"] == written["trust-sagemaker.json"]
    assert execution["Policies"][0]["PolicyDocument"] == written["execution-role.json"]
    assert {"Key": "course", "Value": "tuneaws"} in execution["Tags"]


def lint(template: dict) -> list:
    from cfnlint.api import lint as run

    return [str(match) for match in run(json.dumps(template), regions=[REGION])]


def test_cfn_lint_finds_nothing_in_the_template(written):
    assert lint(written["template.json"]) == []


def test_cfn_lint_would_find_a_wrong_action(written):
    broken = json.loads(json.dumps(written["template.json"]).replace("s3:GetObject", "s3:FetchObject"))
    assert any("fetchobject" in found.lower() for found in lint(broken))


def test_a_wrong_account_is_refused_and_a_document_can_be_shown(capsys):
    sys.path.insert(0, str(ROOT / "code"))
    import write_policies

    with pytest.raises(SystemExit):
        write_policies.main(["--account", "12"])
    assert write_policies.main(["--account", ACCOUNT, "--show", "deny"]) == 0
    assert "ml.p5.*" in capsys.readouterr().out.split("[", 1)[1]
    assert write_policies.main(["--account", ACCOUNT, "--show", "nothing"]) == 2
