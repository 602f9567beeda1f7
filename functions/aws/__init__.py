"""AWS as the functions use it: one module for each service."""
