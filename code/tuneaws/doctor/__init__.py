"""What would stop a lesson, before it does: this machine, the account, the money.

    checks = doctor.run(cfg)                 # [Check(name, status, seen, fix, took_s)], nothing raises
    doctor.show(checks, cfg)                 # a line each, and "ready for local: yes"
    doctor.ready(checks)

The same in a terminal: `make doctor`, or `python code/doctor.py --where aws --lessons 00-05 --json`.
It reads, and starts nothing that bills; in local it starts the local AWS and makes the role of its jobs.
"""

from tuneaws.doctor.check import Check
from tuneaws.doctor.running import ready, run
from tuneaws.doctor.showing import as_dict, show

__all__ = ["Check", "as_dict", "ready", "run", "show"]
