"""Operations on a deployed application, for `look-up`, `redrive`, `rescreen` and other commands.

They use the account of the AWS SDK's settings, or the local application after `.
build/local/aws.env`. They read films, ask the endpoint and write records with the functions' own
modules.
"""
