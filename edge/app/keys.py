"""Where this box's keys live, as the settings say. Called by the supervisor and the commands."""

from typing import Final

from sqlite_utils import Database

from edge.config import EdgeConfig
from edge.keys.errors import KeyAway, KeyGone
from edge.keys.file_key import FileRoots
from edge.keys.hub_key import HubRoots
from edge.keys.roots import Keyring, Part, RootProvider
from edge.keys.tpm_key import TpmRoots
from edge.store.people import StoredChecks

HUB_PATIENCE_S: Final = 20.0
"""How long one try to get a share from the hub takes at most."""


def keyring(config: EdgeConfig, db: Database) -> Keyring:
    """Return the box's keys, checked against its store; nothing is read or asked for yet.

    `Keyring.root` may take as long as a TPM or the hub takes.
    """
    return Keyring(_provider(config), StoredChecks(db), config.keys_dir)


def _provider(config: EdgeConfig) -> RootProvider:
    match config.key_kind:
        case "file":
            return FileRoots(config.keys_dir)
        case "tpm":
            return TpmRoots(config.keys_dir)
        case "hub":
            return HubRoots(config.keys_dir, lambda part: _share(config, part))


def _share(config: EdgeConfig, part: Part) -> bytes:
    """Ask the hub for its share of a root.

    Raises:
        KeyAway: the hub cannot be reached now.
        KeyGone: no hub is configured, or it has revoked this box.
    """
    if config.uplink is None:
        raise KeyGone(
            '[privacy] key = "hub": expected an [uplink] to the hub that holds the share, got none'
        )
    from edge.app.uplink import broker_of
    from edge.uplink.link import UplinkFault
    from edge.uplink.release import ShareRevoked, request_share
    from edge.wire.topics import BoxAddress

    address = BoxAddress(store=config.store.id, box=config.box.id)
    try:
        return request_share(broker_of(config.uplink, config.base), address, part, HUB_PATIENCE_S)
    except ShareRevoked as exc:
        raise KeyGone(str(exc)) from exc
    except UplinkFault as exc:
        raise KeyAway(str(exc)) from exc
