"""The SageMaker operations that pocketaws answers itself."""
