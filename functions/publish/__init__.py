"""Every judgement leaves: each becomes a message in the results queue."""
