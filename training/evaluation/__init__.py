"""What a network is worth: its answers, figures, charts and report."""
