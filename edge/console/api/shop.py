"""API: today's figures, what wants a person's attention, what a check-in camera asks a guest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from flask import current_app
from pydantic import StringConstraints

from edge.console.api.problems import Refused
from edge.console.api.route import Topic
from edge.console.checkin import TOLD, GuestScreen
from edge.console.page import Notice, shop_page
from edge.console.view import ShopView
from menkou.web.i18n import Speech, speech

CameraName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,40}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldNotice:
    """Something that wants a person. `code` is for programs, `title` and `text` for people."""

    level: str
    code: str
    name: str
    values: Mapping[str, int | str]
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """What wants a person now, the worst first."""

    notices: tuple[ToldNotice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the guest before a check-in camera is told, as a code; `idle`: nobody is there."""

    told: str


def shop_api(view: Callable[[], ShopView], screen: GuestScreen) -> Topic:
    """Declare the topic."""
    topic = Topic("shop", "The shop today: figures, cameras, notices")

    @topic.get("/shop", scope="read:shop")
    def shop() -> ShopView:
        """The shop's figures and state now.

        Times carry the shop's offset; `basis` says what the visitors are counted by.
        """
        return view()

    @topic.get("/notices", scope="read:shop")
    def notices() -> Notices:
        """What wants a person's attention."""
        said = speech(current_app)
        return Notices(notices=tuple(_told(said, one) for one in shop_page(view()).notices))

    @topic.get("/checkin/<camera>", scope="read:shop")
    def checkin(camera: CameraName) -> Prompt:
        """What the guest's screen beside a check-in camera says; it never names anybody."""
        if camera not in screen.cameras:
            raise Refused("not_found")
        told = screen.told(camera)
        return Prompt(told=told if told in TOLD else "idle")

    return topic


def _told(said: Speech, notice: Notice) -> ToldNotice:
    """Say a notice as the pages do."""
    key = f"notice.{notice.code}"
    if said.has(f"{key}_title"):
        name = said.word("part", notice.name) if notice.code == "part_silent" else notice.name
        title = said.t(f"{key}_title", **{"name": name, **notice.values})
        text = said.t(f"{key}_text", **notice.values)
    else:  # of a newer part
        title = said.t("notice.other_title", name=notice.code)
        text = said.t("notice.other_text")
    return ToldNotice(
        level=notice.level,
        code=notice.code,
        name=notice.name,
        values=dict(notice.values),
        title=title,
        text=text,
    )
