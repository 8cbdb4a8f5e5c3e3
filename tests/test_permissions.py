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
LESSONS = {
    "04_a": {"began": "2026-11-01T12:00:00.000Z", "ended": "2026-11-01T12:01:00.000Z", "status": "passed"},
    "05_b": {"began": "2026-11-01T12:02:00.000Z", "ended": "2026-11-01T12:03:00.000Z", "status": "failed"},
}


def line(at, principal, *actions, refused=None):
    at = f"2026-11-01T12:{at}.000Z"
    return {"at": at, "principal": principal, "actions": list(actions), "refused": refused}


@pytest.fixture
def home(tmp_path):
    old = [line("00:05", LEARNER, "s3:ListBucket"), line("00:06", JOB, "s3:GetObject")]
    new = [
        line("00:30", LEARNER, "s3:ListBucket", "s3:ListBucket"),
        line("02:30", LEARNER, "s3:PutObject"),  # of a lesson that failed
        line("00:40", "arn:aws:iam::123456789012:root", "iam:CreateRole"),
        line("05:00", LEARNER, "s3:DeleteObject", refused="s3:DeleteObject"),
    ]
    for name, lines in (("calls.1.jsonl", old), ("calls.jsonl", new)):
        (tmp_path / name).write_text("".join(json.dumps(each) + "\n" for each in lines))
    return tmp_path


def test_a_call_belongs_to_its_callers_policy_and_to_the_lesson_of_its_time(home):
    assert record.asked(home, LESSONS) == {
        "learner s3:ListBucket": {"04_a": {"calls": 2, "after_s": 5.0}},
        "execution_role s3:GetObject": {"04_a": {"calls": 1, "after_s": 6.0}},
    }
    assert record.policy_of("arn:aws:sts::1:assumed-role/other/x") is None


def test_refusals_are_counted_from_a_time_on(home):
    calls = home / "calls.jsonl"
    assert record.refused(calls, "2026-11-01T12:00:00.000Z", "s3:DeleteObject") == 1
    assert record.refused(calls, "2026-11-01T12:06:00.000Z", "s3:DeleteObject") == 0


def test_the_table_of_lessons_has_an_action_a_line():
    asked = {"learner s3:ListBucket": {"05_b": {}, "04_a": {}}, "execution_role s3:GetObject": {"04_a": {}}}
    assert json.loads(page.table(asked)) == {"s3:ListBucket": ["04", "05"]}
    assert page.table(asked).count("\n") == 3


def test_each_action_says_what_happens_without_it():
    seen = {"outcome": "failed", "lesson": "04_a", "cell": 9, "error": "AccessDenied"}
    assert page.without("", {"04_a": {}}, seen) == "lesson 04 fails in code cell 9"
    assert page.without("", {"04_a": {}}, {**seen, "outcome": "went on"}) == f"04: {page.WENT_ON}"
    assert page.without("pulls its image", {}, None) == "kept: pulls its image"
    assert page.without("", {"04_a": {}}, None) == "not tried"


def test_the_page_counts_what_was_asked_for_and_what_failed(home):
    asked = record.asked(home, LESSONS)
    removals = {"learner s3:ListBucket": {"outcome": "failed", "lesson": "04_a", "cell": 3, "error": ""}}
    text = page.page(asked, removals, LESSONS, page.calls(home))
    assert "- 1 of 2 lessons passed" in text
    assert "- 6 calls recorded: 4 by the learner, 1 as the execution role" in text
    assert "1 taken away: 1 made a lesson fail" in text
    assert "| s3:ListBucket | 04 | 2 | lesson 04 fails in code cell 3 |" in text
    assert "| ecr:BatchGetImage | none | 0 | kept: a machine on AWS pulls its image" in text
