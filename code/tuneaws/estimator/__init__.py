"""The parts of tuneaws.huggingface.HuggingFace, each a module that can be copied out.

    arguments  the constructor's arguments: what each is for, what is refused and why
    images     versions -> the URI of AWS's training image
    channels   fit(inputs) -> InputDataConfig
    source     entry_point, source_dir, dependencies -> sourcedir.tar.gz in S3
    request    everything -> the CreateTrainingJob request, as a dict
    job        a running job: describe, wait, stop
    follow     live log lines and status changes; the error of a failed job
    distribution, places, send, description   smaller ones

Nothing here imports the SageMaker SDK before it needs it: that takes 2 to 4 seconds.
"""
