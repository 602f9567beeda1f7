"""The worklist's DynamoDB tables, and the films it shows from S3."""
