"""The rules of screening: pure, with the standard library alone."""
