"""How an endpoint does under load: latency and requests a second against how many ask at once.

    send = sender(runtime_client(session), "tuneaws-tuned", questions, max_new_tokens=40)
    rows = load_test(send, concurrency=(1, 2, 4, 8), requests=40)
    table(rows)
    plot(rows)

Each caller sends its next request when its last one is answered, so at concurrency 4 there are always four
under way. p95 is the latency that 95 of 100 requests stay under. With fewer than 100 requests the p99 is the
slowest of them: take a few hundred before you quote it.
"""

from __future__ import annotations

import itertools
import math
import threading
import time

from botocore.exceptions import EndpointConnectionError

from tuneaws.endpoints.use import EndpointError, ask


def sender(runtime, name: str, conversations: list, max_new_tokens: int | None = 40,
           variant: str | None = None):
    """Return send(): each call asks the endpoint the next conversation, and begins again after the last.

    runtime  use.runtime_client(session, connections), with a connection for each caller: it does not
             retry, so a failure is counted and not hidden in a slow answer
    """
    turn, lock = itertools.cycle(conversations), threading.Lock()

    def send():
        with lock:
            messages = next(turn)
        return ask(runtime, name, messages, max_new_tokens, variant)

    return send


def load_test(send, concurrency=(1, 2, 4, 8), requests: int = 40, warm_up: int = 2,
              errors=(EndpointError,)) -> list:
    """Call send() from so many threads at once; return one row for each level.

    send         any callable without arguments; what it returns is not looked at
    concurrency  the levels, one after another
    requests     at each level, all callers together
    warm_up      calls before the first level, which are not counted
    errors       exceptions that count as a failed request; any other ends the test
    Returns      [{"concurrency", "requests", "errors", "requests/s", "p50 s", "p95 s", "p99 s"}, ...];
                 requests/s and latencies are those of the answered requests, None when there was none
    Raises       the last error of a level at which nobody could be reached: that is no load
    Costs        nothing beyond the endpoint's own time, which runs anyway
    """
    for _ in range(warm_up):
        send()
    return [_level(send, level, requests, errors) for level in concurrency]


def _level(send, callers: int, requests: int, errors) -> dict:
    left, lock, seconds, failed = iter(range(requests)), threading.Lock(), [], []
    broken, ready = [], threading.Barrier(callers + 1)

    def call():
        ready.wait()
        while not broken:
            with lock:
                if next(left, None) is None:
                    return
            begin = time.perf_counter()
            try:
                send()
            except errors as err:
                failed.append(err)
            except BaseException as err:
                broken.append(err)
                return
            else:
                seconds.append(time.perf_counter() - begin)

    threads = [threading.Thread(target=call, daemon=True) for _ in range(callers)]
    for thread in threads:
        thread.start()
    ready.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begin
    if broken:
        raise broken[0]
    if failed and not seconds and isinstance(failed[-1].__cause__, EndpointConnectionError):
        raise failed[-1]
    shown = {f"p{p} s": round(percentile(seconds, p), 4) if seconds else None for p in (50, 95, 99)}
    return {"concurrency": callers, "requests": requests, "errors": len(failed),
            "requests/s": round(len(seconds) / took, 2) if seconds else None, **shown}


def percentile(values, p: float) -> float:
    """The smallest value that p percent of them are at or under: a latency that was really seen."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(p / 100 * len(ordered)) - 1)]


def load_message(rows: list) -> str:
    """What the load did, in one sentence: the title of the plot."""
    answered = [row for row in rows if row["requests/s"] is not None]
    if not answered:
        return "No request was answered"
    first, best = answered[0], max(answered, key=lambda row: row["requests/s"])
    last, failed = answered[-1], sum(row["errors"] for row in rows)
    end = f"; {failed} requests failed" if failed else ""
    if len(answered) == 1:
        return f"{_short(first['requests/s'])} requests a second, p95 {_short(first['p95 s'])} s{end}"
    return (f"At most {_short(best['requests/s'])} requests a second, with {best['concurrency']} at once; "
            f"p95 {_short(first['p95 s'])} s → {_short(last['p95 s'])} s{end}")


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def plot(rows: list, axes=None):
    """Draw latency (p50, p95, p99) and requests a second against concurrency; return the two axes.

    rows  of load_test()      axes  two, one above the other; None: a new figure
    """
    import matplotlib.pyplot as plt

    if axes is None:
        axes = plt.subplots(2, 1, sharex=True, figsize=(7, 5.5), layout="constrained")[1]
    answered = [row for row in rows if row["requests/s"] is not None]
    x = [row["concurrency"] for row in answered]
    looks = {"p99 s": ("^", ":", "0.45"), "p95 s": ("s", "--", "black"), "p50 s": ("o", "-", "#0b559f")}
    for name, (marker, line, colour) in looks.items():
        axes[0].plot(x, [row[name] for row in answered], marker=marker, linestyle=line, color=colour,
                     label=name.removesuffix(" s"))
    axes[0].set_ylabel("latency (s)")
    axes[0].legend(frameon=False)
    axes[1].plot(x, [row["requests/s"] for row in answered], "o-", color="#0b559f")
    axes[1].set_ylabel("answered requests (1/s)")
    axes[1].set_xlabel("requests under way at once")
    axes[0].set_title(load_message(rows), fontsize=11)
    for ax in axes:
        ax.set_xscale("log", base=2)
        ax.set_xticks(x, [str(level) for level in x])
        ax.minorticks_off()
        ax.margins(y=0.1)
        ax.set_ylim(bottom=0)
        ax.grid(alpha=0.3)
    return axes
