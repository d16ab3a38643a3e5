"""The rules of counting people: pure functions of their arguments."""
