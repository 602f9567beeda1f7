"""AWS as the functions use it: one module per service."""
