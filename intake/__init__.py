"""Films from a hospital's network into the uploads bucket."""
