"""Leave nothing behind: find what carries the course's tags, delete it in order, ask AWS again.

    things = clean_up.find(session, cfg)       # every kind, every region the course used
    clean_up.show(things)                      # a table, and what could not be looked at
    outcome = clean_up.delete(session, clean_up.chosen(things))
    clean_up.find(session, cfg)                # what is left, as AWS says

What is data (buckets), what was set up for all lessons (roles, budget) and logs stay unless chosen() is told:
a model that took a day must not go with an endpoint. `python code/clean.py` does all of it.
"""

from tuneaws.clean_up.choosing import chosen, expired, time_left
from tuneaws.clean_up.deleting import Outcome, delete, delete_one
from tuneaws.clean_up.finding import Found, all_regions, find, used_regions
from tuneaws.clean_up.showing import bills, rows, show
from tuneaws.clean_up.things import CleanUpError, Thing

__all__ = ["CleanUpError", "Found", "Outcome", "Thing", "all_regions", "bills", "chosen", "delete",
           "delete_one", "expired", "find", "rows", "show", "time_left", "used_regions"]
