"""Puts the rooms of accounts into an app: the door, the ways in, and the pages.

Called by `cloud.app`.
"""

from pathlib import Path
from typing import Final

from flask import Blueprint, Flask

from cloud.accounts.audit_pages import audit_pages
from cloud.accounts.desk import AccountDesk
from cloud.accounts.door import Door
from cloud.accounts.entry import Entry
from cloud.accounts.me_pages import me_pages
from cloud.accounts.people_pages import people_pages
from cloud.accounts.program_pages import program_pages
from cloud.accounts.provider_pages import ProviderWay
from cloud.accounts.welcome_pages import Welcome
from menkou.listen import Listen
from menkou.web.i18n import speak

TEXT: Final = Path(__file__).parent / "text"


class Entrance:
    """The door with the ways in beside it: a `menkou.web.app.Door`."""

    def __init__(self, door: Door, way: ProviderWay, welcome: Welcome) -> None:
        self._parts = (door, way, welcome)

    def mount(self, app: Flask, blueprint: Blueprint) -> None:
        """Guard the app, and add the pages on which one comes in."""
        door, way, welcome = self._parts
        door.mount(app, blueprint)
        way.mount(blueprint)
        welcome.mount(blueprint)


def add_accounts(app: Flask, desk: AccountDesk, listen: Listen) -> Entrance:
    """Add the pages of accounts to an app; return the door that it is to be dressed with."""
    entry = Entry(desk, listen)
    way = ProviderWay(desk, entry, secure=listen.is_secure)
    rooms = Blueprint("rooms", __name__, template_folder="templates")
    rooms.record_once(lambda state: speak(state.app, TEXT))
    app.register_blueprint(rooms)
    for pages in (me_pages(desk, way), people_pages(desk), program_pages(desk), audit_pages(desk)):
        app.register_blueprint(pages)
    return Entrance(Door(desk, entry, listen), way, Welcome(desk, entry, way))
