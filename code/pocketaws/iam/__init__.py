"""The IAM operations that moto lacks."""
