"""The course's job as a search, from the configuration: what a lesson needs of Search in one call.

    search = search_from(cfg, session, bucket, rows, cap_usd=5, max_steps=40)
    found = run(session, search, grid({"learning_rate": [2e-3, 6e-3], "lora_r": [8, 16]}))

Its jobs keep their adapters and merge nothing: an adapter is enough to compare.
"""

from tuneaws import config, launch, prices
from tuneaws.variants.planning import Search


def search_from(cfg, session, bucket: str, rows: dict, cap_usd: float, parallel: int = 2, **base) -> Search:
    """Return the Search of the configured training job. Starts nothing and costs nothing.

    cfg, session  from config.load() and session.connect()
    rows          {"train": "s3://…/", "validation": …}, from handover.find_or_make_rows()
    cap_usd       in local what it would cost on AWS is held to it, too
    base          hyperparameters of every variant that are not the configuration's: max_steps=40
    Raises        prices.PriceError if the price of the instance is not known
    """
    return Search(make=lambda hyperparameters: launch.estimator_from(cfg, session, bucket, hyperparameters),
                  base={**cfg.training.hyperparameters(), "merge_weights": False, **base},
                  channels={"training": rows["train"], "validation": rows["validation"]},
                  price=price_of(cfg, session), cap_usd=cap_usd, parallel=parallel, name=cfg.project.name)


def price_of(cfg, session) -> prices.Price:
    """The price of an hour of the configured instance: today's on aws, in local that of the dated table."""
    there = config.load(where="aws") if session.where == "local" else cfg
    return prices.price_of(session, there.sagemaker.instance_type)
