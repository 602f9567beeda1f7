"""Stacks made and removed: what `install` and `rehearse` share."""
