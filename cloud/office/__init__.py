"""Members and appointments as head office has them, and how they become one or are forgotten.

    table       which columns their CSV files have
      -> people     the rows, and what boxes are told of them
           -> merge     two turn out to be one; `united`: what then stands
           -> seal      sealed at rest, for a box, and found again by a hash

Called by `cloud.office_cli` and `cloud.desks.members`. Boxes are told by `cloud.orders` and
`cloud.order_post`; `cloud.erasures` forgets.
"""
