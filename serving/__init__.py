"""The model container: takes one chest X-ray, returns the probabilities of normal and pneumonia."""
