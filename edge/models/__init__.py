"""The models that a box can run: which there are, and how they come to it."""
