"""The Lambda function that tells people: alerts of single films in, digests out."""
