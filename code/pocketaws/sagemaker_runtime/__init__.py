"""SageMaker's runtime: InvokeEndpoint, InvokeEndpointWithResponseStream, InvokeEndpointAsync."""
