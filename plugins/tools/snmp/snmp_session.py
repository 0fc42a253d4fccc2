"""A conversation with an SNMP agent, over UDP, by the library pysnmp (docs/contract/tools.md section 2).

The library works in an event loop; each session has one of its own, in the thread of its run.
"""

import contextlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence

from chalicelib.domain.schemas import JSON
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import PluginFailed
from plugins.support import guarded_connections, host_lookup
from plugins.support.secrets import without_secrets

PORT = 161
TRY, RETRIES = 1.0, 5
"""Seconds until a question that was not answered is asked again, and how often, as with the reference."""
PATIENCE = TRY * (RETRIES + 1) + 1
"""Seconds until an answer is waited for no more."""

LONGEST_TROUBLE = 300
"""Characters of what the library says that are passed on."""

_AUTH = {"MD5": "USM_AUTH_HMAC96_MD5", "SHA": "USM_AUTH_HMAC96_SHA"}
_PRIV = {
    "AES": "USM_PRIV_CFB128_AES",
    "AES128": "USM_PRIV_CFB128_AES",
    "AES192": "USM_PRIV_CFB192_AES",
    "AES256": "USM_PRIV_CFB256_AES",
    "DES": "USM_PRIV_CBC56_DES",
    "3DES": "USM_PRIV_CBC168_3DES",
}
_NEEDS = {
    "noauthnopriv": ("security-name",),
    "authnopriv": ("security-name", "auth-protocol", "_auth-key"),
    "authpriv": ("security-name", "auth-protocol", "_auth-key", "priv-protocol", "_priv-key"),
}
SHORTEST_KEY = 8
"""Characters of a passphrase, at the least (RFC 3414 section 11.2)."""


def level(spec: Spec) -> str:
    """The security level of a spec of version 3, in lower case: what it says, or what it has the keys for."""
    if "security-level" in spec:
        return str(spec["security-level"]).lower()
    if "_priv-key" in spec:
        return "authpriv"
    return "authnopriv" if "_auth-key" in spec else "noauthnopriv"


def refusals(spec: Spec) -> list[str]:
    """Why no session can be had with what a spec says; an empty list when one can."""
    reasons = ["Speaks SNMP over UDP only"] if spec.get("protocol", "udp") != "udp" else []
    if spec["version"] != "3":
        return reasons
    needed = _NEEDS[level(spec)]
    reasons += [f"Needs {name} for version 3 with {level(spec)}" for name in needed if name not in spec]
    keys = [name for name in needed if name.startswith("_") and name in spec]
    reasons += [f"{name} is shorter than 8 characters" for name in keys if len(spec[name]) < SHORTEST_KEY]
    return reasons


def unable(spec: Spec) -> list[str]:
    """Why this host cannot have the session; an empty list when it can."""
    encrypts = spec["version"] == "3" and "_priv-key" in _NEEDS[level(spec)]
    if not encrypts or importlib.util.find_spec("cryptography") is not None:
        return []
    return ["Cannot encrypt: the Python package cryptography is missing"]


