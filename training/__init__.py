"""From a labelled folder of chest X-rays to a network that `serving` loads, and its endpoint."""
