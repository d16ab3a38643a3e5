"""The hub at head office."""
