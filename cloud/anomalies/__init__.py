"""Anomalies that do not cry wolf: found, told once for each cause, taken on, over.

look       at all hours that are over, as ingest's rollup thread calls it
  learning the models of shops, from `cloud.expect`
  heard    what is known of their boxes     shop, watch, chain   pure: what is not as expected
  weekly   bookings, by `cloud.figures`     keep                 what is written of it
desk       what pages ask and do            word                 to the shop's manager
"""
