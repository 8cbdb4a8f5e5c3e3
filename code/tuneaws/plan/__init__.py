"""Which instance, how many, how long, how much: answered for a model before anything is rented.

    from tuneaws import plan
    from tuneaws.sizing.catalogue import find

    answers = plan.answers(find("llama-3.3-70b"), tokens=10_000_000, region="us-east-1")
    lesson.table(plan.table(answers))                      # the cheapest first
    plan.speed(model, "ml.g5.xlarge", setting)             # of one GPU, for job_costs.before()
    print(plan.best(answers, hours=6))                     # the cheapest within six hours
    lesson.table(plan.errors())                            # how far the same arithmetic is from measured runs

    rates      the seconds of a batch, from the operations, the bytes and the bus of a machine
    choosing   every instance, setting and number of instances that holds the model; the answers
    measured   runs that others published, and the error against each
    own        your own jobs on AWS, and the error against each
    figure     measured against planned
"""

from tuneaws.plan.choosing import Answer, PlanError, answers, best, speed, table
from tuneaws.plan.figure import plot_errors
from tuneaws.plan.measured import RUNS, errors, summary
from tuneaws.plan.own import own_jobs
from tuneaws.plan.rates import tokens_per_s

__all__ = ["RUNS", "Answer", "PlanError", "answers", "best", "errors", "own_jobs", "plot_errors", "speed",
           "summary", "table", "tokens_per_s"]
