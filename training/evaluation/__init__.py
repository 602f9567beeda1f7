"""Evaluation of a network: its answers, figures, charts and report."""
