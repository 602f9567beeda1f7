"""The Lambda function that finds films without a record, e.g. because their event was lost."""
