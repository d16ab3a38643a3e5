"""The hub's JSON API for other programs: blueprints by version. Made by `cloud.app`."""

from cloud.api.v1 import create_api

__all__ = ["create_api"]
