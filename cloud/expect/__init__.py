"""What a shop may expect: visitors by hour and day, and how far that is usually off. Pure.

`calendar` knows the holidays, `learn` makes a `model` of a shop's own past, `feasts` what holidays
do to all shops of the chain. Used by `cloud.anomalies`; nothing here knows the database.
"""
