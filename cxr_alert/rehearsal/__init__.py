"""The rehearsal: deploy a temporary stack, use it, break it, remove it, and report."""
