"""Bedrock's control plane: foundation models, customization jobs, custom and imported models, deployments."""
