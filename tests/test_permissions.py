"""What benchmarks/permissions.py makes of a record: its parts, without running a lesson."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
if str(BENCHMARKS) not in sys.path:
    sys.path.append(str(BENCHMARKS))

import permissions_page as page  # noqa: E402
import permissions_record as record  # noqa: E402

LEARNER = "arn:aws:iam::123456789012:user/learner"
JOB = "arn:aws:sts::123456789012:assumed-role/tuneaws-sagemaker/SageMaker"
LESSONS = {"04_a": {"first": {"status": "passed"}, "second": {"status": "passed"}},
           "05_b": {"first": {"status": "failed"}}}  # fmt: skip


def line(at, principal, *actions, app=None, refused=None):
    at = f"2026-11-01T12:{at}.000Z"
    return {"at": at, "principal": principal, "app": app, "actions": list(actions), "refused": refused}


@pytest.fixture
def home(tmp_path):
    root = "arn:aws:iam::123456789012:root"
    old = [line("00:01", JOB, "s3:PutObject", app="pocketaws-engine"),  # before any lesson
           line("00:05", LEARNER, "s3:ListBucket", app="tuneaws-04_a"),
           line("00:06", JOB, "s3:GetObject", app="pocketaws-engine")]  # fmt: skip
    new = [
        line("00:30", LEARNER, "s3:ListBucket", "s3:ListBucket", app="tuneaws-04_a"),
        line("00:40", root, "iam:CreateRole", app="tuneaws-python"),
        line("05:00", LEARNER, "s3:DeleteObject", app="tuneaws-05_b", refused="s3:DeleteObject"),
    ]
    for name, lines in (("calls.1.jsonl", old), ("calls.jsonl", new)):
        (tmp_path / name).write_text("".join(json.dumps(each) + "\n" for each in lines))
    return tmp_path


def test_a_call_belongs_to_its_callers_policy_and_to_its_lesson(home):
    assert record.asked(home) == {
        "learner s3:ListBucket": {"04_a": 2},
        "learner s3:DeleteObject": {"05_b": 1},
        "execution_role s3:GetObject": {"04_a": 1},
    }
    assert record.policy_of("arn:aws:sts::1:assumed-role/other/x") is None


def test_refusals_are_counted_from_a_time_on(home):
    assert record.refused(home, "2026-11-01T12:00:00.000Z") == {"learner s3:DeleteObject": 1}
    assert record.refused(home, "2026-11-01T12:06:00.000Z") == {}


def test_the_table_of_lessons_has_an_action_a_line():
    asked = {"learner s3:ListBucket": {"05_b": 1, "04_a": 1}, "execution_role s3:GetObject": {"04_a": 1}}
    assert json.loads(page.table(asked)) == {"s3:ListBucket": ["04", "05"]}
    assert page.table(asked).count("\n") == 3


def test_what_no_policy_has_is_no_lesson_s_need():
    asked = {"learner iam:PutRolePolicy": {"14_a": 1}, "learner s3:ListBucket": {"14_a": 1}}
    assert list(page.granted(asked)) == ["learner s3:ListBucket"]


def test_each_action_says_what_happens_without_it():
    seen = {"outcome": "failed", "lesson": "04_a", "cell": 9, "error": "AccessDenied"}
    assert page.without("", {"04_a": 1}, seen) == "lesson 04 fails in code cell 9"
    assert page.without("", {"04_a": 1}, {**seen, "outcome": "went on"}) == page.WENT_ON
    assert page.without("pulls its image", {}, None) == "kept: pulls its image"
    assert page.without("", {"04_a": 1}, None) == "not tried"


def test_the_page_counts_what_was_asked_for_and_what_failed(home):
    asked = record.asked(home)
    removals = {"learner s3:ListBucket": {"outcome": "failed", "lesson": "04_a", "cell": 3, "error": ""}}
    text = page.page(asked, removals, LESSONS, page.calls(home))
    assert "- 2 lessons, 2 of 3 runs of them went to their end" in text
    assert "- 6 calls recorded: 3 by the learner, 2 as the execution role" in text
    assert "3 asked for\n- of these 1 made a lesson fail when they were missing, and 2 were refused" in text
    assert "| s3:ListBucket | 04 | 2 | lesson 04 fails in code cell 3 |" in text
    assert "| ecr:BatchGetImage | none | 0 | kept: a machine on AWS pulls its image" in text
