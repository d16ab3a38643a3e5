"""The queue's desk as the settings describe it; for the front process."""

from collections.abc import Mapping
from typing import Final

from edge.config import EdgeConfig
from edge.config_outbound import OutboundKind
from edge.core.queue import Rules
from edge.desk.means import Means
from edge.desk.queue import QueueDesk
from edge.desk.queue_caller import Calling, Reach

_REACH: Final[Mapping[OutboundKind, Reach]] = {
    "sms": "phone",
    "webhook": "member",
    "wecom": "all",
    "dingtalk": "all",
    "feishu": "all",
}


def queue_desk(config: EdgeConfig, means: Means) -> QueueDesk:
    """Return the desk; see `edge.desk.queue` for the rest."""
    section = config.queue
    kinds = {target.name: target.kind for target in config.outbound}
    return QueueDesk(
        means,
        rules=Rules(
            call_after=section.call_after,
            back_within=section.back_within,
            late_after=section.late_after,
        ),
        calling=Calling(
            target=section.target,
            reach=_REACH[kinds[section.target]] if section.target else "all",
            shop=config.store.name,
            text=section.text,
        ),
    )
