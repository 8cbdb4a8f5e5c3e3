"""Money: what still bills, what was spent, what a call may cost at worst, and who pays for it.

    costs.show_still_billing(session, cfg)      # the last cell of every lesson
"""

from tuneaws.costs.billing import still_billing
from tuneaws.costs.showing import show_still_billing

__all__ = ["show_still_billing", "still_billing"]
