"""The audit of counting: hours that are drawn, counted by a person, and put beside the cameras.

    draw      which hour of which camera: pure, and the same again from the seed that is kept
    checks    the draw and what came of it, into `count_check` (`tables`)

Called by `cloud.pages.counting`; `cloud.queries.counting` reads what came of it.
"""
