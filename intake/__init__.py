"""Receive films from a hospital's network and upload them to the uploads bucket."""
