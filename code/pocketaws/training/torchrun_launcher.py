"""`torchrun` as a job finds it: torch's own, told where the hosts of the job meet on this machine.

Started as `python -I -S torchrun_launcher.py <torchrun's arguments>`, it becomes `python -m
torch.distributed.run`. MASTER_ADDR and MASTER_PORT say where (torchrun.py, meeting_place); its workers get
their own from torch. PET_… are torchrun's own names for the defaults of its arguments.
"""

import os
import sys

OPTIONS = {"--master_addr": "MASTER_ADDR", "--master_port": "MASTER_PORT"}


def arguments(given: list[str], environment) -> list[str]:
    """The arguments with the meeting place put in. What follows the script's name is the script's own."""
    script = next((index for index, word in enumerate(given) if word.endswith(".py")), len(given))
    changed = list(given)
    for index in range(1, script):
        name = OPTIONS.get(given[index - 1], "")
        if name in environment:
            changed[index] = environment[name]
    return changed


if __name__ == "__main__":
    for place in OPTIONS.values():
        if place in os.environ:
            os.environ.setdefault(f"PET_{place}", os.environ[place])
    command = [sys.executable, "-m", "torch.distributed.run", *arguments(sys.argv[1:], dict(os.environ))]
    os.execv(sys.executable, command)
