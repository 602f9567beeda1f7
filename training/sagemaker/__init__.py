"""Training jobs and endpoints in AWS."""
