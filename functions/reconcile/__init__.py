"""The Lambda function that finds films without a record, whatever lost the event of their upload."""
