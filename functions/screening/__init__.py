"""The rules of screening: pure, on the standard library alone."""
