"""What each figure means: one definition and one implementation of each. Pure."""
