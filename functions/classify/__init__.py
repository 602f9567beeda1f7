"""The Lambda function that screens uploaded films, records the findings and sends the alerts."""
