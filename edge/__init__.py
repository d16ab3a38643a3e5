"""The box in the shop."""
