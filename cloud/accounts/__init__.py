"""Who may come in at head office, and what they see. One module for each thing that is kept.

`scope` is what every query takes; `cloud.app` puts the rest together.
"""
