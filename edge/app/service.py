"""The desk of service tickets as the settings describe it; for the front process."""

from edge.config import EdgeConfig
from edge.desk.means import Means
from edge.desk.service import ServiceDesk, Telling
from edge.desk.staff import StaffDesk


def service_desk(config: EdgeConfig, means: Means, staff: StaffDesk) -> ServiceDesk:
    """Return the desk; see `edge.desk.service` for the rest."""
    section, shop = config.service, config.store.name
    kinds = {target.name: target.kind for target in config.outbound}
    by_number = section.target is not None and kinds[section.target] == "sms"
    return ServiceDesk(
        means,
        telling=Telling(
            target=section.target,
            reach="phone" if by_number else "member",
            text=lambda kind: section.text(kind, shop),
        ),
        staff=staff,
    )
