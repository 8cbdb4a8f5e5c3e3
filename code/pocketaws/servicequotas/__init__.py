"""Service Quotas: what this account may have at once, as CreateTrainingJob and CreateEndpoint hold it."""
