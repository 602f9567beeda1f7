"""The installation: bring the whole application into an AWS account, step by step, or remove it."""
