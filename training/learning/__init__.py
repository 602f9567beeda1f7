"""Train a network from films and a recipe."""
