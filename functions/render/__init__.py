"""The Lambda function that makes renditions of films that an endpoint can't be sent as they are."""
