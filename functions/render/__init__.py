"""The Lambda function that makes renditions of films that the endpoint can't take as they are."""
