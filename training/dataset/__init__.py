"""Labelled films: the folder, its checks, and the input of training and SageMaker."""
