"""ECR: which of AWS's own container images there are. There are no repositories of your own here."""
