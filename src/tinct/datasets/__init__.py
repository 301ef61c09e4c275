"""Data: from any pile of pictures to a clean, documented set to learn from."""
