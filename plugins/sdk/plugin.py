"""What every plugin declares, of whatever kind: its name, what it is for, and who looks after it.

A plugin is one module with one constant (TEST, TOOL, ARCHIVER or CONTEXT) built from the class of its kind,
and the functions it names. Nothing in a plugin knows of storage, queues or HTTP routes: what it
needs while it works is handed to it, as a Job or a Parcel (``plugins/sdk/jobs.py``).
"""

import dataclasses

from chalicelib.domain.schemas import JSON

NO_EMAIL, NO_HREF = "nobody@none.invalid", "https://none.invalid/"
"""What clients see where there are none: they print both members, whose types take no empty text, and what is
in ``.invalid`` is nobody's (RFC 2606 section 2)."""


@dataclasses.dataclass(frozen=True)
class Maintainer:
    """Who looks after a plugin; ``email`` and ``href`` are empty where there are none."""

    name: str
    email: str = ""
    href: str = ""

    def describe(self) -> dict[str, JSON]:
        """The maintainer as clients see it (docs/contract/types.md section 3)."""
        return {"name": self.name, "email": self.email or NO_EMAIL, "href": self.href or NO_HREF}


PROJECT = Maintainer("A pScheduler node without servers")
"""Who looks after the plugins that come with the node: the project, as its README calls it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plugin:
    """What every kind has: the members of its enumeration.

    ``maintainer`` has to be named by those that do not come with the node; ``label`` is what people call it,
    made of the name where there is none.
    """

    name: str
    description: str
    version: str = "1.0"
    maintainer: Maintainer | None = None
    label: str = ""

    def enumeration(self) -> dict[str, JSON]:
        """The plugin as clients see it (docs/contract/api.md, Plugins), without what API level 7 adds."""
        return {
            "schema": 1,
            "name": self.name,
            "description": self.description,
            "version": self.version,
            "maintainer": (self.maintainer or PROJECT).describe(),
        }

    @property
    def called(self) -> str:
        """Its label, or its name with the words set apart and in capitals."""
        return self.label or " ".join(word[:1].upper() + word[1:] for word in self.name.split("-"))
