"""Did it get better? Ask two systems, or more, the same frozen questions, and score what they answer.

    rows = test_rows(s3, uris["test"])
    report = evaluate({"base": local_model.load(base), "tuned": local_model.load("merged")}, rows, cfg.prompt)
    table(report.table())                       # ROUGE with 95 % intervals, length, copies, empty answers
    print(report.verdict("tuned", "base"))

A system is a function: list of conversations -> list of str, one text for each. A model in this process
(local_model.load), an endpoint (endpoints.generator), Bedrock, or three lines of yours can be one.

    evaluating   evaluate, ask, joined, test_rows, lead
    answers      what one system answered, its time and its price
    report       scores with intervals, comparisons, metrics for the registry
    rouge        the scores          bootstrap   their intervals
    views        rows to read, the figure            warnings    what to know before believing the figures
"""

from tuneaws.evaluate.answers import Answers, Price
from tuneaws.evaluate.evaluating import ask, evaluate, joined, lead, test_rows
from tuneaws.evaluate.report import Report

__all__ = ["Answers", "Price", "Report", "ask", "evaluate", "joined", "lead", "test_rows"]
