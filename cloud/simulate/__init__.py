"""A chain of shops that is not there: for load, for the pages' speed, for demonstrations.

    calendar  which days are busy            chain   the shops and their boxes
    plan      visitors of a day by hour      truth   what the hub must show of it
    day       one box's day, step by step    report  rates and ages of a run
    desk      what is done for guests        step    one of a day's steps
    box       an outbox in memory            links   a few connections for many boxes
    live      over MQTT, as boxes speak      facts   through ingest, without a broker
    years     straight into the rollups      removal takes all of it away again

Called by `cli` by way of `arguments` and `command`. Everything follows from a seed. Nobody in it
is real: shops have made-up names, members are random ids.
"""
