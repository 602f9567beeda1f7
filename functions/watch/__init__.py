"""The Lambda function that looks after what no event tells of: who gets mail, and lasting alarms."""
