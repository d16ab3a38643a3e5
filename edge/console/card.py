"""What a member's card says, of what the desk has read. Called by `edge.console.desk`."""

from dataclasses import replace
from datetime import date

from edge.console.view import Bought, Certainty
from edge.core.profile import Profile
from edge.core.service import OpenTicket, is_handed_over, same_thing
from edge.desk.service_view import MembersTickets, TicketLine
from edge.store.arrivals import Arrival


def newest_purchase(profile: Profile, bought: tuple[Bought, ...]) -> Profile:
    """Return a profile with the till's last purchase, if the one that it knows is older."""
    newest = next((one for one in bought if one.what), None)
    if newest is None or (profile.last_purchase_on or date.min) > newest.on:
        return profile
    return replace(profile, last_purchase=newest.what[0], last_purchase_on=newest.on)


def of_greeting(held: MembersTickets) -> tuple[OpenTicket, ...]:
    """Return a member's tickets as reasons to greet."""
    return tuple(
        OpenTicket(kind=one.kind, state=one.state, what=one.what, due=one.due) for one in held.lines
    )


def with_office(profile: Profile, held: MembersTickets) -> tuple[TicketLine, ...]:
    """Return the member's tickets, and a line for what head office alone says lies ready."""
    office = profile.repair_ready or ""
    own = any(
        one.kind == "repair" and (one.state == "ready" or same_thing(one.what, office))
        for one in held.lines
    )
    if not office or own or is_handed_over(office, held.handed_over):
        return held.lines
    line = TicketLine(
        id="", kind="repair", state="ready", steps=(), days=0, member=True, office=True, what=office
    )
    return (line, *held.lines)


def certainty_of(row: Arrival) -> Certainty:
    """Return how sure the eyes are of whom a card names."""
    if row.sure is None:
        return "card"
    return "sure" if row.sure else "likely"
