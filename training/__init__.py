"""Make a network for `serving` from a labelled folder of chest X-rays, and its endpoint."""
