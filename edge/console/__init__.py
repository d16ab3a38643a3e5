"""The shop's own page, served on the local network."""
