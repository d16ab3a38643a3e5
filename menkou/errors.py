"""The base of every error that a person can act on. Raised everywhere, caught by the commands.

MenkouFault
├── menkou.web.errors.WebError      the pages cannot be served
├── edge.store.database.StoreFault  the box's store cannot be used
├── edge.sensors.recording.CameraFault
├── edge.sensors.radio.errors.RadioFault
├── edge.keys.errors.KeyFault       a key cannot be had, or does not open what it should
├── edge.memory.MemoryFault         no memory that stays off the swap
├── edge.faces.dlib_file.FaceModelFault
├── edge.faces.gallery.VectorDamaged
├── edge.faces.photo.PhotoRefused   a photo that nobody can be enrolled by
├── menkou.table.TableFault         a table of members or appointments that cannot be imported
├── edge.desk.tables.TableUnreadable  a file that somebody put on a page is no such table
├── edge.uplink.link.UplinkFault
└── edge.commands.CommandFault      a command was called wrongly, or could not do its work
"""

import ssl


class MenkouFault(Exception):
    """An error whose text says what to do; a command prints it without a traceback."""


def told(exc: BaseException | None) -> str:
    """Return what the system refused, and where, for somebody who reads no numbers of errors."""
    if not isinstance(exc, OSError):
        return str(exc)
    place = exc.filename2 or exc.filename
    why = exc.strerror or str(exc)
    if isinstance(exc, ssl.SSLError) and exc.reason:
        why = exc.reason.lower().replace("_", " ")
    return f"{place}: {why}" if place else why
