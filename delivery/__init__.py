"""`cxr-alert send`: results from the queue into the systems of a hospital."""
