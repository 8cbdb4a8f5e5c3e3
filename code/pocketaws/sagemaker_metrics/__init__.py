"""Operations of the service "sagemaker-metrics": metrics of runs, sent and read apart from the jobs' logs."""
