"""The engine that runs training jobs: folders laid out as /opt/ml, processes, logs, metrics, artifacts.

    engine.py       starts, stops and ends jobs; one thread each
    job_run.py      one job from Starting to its last status
    host.py         one instance of a job: its supervisor process and its log
    supervisor.py   the process that owns an instance's processes, so that none outlives the server

It speaks boto3 to the endpoint it was given and knows nothing else of the server that it runs in.
"""
