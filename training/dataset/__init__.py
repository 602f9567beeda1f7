"""Labelled films: the folder, its checks, what training and SageMaker read."""
