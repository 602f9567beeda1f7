"""The rehearsal: deploy a throw-away stack, use it, break it, take it away, and report."""
