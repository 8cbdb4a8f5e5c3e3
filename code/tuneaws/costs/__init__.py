"""Money: what still bills, what was spent, what a call may cost at worst, and who pays for it.

    costs.show_still_billing(session, cfg)      # the last cell of every lesson
    costs.show_ledger(session, cfg)             # what the course made, and what it has cost so far
    costs.set_budget(session, cfg)              # AWS writes an e-mail at 50, 80 and 100 %

    billing, on_aws_only, showing           what bills right now, by the course's tags
    book, things, settling, spent           the ledger: the file of the calls, and what AWS says of each
    worst_case, worst_*, asking, guard      before each call that bills, on aws: shown, held to the budgets
    rates, budgets, report                  prices an hour; AWS Budgets; the page by learner and lesson
"""

from tuneaws.costs.billing import still_billing
from tuneaws.costs.budgets import delete_budget, set_budget, show_budget
from tuneaws.costs.guard import at_my_risk
from tuneaws.costs.showing import show_still_billing, then_still_billing
from tuneaws.costs.spent import ledger, show_ledger

__all__ = ["at_my_risk", "delete_budget", "ledger", "set_budget", "show_budget", "show_ledger",
           "show_still_billing", "still_billing", "then_still_billing"]
