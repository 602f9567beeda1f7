"""What an operator does to the deployed application: `cxr-alert look-up`, `redrive`, `rescreen` ...

The commands go wherever the AWS SDK's own settings point: an account, or the local application
after `. build/local/aws.env`. They read films, ask the endpoint and keep records by the function's
own modules.
"""