class Session:
    """A conversation under way; see ``session``."""

    def __init__(self, loop: JSON, spec: Spec, address: host_lookup.Address):
        from pysnmp.hlapi.v3arch import asyncio as snmp

        self._loop, self._snmp, self._address = loop, snmp, address
        self._spec = spec
        self.engine = snmp.SnmpEngine()

    def prepare(self) -> None:
        """Do before a measurement what the library would do in it. Raises PluginFailed."""
        from pyasn1.error import PyAsn1Error

        try:
            self._credentials = credentials(self._snmp, self._spec)
            context = str(self._spec.get("context", "")).encode()
            self._context = self._snmp.ContextData(contextName=context)
            self._loop.run_until_complete(self._configure())
        except (PyAsn1Error, ValueError) as error:  # which may have secrets in what it says
            raise PluginFailed("The community, user, context or keys cannot be used") from error

    async def _configure(self) -> None:
        from pysnmp.hlapi.v3arch.asyncio import lcd

        snmp = self._snmp
        over = snmp.UdpTransportTarget if self._address.version == 4 else snmp.Udp6TransportTarget
        self._where = await over.create((str(self._address), PORT), timeout=TRY, retries=RETRIES)
        lcd.CommandGeneratorLcdConfigurator().configure(
            self.engine, self._credentials, self._where, self._context.contextName
        )

    def get(self, oids: Sequence[str], limit: float) -> list[JSON]:
        """The library's values of objects, in their order. Raises PluginFailed."""
        return self._ask(self._snmp.get_cmd, [(oid,) for oid in oids], limit)

    def set(self, values: Sequence[tuple[str, JSON]], limit: float) -> list[JSON]:
        """Set objects to values of the library's; what they are now. Raises PluginFailed."""
        return self._ask(self._snmp.set_cmd, values, limit)

    def _ask(self, command: JSON, objects: Sequence[tuple[JSON, ...]], limit: float) -> list[JSON]:
        import asyncio

        from pyasn1.error import PyAsn1Error

        patience = max(0.001, min(limit, PATIENCE))
        try:
            asking = asyncio.wait_for(self._exchange(command, objects), patience)
            answer = self._loop.run_until_complete(asking)
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise PluginFailed(f"No answer in {patience:g} seconds") from error
        except (PyAsn1Error, OSError, ValueError, OverflowError) as error:  # the library's are the first
            raise PluginFailed(f"The agent could not be queried: {self._told(error)}") from error
        return self._values(answer, objects)

    async def _exchange(self, command: JSON, objects: Sequence[tuple[JSON, ...]]) -> tuple[JSON, ...]:
        snmp = self._snmp
        asked = [snmp.ObjectType(snmp.ObjectIdentity(oid), *value) for oid, *value in objects]
        # Values come with their types, and names were looked up: the library need not know any MIB.
        answer: tuple[JSON, ...] = await command(
            self.engine, self._credentials, self._where, self._context, *asked, lookupMib=False
        )
        return answer

    def _values(self, answer: tuple[JSON, ...], objects: Sequence[tuple[JSON, ...]]) -> list[JSON]:
        error, status, index, found = answer
        if error:
            raise PluginFailed(f"No usable answer: {self._told(error)}")
        if status:
            which = objects[int(index) - 1][0] if 0 < int(index) <= len(objects) else "the request"
            raise PluginFailed(f"The agent answered {status.prettyPrint()} to {which}")
        return [value for _, value in found]

    def _told(self, error: object) -> str:
        """What the library says of a trouble, without what is secret."""
        text = (str(error).splitlines() or [type(error).__name__])[0]
        return without_secrets(text, self._spec)[:LONGEST_TROUBLE]


@contextlib.contextmanager
def session(spec: Spec, address: host_lookup.Address) -> Iterator[Session]:
    """A session with the agent at an address, as whom the spec says. Raises PluginFailed."""
    import asyncio

    guarded_connections.check(
        address, PORT
    )  # the library makes its own sockets, and looks an address up no more
    loop = asyncio.new_event_loop()
    try:
        opened = Session(loop, spec, address)
        try:
            opened.prepare()
            yield opened
        finally:
            opened.engine.close_dispatcher()
            loop.run_until_complete(asyncio.sleep(0))  # what was told to end comes to its end
    finally:
        loop.close()


def credentials(snmp: JSON, spec: Spec) -> JSON:
    """Who asks, in the library's form; the spec has what its version and level need."""
    if spec["version"] != "3":
        return snmp.CommunityData(spec["_community"], mpModel=0 if spec["version"] == "1" else 1)
    keys: Mapping[str, JSON] = {}
    if level(spec) != "noauthnopriv":
        auth = getattr(snmp, _AUTH[spec["auth-protocol"].upper()])
        keys = {"authKey": spec["_auth-key"], "authProtocol": auth}
    if level(spec) == "authpriv":
        priv = getattr(snmp, _PRIV[spec["priv-protocol"].upper()])
        keys = {**keys, "privKey": spec["_priv-key"], "privProtocol": priv}
    return snmp.UsmUserData(spec["security-name"], **keys)
