"""What pages and programs ask and do, each question by who asks. One desk for a few rooms.

    chain       the first page, today, the fleet              pages/overview, pages/fleet, api/v1
    shops       the list of shops, a shop, the funnel         pages/shops, pages/funnel
    guests      channels, consultants                         pages/channels, pages/consultants
    figures     every table of `/api/v1/figures`              api/figures
    members     members, read and changed by programs         api/members

Made by `cloud.app` over a database and a way to know the caller's scope (`desk`). Each opens the
transaction, tells the time and asks `cloud.queries`; none knows a request.
"""
