"""Bedrock's runtime: Converse and InvokeModel, whole and as streams."""
