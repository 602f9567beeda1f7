"""The model container: one chest X-ray in, the probabilities of normal and pneumonia out."""
