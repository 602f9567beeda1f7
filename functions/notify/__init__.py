"""The Lambda function that notifies people: takes alerts of films, sends digests."""
