"""A chain under torture: real boxes' stores and uplinks, real brokers, a lossy way between."""
