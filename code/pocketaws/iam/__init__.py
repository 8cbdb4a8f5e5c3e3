"""Who calls, may they, and the record of it; and the operations of IAM and STS that moto lacks."""
