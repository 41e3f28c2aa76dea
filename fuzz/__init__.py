"""Bytes that nobody meant, through each codec, by atheris: ``make fuzz SECONDS=60``."""
