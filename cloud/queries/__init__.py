"""What pages, API and exports show. Each module asks rollups, tallies or boxes, never the facts.

Every public question takes a `Scope` and selects its rows by it.
"""
