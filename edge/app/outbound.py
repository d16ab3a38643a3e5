"""Messages out of the shop as the settings describe them; for the front process."""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.config import EdgeConfig
from edge.config_outbound import OutboundSection
from edge.desk.means import Means
from edge.outbound.alerts import AlertsOut, Receiver
from edge.outbound.bots import DingTalkBot, FeishuBot, WeComBot
from edge.outbound.courier import Courier, Sweeper
from edge.outbound.line import Line
from edge.outbound.sms import SmsGateway
from edge.outbound.target import Target
from edge.outbound.webhook import Webhook, secret_bytes

log = logging.getLogger(__name__)


def messages_out(
    config: EdgeConfig, means: Means, *, ended: Callable[[], None]
) -> list[Callable[[threading.Event], None]]:
    """Return what sends messages until stopped, each for a thread of its own.

    A target whose file cannot be read any more is logged and left out: its messages are ended, and
    whoever waits for them is told so.

    Args:
        config: the box's settings.
        means: what every desk works with.
        ended: is told when messages came to an end.
    """
    couriers: list[Courier] = []
    for section in config.outbound:
        try:
            target = target_of(section, config.base)
        except ValueError as exc:
            log.error("[[outbound]] %s is left out: %s", section.name, exc)
            continue
        couriers.append(
            Courier(
                name=section.name,
                target=target,
                line=Line(config.base / section.ca if section.ca else None),
                db=means.db,
                keys=means.keys,
                mark=means.mark,
                chance=random.random,
                ended=ended,
            )
        )
    wanted = [one for one in config.outbound if one.alerts != "off"]
    alerts = AlertsOut(
        [Receiver(name=one.name, named=one.alerts == "named") for one in wanted],
        shop=config.store.name,
        store_id=config.store.id,
        zone=means.zone,
        db=means.db,
        keys=means.keys,
        mark=means.mark,
    )
    sweeper = Sweeper(couriers, db=means.db, mark=means.mark, ended=ended)
    return [*_runs(couriers), sweeper.run, *([alerts.run] if wanted else [])]


def _runs(couriers: Sequence[Courier]) -> list[Callable[[threading.Event], None]]:
    return [courier.run for courier in couriers]


def target_of(section: OutboundSection, base: Path) -> Target:
    """Return the target that a section describes.

    Raises:
        ValueError: its address or secret cannot be read. Never shows either.
    """
    url, secret = section.address(base), section.read_secret(base)
    match section.kind:
        case "webhook":
            return Webhook(url=url, secret=secret_bytes(secret))
        case "wecom":
            return WeComBot(url=url)
        case "dingtalk":
            return DingTalkBot(url=url, secret=secret)
        case "feishu":
            return FeishuBot(url=url, secret=secret)
        case "sms":
            return SmsGateway(
                url=url,
                method=section.method,
                headers=section.headers,
                body=section.body,
                content_type=section.content_type,
                secret=secret,
                expect=section.expect,
            )
