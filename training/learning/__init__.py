"""From films and a recipe to a network that can be served."""
