"""Counts each shop's days from the facts: who came, was served, bought, had booked, came back.

`ingest` and `rollup` mark days (`marks`), `recount` counts them anew; safe to repeat.
"""
