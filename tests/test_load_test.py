"""The load test: counts what was answered, how fast, and draws it."""

import threading
import time

import pytest
from botocore.exceptions import EndpointConnectionError
from tuneaws.endpoints.load_test import load_message, load_test, percentile, plot, sender
from tuneaws.endpoints.use import EndpointError


class Desk:
    """Answers after a while, at most so many at once; counts who is waiting."""

    def __init__(self, seconds: float = 0.02, places: int = 2):
        self.seconds, self.places = seconds, threading.Semaphore(places)
        self.lock, self.calls, self.busy, self.most = threading.Lock(), 0, 0, 0

    def __call__(self):
        with self.lock:
            self.calls += 1
            self.busy += 1
            self.most = max(self.most, self.busy)
        with self.places:
            time.sleep(self.seconds)
        with self.lock:
            self.busy -= 1


def test_each_level_has_so_many_requests_under_way_and_counts_them_all():
    desk = Desk()
    rows = load_test(desk, concurrency=(1, 2, 4), requests=12, warm_up=1)
    assert [row["concurrency"] for row in rows] == [1, 2, 4]
    assert desk.calls == 1 + 3 * 12 and desk.most == 4
    assert all(row["requests"] == 12 and row["errors"] == 0 for row in rows)
    # Two are served at once, for 0.02 s: at most 100 a second, and of four callers some wait for their turn.
    assert rows[0]["requests/s"] <= 50 and rows[2]["requests/s"] <= 100
    assert rows[0]["p50 s"] >= 0.02 and rows[2]["p99 s"] >= 0.04
    assert all(row["p50 s"] <= row["p95 s"] <= row["p99 s"] for row in rows)


def test_failures_are_counted_and_not_timed():
    calls = iter(range(100))

    def send():
        if next(calls) % 2:
            raise EndpointError("busy")

    row = load_test(send, concurrency=(1,), requests=10, warm_up=0)[0]
    assert (row["requests"], row["errors"]) == (10, 5) and row["p99 s"] < 0.02
    assert load_test(lambda: (_ for _ in ()).throw(EndpointError("no")), (2,), 4, 0)[0] == {
        "concurrency": 2, "requests": 4, "errors": 4, "requests/s": None, "p50 s": None, "p95 s": None,
        "p99 s": None}


def test_an_aws_that_is_gone_ends_the_test_with_what_to_do():
    def send():
        try:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
        except EndpointConnectionError as err:
            raise EndpointError("did not answer.\nFix: run connect() again") from err

    with pytest.raises(EndpointError, match="Fix: run connect"):
        load_test(send, (2,), 4, warm_up=0)


def test_a_mistake_in_the_caller_ends_the_test_and_is_not_a_failed_request():
    with pytest.raises(KeyError):
        load_test(lambda: {}["nothing"], concurrency=(3,), requests=9, warm_up=0)


@pytest.mark.parametrize("p, value", [(50, 50), (95, 95), (99, 99), (100, 100), (0, 1)])
def test_a_percentile_is_a_value_that_was_seen(p, value):
    assert percentile(range(100, 0, -1), p) == value
    assert percentile([7], p) == 7


def test_the_sender_asks_the_conversations_in_turn():
    asked = []

    class Runtime:
        def invoke_endpoint(self, **request):
            asked.append(request["Body"])
            raise EndpointError("enough")

    send = sender(Runtime(), "e", ["one", "two"], max_new_tokens=3)
    for _ in range(3):
        with pytest.raises(EndpointError):
            send()
    assert [b"one" in body for body in asked] == [True, False, True] and b'"max_tokens": 3' in asked[0]


ROWS = [{"concurrency": level, "requests": 40, "errors": 0, "requests/s": rate,
         "p50 s": p50, "p95 s": 2 * p50, "p99 s": 3 * p50}
        for level, rate, p50 in ((1, 5.0, 0.2), (2, 9.0, 0.21), (4, 11.0, 0.4), (8, 10.5, 0.8))]


def test_the_title_says_what_the_load_did():
    assert load_message(ROWS) == "At most 11 requests a second, with 4 at once; p95 0.4 s → 1.6 s"
    assert load_message(ROWS[:1]) == "5 requests a second, p95 0.4 s"
    assert load_message([{**ROWS[0], "requests/s": 213.4}]) == "213 requests a second, p95 0.4 s"
    assert load_message([{**ROWS[0], "errors": 3}]).endswith("; 3 requests failed")
    assert load_message([]) == "No request was answered"


def test_the_plot_shows_three_latencies_and_the_rate_with_units():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    broken = {**dict.fromkeys(ROWS[0]), "concurrency": 16, "requests": 40, "errors": 40}
    top, below = plot([*ROWS, broken])
    assert [line.get_label() for line in top.lines] == ["p99", "p95", "p50"]
    assert len({(line.get_marker(), line.get_linestyle()) for line in top.lines}) == 3
    assert list(below.lines[0].get_ydata()) == [5.0, 9.0, 11.0, 10.5]
    assert "(s)" in top.get_ylabel() and "(1/s)" in below.get_ylabel() and below.get_xlabel()
    assert top.get_title() == load_message([*ROWS, broken])
    plt.close(top.figure)
