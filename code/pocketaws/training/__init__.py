"""The engine that runs training jobs: folders laid out as /opt/ml, processes, logs, metrics, artifacts.

    engine.py              starts, stops and ends jobs; one thread each
    job_run.py             one job from Starting to its last status
    interruption.py        when the instances of a spot job are taken away
    training_phase.py      its Training phase: hosts, their commands, why they end
                           (what owns its processes and takes their output: pocketaws/processes)

    layout.py              /opt/ml as a folder, and the JSON files in it
    channels.py            InputDataConfig → files
    source_code.py         the source directory and the command that runs it
    script_mode.py         SM_* variables and arguments, as AWS's toolkit makes them
    job_environment.py     the rest of the environment
    torchrun.py            several processes on one or more hosts     torchrun_launcher.py   their `torchrun`
    steps.py               all of these as the commands of a host
    drivers.py             the jobs of SDK 3's ModelTrainer

    metrics.py             log lines → FinalMetricDataList, CloudWatch    metric_scanner.py   its process
    checkpoints.py         CheckpointConfig                artifacts.py   model.tar.gz, output.tar.gz
    failure.py             FailureReason
    rank_errors.py         which of several processes failed first, and its words

It speaks boto3 to the endpoint it was given. Of the server that it runs in it knows the home, and asks
sagemaker/rehearsals.py what that says about capacity and the price of spot.
"""
