"""The Lambda function that finds films without a record, whatever lost their event."""
