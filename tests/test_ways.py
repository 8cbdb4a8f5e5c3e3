"""tuneaws.ways: the arithmetic of the bill, held against sums done by hand."""

from types import SimpleNamespace

import matplotlib
import pytest
from tuneaws import ways
from tuneaws.evaluate.bootstrap import Interval
from tuneaws.ways import Way

ENDPOINT = Way("endpoint", "a", usd_per_hour=1.408)
TOKENS = Way("tokens", "b", usd_per_request=1e-5, usd_per_month=1.95)
IMPORTED = Way("imported", "c", window_usd=0.3, window_s=300)


def report():
    unknown = Interval(None, None, None)
    found = {"a": Interval(36.0, 33.0, 39.0), "b": Interval(30.0, 28.0, 32.0), "c": unknown}
    return SimpleNamespace(interval=lambda system: found[system], rows=[{}] * 200)


@pytest.mark.parametrize(
    ("way", "load", "usd"),
    [
        (ENDPOINT, 1, 1408.0),
        (ENDPOINT, 1000, 1.408),
        (TOKENS, 1, 0.01 + 1000 * 1.95 / 730),
        (TOKENS, 100, 0.01 + 10 * 1.95 / 730),
        (IMPORTED, 6, 1000 * 0.3),  # six windows an hour, one request in each
        (IMPORTED, 12, 1000 * 0.3),
        (IMPORTED, 1200, 3.0),  # all twelve windows: 3.60 USD for 1,200 requests
    ],
)
def test_a_thousand_requests_cost_what_a_sum_by_hand_says(way, load, usd):
    assert way.usd_per_1000(load) == pytest.approx(usd)


def test_no_requests_have_no_price():
    with pytest.raises(ValueError, match="must be over 0"):
        ENDPOINT.usd_per_1000(0)


def test_two_ways_cross_where_both_cost_the_same():
    meet = ways.crossing(ENDPOINT, TOKENS)
    assert meet == pytest.approx((1.408 - 1.95 / 730) / 1e-5, rel=2e-3)
    assert ENDPOINT.usd_per_1000(meet) == pytest.approx(TOKENS.usd_per_1000(meet), rel=2e-3)
    assert ways.crossing(ENDPOINT, Way("dearer", "b", usd_per_hour=2)) is None


def test_the_picture_says_which_is_cheaper_and_up_to_where():
    assert ways.message([ENDPOINT, TOKENS]) == "Below 140,000 requests an hour tokens is the cheaper one"
    assert ways.message([ENDPOINT]) == "What 1,000 requests cost"


def test_an_unknown_figure_is_an_empty_cell_and_no_zero():
    rows = ways.table(report(), [ENDPOINT, TOKENS, IMPORTED], 60)
    assert [row["training USD"] for row in rows] == [None, None, None]
    assert rows[0]["ROUGE-L"] == "36.0 [33.0, 39.0]"
    assert rows[0]["USD/1,000 at 60/h"] == f"{1408 / 60:.3f}"


def test_lines_to_keep_are_counted_without_the_blank_ones(tmp_path):
    (tmp_path / "train.py").write_text("import os\n\n\nprint(os)\n")
    assert ways.code_lines(tmp_path) == 2
    with pytest.raises(ValueError, match="no Python file"):
        ways.code_lines(tmp_path / "nothing")


def test_quality_and_cost_are_drawn_side_by_side():
    matplotlib.use("Agg")
    quality, cost = ways.plot(report(), [ENDPOINT, TOKENS, IMPORTED])
    assert [label.get_text() for label in quality.get_yticklabels()] == ["endpoint", "tokens", "imported"]
    assert [line.get_label() for line in cost.lines] == ["endpoint", "tokens", "imported"]
    assert cost.get_title() == "Below 140,000 requests an hour tokens is the cheaper one"
