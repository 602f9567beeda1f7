"""The Lambda function that puts each judgement on the results queue."""
