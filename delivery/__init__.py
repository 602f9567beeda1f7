"""`cxr-alert send`: deliver results from the queue to the systems of a hospital."""
