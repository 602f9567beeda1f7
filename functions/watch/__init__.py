"""The Lambda function that checks what raises no event: subscriptions, and alarms still on."""
