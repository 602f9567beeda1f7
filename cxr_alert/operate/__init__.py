"""What the commands on a deployed application share: `look-up`, `redrive`, `rescreen` and others.

They go wherever the AWS SDK's own settings point: an account, or the local application after
`. build/local/aws.env`. They read films, ask the endpoint and write records with the functions' own
modules.
"""
