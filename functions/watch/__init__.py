"""The Lambda function that looks after what raises no event: subscriptions, lasting alarms."""
