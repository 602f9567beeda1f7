"""The worklist's DynamoDB tables, and the films in S3 that the page shows."""
