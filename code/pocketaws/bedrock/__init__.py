"""Bedrock's control plane: what the service "bedrock" answers, and what it keeps.

foundation_models.py     the dated table of models and families, foundation_models.json
list_foundation_models.py  its operations
customization_jobs.py    operations on jobs; customization_job.py: the job, which bedrock_tuning runs
custom_models.py         what a job makes; deployments.py, provisioned.py: what lets it answer
imports.py, imported_models.py, model_files.py   models that come from S3
inference_profiles.py, tags.py
served_models.py         from a modelId to the folder of weights that answers: bedrock_runtime asks it
tables.py, checks.py, warming.py, rehearsals.py   what they share
"""
