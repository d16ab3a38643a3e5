"""The message contract between box and hub. Standard library only; both sides validate with it."""
