"""Where the box speaks on the shop's own broker. Used by `discovery` and `publisher`; pure."""

import hashlib
import re
from dataclasses import dataclass

from edge.wire.topics import BoxAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTopics:
    """The topics of one box, and of Home Assistant under its discovery `prefix`."""

    address: BoxAddress
    prefix: str

    @property
    def state(self) -> str:
        """Retained JSON: the figures of the moment."""
        return self._mine("state")

    @property
    def alert(self) -> str:
        """JSON that is not retained: something has just happened."""
        return self._mine("alert")

    @property
    def availability(self) -> str:
        """Retained `online` or `offline`."""
        return self._mine("status")

    @property
    def config(self) -> str:
        """Retained: what the box is and has, for Home Assistant."""
        return f"{self.prefix}/device/{self.device_id}/config"

    @property
    def birth(self) -> str:
        """Where Home Assistant says `online` when it has started."""
        return f"{self.prefix}/status"

    @property
    def device_id(self) -> str:
        """The device's own id: letters, digits, _ and - only, as Home Assistant demands.

        Ids of shop and box may hold a dot, and run together: a hash keeps two boxes apart.
        """
        whole = f"{self.address.store}/{self.address.box}"
        mark = hashlib.sha256(whole.encode()).hexdigest()[:8]
        return f"menkou-{re.sub('[^A-Za-z0-9-]', '-', whole)}-{mark}"

    def _mine(self, channel: str) -> str:
        return f"menkou/shop/{self.address.store}/{self.address.box}/{channel}"
