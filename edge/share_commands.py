"""`menkou-edge sharing`: with which boxes this one shares members, in counts. Called by `cli`."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict

from sqlite_utils import Database

from edge.app.common import ready_store
from edge.app.papers import why_doubtful, why_not
from edge.clock import SystemClock
from edge.config import EdgeConfig, load
from edge.store import shares


def sharing(arguments: argparse.Namespace) -> int:
    """Show the counts, the boxes whose key is missing or refused, and this box's own doubts."""
    config = load(arguments.config)
    db = ready_store(config.data_dir)
    try:
        for line in _lines(config, db, as_json=arguments.json):
            print(line)
    finally:
        db.close()
    return 0


def _lines(config: EdgeConfig, db: Database, *, as_json: bool) -> Iterator[str]:
    place = f"{config.store.id}/{config.box.id}"
    now = SystemClock().now()
    wanted = shares.wanted(db, place, now)
    counts = shares.counts(db)
    keyed = {one.place.partition("/")[0] for one in counts if one.key == "good"}
    without = [shop for shop in wanted.shops if shop not in keyed and shop != config.store.id]
    why = why_not(config) or why_doubtful(config, now)
    if as_json:
        for one in counts:
            yield json.dumps(asdict(one), ensure_ascii=False)
        told = {"without_key": without, "left_out": wanted.left_out, "doubt": why}
        yield json.dumps(told, ensure_ascii=False)
        return
    yield "box\tshared\twaiting\tcame\tkey"
    for one in counts:
        key = one.key if one.why is None else f"{one.key}: {one.why}"
        yield f"{one.place}\t{one.shared}\t{one.waiting}\t{one.came}\t{key}"
    for shop in without:
        yield f"{shop}: named by consents, but no box of it has told its key yet"
    if wanted.left_out:
        yield f"{wanted.left_out} shares are left out: more than {shares.SHARES_MAX:,}"
    if why is not None:
        yield f"templates are not shared: {why}"
