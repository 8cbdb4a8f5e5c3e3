"""What is said of what a server left half done when it ended: as AWS says that the fault was its own.

"InternalServerError:" begins the FailureReason of a job that failed by a fault of SageMaker
(repost.aws, "SageMaker training job InternalServerError", read 2026-11); the words behind it are chosen.
"""

_ENDED = "InternalServerError: the local AWS ended (killed or stopped) while"
JOB = f"{_ENDED} the job ran. Its logs and checkpoints are kept. Start it again under another name."
TUNING = f"{_ENDED} the tuning job ran. The training jobs that it has finished are kept."
CUSTOMIZATION = f"{_ENDED} the job ran. Start it again under another name."
IMPORT = f"{_ENDED} the model was imported. Import it again under another job name."
UPDATE = f"{_ENDED} the endpoint was updated: it serves what it did before. Update it again."
