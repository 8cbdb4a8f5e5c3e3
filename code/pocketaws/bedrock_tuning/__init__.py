"""Runs a model customization: CreateModelCustomizationJob's data rules, a trainer, Bedrock's two CSV files.

engine.py            TuningEngine: takes jobs, one tunes at a time, ends them all with the server
tuning_run.py        one job through validation, dataProcessing and training
training_rules.py    what Bedrock asks of a line of training data, by name
message_rules.py     its part for conversations
hyperparameters.py   names and ranges of a family's hyperparameters
data_files.py        S3 objects line by line, in flat memory
tune.py              the process that trains: rows.py, llama.py, lora.py, recipe.py are its parts
metrics_files.py     step_wise_training_metrics.csv and validation_metrics.csv
"""
