"""An AWS on 127.0.0.1: SageMaker training that really trains, S3, IAM, STS, logs and CloudWatch by moto.

Start it with `python -m pocketaws`; point any AWS program at the address that it prints. Nothing in
this package knows the course that it ships with.
"""

__version__ = "0.1.0"
