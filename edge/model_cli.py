"""`menkou-edge models list | fetch | verify`: the models that this box can run. Called by `cli`.

What a model is and how it comes stands in `edge.models`.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any, Final

from edge.commands import FAILED, CommandUsage, complain
from edge.config import load
from edge.models.manifest import Manifest, Model, ModelFault, digest_of, read_manifest, state_of
from menkou.errors import MenkouFault
from menkou.progress import Progress

FOLDER: Final = Path("/var/lib/menkou/models")
"""Where a box keeps its models, unless its settings say otherwise (docs/operations.md)."""


def add(sub: Any) -> None:
    """Add the command to `menkou-edge`'s."""
    models = sub.add_parser(
        "models",
        help="list, fetch and verify the models that the box can run",
        description="List, fetch and verify the models that the box can run.",
        epilog="example:\n  menkou-edge models fetch --config edge.toml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    group = models.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = _action(group, "list", _list, "say which models there are, and which are here", "")
    listed.add_argument("--json", action="store_true", help="one JSON object a line")
    brought = _action(
        group, "fetch", _fetch, "bring what pip does not; it goes on where it was cut off",
        " yunet-s --config edge.toml",
    )  # fmt: skip
    brought.add_argument(
        "--from", dest="mirror", metavar="URL", help="a mirror: the folder that holds the files"
    )
    checked = _action(
        group, "verify", _verify, "compare what is here with the manifest", " --config edge.toml"
    )
    for parser in (brought, checked):
        parser.add_argument("name", nargs="*", metavar="NAME", help="a model (default: all)")


def _action(group: Any, name: str, run: Any, text: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"example:\n  menkou-edge models {name}{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--config", type=Path, metavar="F", help="the box's settings: models of its data_dir"
    )
    place.add_argument("--dir", type=Path, metavar="DIR", help=f"else a folder ({FOLDER})")
    return parser


def _folder(arguments: argparse.Namespace) -> Path:
    if arguments.config is not None:
        return load(arguments.config).data_dir / "models"
    folder: Path = arguments.dir or FOLDER
    return folder


def _read() -> tuple[Manifest, int]:
    """Return the manifest and the exit code that its faults ask for; they are said."""
    manifest = read_manifest()
    for fault in manifest.faults:
        complain(str(fault))
    return manifest, FAILED if manifest.faults else 0


def _named(manifest: Manifest, names: list[str]) -> list[Model]:
    try:
        return [manifest.of(name) for name in dict.fromkeys(names)]
    except ModelFault as exc:
        raise CommandUsage(str(exc)) from exc


def _list(arguments: argparse.Namespace) -> int:
    folder = _folder(arguments)
    manifest, code = _read()
    for model in manifest.models:
        state = state_of(model, folder)
        if arguments.json:
            print(json.dumps({**_record(model), "state": state}, ensure_ascii=False))
        else:
            size = f"{model.bytes:,}" if model.bytes else "-"
            print(f"{model.name:<14} {state:<12} {size:>12}  {model.licence:<11} {model.purpose}")
    return code


def _record(model: Model) -> dict[str, object]:
    names = ("name", "purpose", "input", "licence", "package", "source", "file", "sha256", "bytes")
    return {name: getattr(model, name) for name in names}


def _fetch(arguments: argparse.Namespace) -> int:
    folder, mirror = _folder(arguments), arguments.mirror
    if mirror is not None and not mirror.startswith(("https://", "http://")):
        raise CommandUsage(f"--from: expected an address with http:// or https://, got {mirror!r}")
    from edge.models.fetch import fetch  # brings requests, which no part of a running box needs

    manifest, code = _read()
    for model in _named(manifest, arguments.name) or [m for m in manifest.models if m.source]:
        shown = Progress(sys.stderr)
        try:
            new = fetch(
                model,
                folder,
                mirror=mirror,
                progress=lambda got, of, shown=shown: shown.show(  # type: ignore[misc]
                    lambda: f"{got:,} of {of:,} bytes"
                ),
            )
        except ModelFault as exc:  # the others are fetched all the same
            complain(str(exc))
            code = FAILED
            continue
        finally:
            shown.done()
        print(
            f"{model.name}: {'fetched' if new else 'is here already'}: {folder / str(model.file)}"
        )
    return code


def _verify(arguments: argparse.Namespace) -> int:
    folder = _folder(arguments)
    manifest, code = _read()
    for model in _named(manifest, arguments.name) or manifest.models:
        try:
            words = _checked(model, folder)
        except MenkouFault as exc:
            words, code = f"damaged: {exc}", FAILED
        if words == "not fetched" and model.name in arguments.name:
            code = FAILED
        print(f"{model.name}: {words}")
    return code


def _checked(model: Model, folder: Path) -> str:
    """Say how a model is. Raises MenkouFault: it is not what the manifest names."""
    if model.source is None:
        return _checked_package(model)
    state = state_of(model, folder)
    if state == "damaged":
        path = folder / str(model.file)
        raise ModelFault(
            f"{path}: expected the sha256 {model.sha256}, got {digest_of(path)}; run menkou-edge"
            " models fetch"
        )
    return "right" if state == "fetched" else state


def _checked_package(model: Model) -> str:
    if model.file is None:
        if importlib.util.find_spec("dlib") is None:
            raise ModelFault(f"expected the package {model.package}; pip install 'menkou[edge]'")
        return f"right, in the package {model.package}"
    from edge.faces.dlib_file import model_path  # reads no model by being imported

    path = model_path(model.file)
    if (found := digest_of(path)) != model.sha256:
        raise ModelFault(f"{path}: expected the sha256 {model.sha256}, got {found}")
    return f"right, in the package {model.package}"
