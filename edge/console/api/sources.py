"""API: where guests come from: the list of channels, the answers, guests whom no camera saw."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import StringConstraints

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Id, Topic
from edge.desk.sources import ENTRY_CHARS, Answered, SourceDesk, SourceList, Unlisted
from edge.store.tokens import Token
from edge.wire.channels import NAME_MAX

Listed = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,23}$")]
Advertised = Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_-]{0,23})?$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_MAX)]
NameOrNothing = Annotated[str, StringConstraints(max_length=NAME_MAX)]
Entry = Annotated[
    str,
    StringConstraints(pattern=rf"^[A-Za-z0-9_-]{{{ENTRY_CHARS[0]},{ENTRY_CHARS[-1]}}}$"),
]
_WHY: Final[Mapping[Answered, str]] = {"gone": "not_found", "unlisted": "not_listed"}
_WHY_UNLISTED: Final[Mapping[Unlisted, str]] = {
    **{"fixed": "list_fixed", "id": "not_listed", "name": "not_listed"},
    **{"taken": "list_taken", "full": "list_taken", "gone": "not_found"},
}


class Said(Body):
    """What the guest said: ids of the list, or `unknown`, which is an answer, too. An empty
    `advert` was not asked.
    """

    channel: Listed
    advert: Advertised = ""


class SaidUnseen(Said):
    """Of a guest whom no camera saw. `entry` is the program's own word for the guest, the same one
    again corrects the answer.
    """

    entry: Entry


class NewListed(Body):
    """A channel or an advertisement. `id` is what leaves the shop: nothing of a person in it."""

    id: Listed
    zh: Name
    en: NameOrNothing = ""


class Switch(Body):
    """Whether it is asked for."""

    active: bool


def sources_api(desk: SourceDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("sources", "Where guests come from")

    @topic.get("/sources", scope="read:arrivals")
    def sources() -> SourceList:
        """The list of channels and advertisements that is in force.

        `fixed`: it is head office's, and nobody in the shop changes it.
        """
        return desk.in_force()

    @topic.post("/visits/<visit>/source", scope="write:desk", problems=("not_found", "not_listed"))
    def say_source(caller: Token, visit: Id, body: Said) -> None:
        """Keep where the guest of a visit comes from. The last answer wins."""
        _sound(desk.answer(visit, body.channel, body.advert, caller.actor))

    @topic.post("/sources/unseen", scope="write:desk", problems=("not_found", "not_listed"))
    def say_source_unseen(caller: Token, body: SaidUnseen) -> None:
        """Keep where a guest comes from whom no camera saw."""
        _sound(desk.enter(body.entry, body.channel, body.advert, caller.actor))

    changes = ("list_fixed", "list_taken", "not_listed", "not_found")

    @topic.post("/sources/channels", scope="manage:desk", problems=changes)
    def add_channel(caller: Token, body: NewListed) -> SourceList:
        """Add a channel."""
        _listed(desk.add_channel(body.id, body.zh, body.en, caller.actor))
        return desk.in_force()

    @topic.post("/sources/channels/<channel>/adverts", scope="manage:desk", problems=changes)
    def add_advert(caller: Token, channel: Listed, body: NewListed) -> SourceList:
        """Add an advertisement of a channel."""
        _listed(desk.add_advert(channel, body.id, body.zh, body.en, caller.actor))
        return desk.in_force()

    @topic.post("/sources/channels/<channel>/active", scope="manage:desk", problems=changes)
    def switch_channel(caller: Token, channel: Listed, body: Switch) -> SourceList:
        """Ask for a channel, or ask for it no more. None is deleted."""
        _listed(desk.switch(channel, "", active=body.active, actor=caller.actor))
        return desk.in_force()

    @topic.post(
        "/sources/channels/<channel>/adverts/<advert>/active",
        scope="manage:desk",
        problems=changes,
    )
    def switch_advert(caller: Token, channel: Listed, advert: Listed, body: Switch) -> SourceList:
        """Ask for an advertisement, or ask for it no more."""
        _listed(desk.switch(channel, advert, active=body.active, actor=caller.actor))
        return desk.in_force()

    return topic


def _sound(outcome: Answered) -> None:
    if outcome != "kept":
        raise Refused(_WHY[outcome])


def _listed(problem: Unlisted | None) -> None:
    if problem is not None:
        raise Refused(_WHY_UNLISTED[problem])
