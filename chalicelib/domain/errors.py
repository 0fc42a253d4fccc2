"""What can go wrong, as types.

PSchedulerError
├── NotFound            the thing named does not exist, or must not be seen
│   └── Gone            it is of no use any more, nor will it be again
├── Invalid             the request is at fault; ``pointer`` is the member
│   ├── NeedsLaterSchema  the member is of a later schema than its document says
│   ├── Unprocessable   well-formed, but cannot be acted on (no tool in common)
│   ├── TooLarge        more than the node stores or may answer
│   └── UnknownCoding   a body compressed in a way that is not known here
├── Unauthenticated     nobody knows who asks: what they came with is none, not known, or revoked
├── Forbidden           the caller may not do this
├── Misdirected         the request is for a name that is not this node's
├── Unsupported         asks for an API level above this node's
├── TooOld              speaks a protocol that is not spoken here (any more)
├── TooMany             asks more often than it may
├── Conflict            somebody else holds the time, or was faster
│   ├── Blocked         a run is in the way
│   ├── Repeated        an idempotency key was used already
│   ├── Overtaken       something changed between reading and writing: decide again
│   ├── StaleRun        the run changed between read and write
│   └── BadTransition   a run cannot go from its state to the one asked for
├── Unavailable         something the node needs did not answer
│   ├── StorageFull     there is no room left to store anything
│   └── WrongVersion    what is stored is of a version that this release cannot go on with
├── PeerError           another participant did not do its part; ``host`` names it
│   ├── Unreachable     no connection to it, or none that can be trusted
│   ├── TimedOut        no whole answer in time
│   ├── PeerBusy        it says that it cannot answer now
│   └── Refused         it answered with a refusal; ``status`` is its HTTP number
│       ├── PeerConflict    the time is taken there
│       └── PeerForgot      it knows nothing of the task or the run
└── PluginFailed        a plugin could not do its work
    └── Cancelled       the run was cancelled while its tool worked

Only ``api/http/problems.py`` knows their HTTP numbers. No client is answered with a PluginFailed:
a failed measurement is a result.
"""

from chalicelib.domain import echoes
from chalicelib.domain.names import RunId, TaskId

LONGEST_POINTER = 400
"""Characters of a pointer that a message shows: members are called whatever a client calls them."""


class PSchedulerError(Exception):
    """The base of every error this product raises on purpose; ``str()`` of it is fit for a client."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class NotFound(PSchedulerError):
    """The thing named does not exist, or must not be seen."""


class Gone(NotFound):
    """What is named is of no use any more, nor will it be again."""


class Invalid(PSchedulerError):
    """The request is at fault.

    ``sentence`` says what is wrong and what is right; ``pointer`` is the member (a JSON pointer, RFC 6901;
    "" is the whole document), None where it is none of a document. The message is both: ``/test/type: ...``.
    """

    def __init__(self, sentence: str, pointer: str | None = None):
        where = None if pointer is None else echoes.name(pointer, LONGEST_POINTER) or "/"
        super().__init__(sentence if where is None else f"{where}: {sentence}")
        self.sentence, self.pointer = sentence, pointer

    def inside(self, pointer: str) -> "Invalid":
        """The same fault, as seen from a document that has this one at a pointer."""
        return type(self)(self.sentence, pointer + (self.pointer or ""))


class NeedsLaterSchema(Invalid):
    """Part of a document is of a later schema than the document says.

    ``needed`` is the number it has to say, in the document at ``document``, of which this names the member.
    With it the whole document is valid, or, where ``is_enough`` is false, this part.
    """

    def __init__(self, sentence: str, pointer: str, needed: int, is_enough: bool, document: str = ""):
        whole = "as it is, it needs" if is_enough else "that needs"
        super().__init__(f'{sentence}; {whole} "schema": {needed} at {document}/schema', pointer)
        self._found = sentence, pointer, needed, is_enough, document

    def inside(self, pointer: str) -> "NeedsLaterSchema":
        sentence, member, needed, is_enough, document = self._found
        return NeedsLaterSchema(sentence, pointer + member, needed, is_enough, pointer + document)


class Unprocessable(Invalid):
    """Well-formed, but cannot be acted on."""


class TooLarge(Invalid):
    """More than the node stores or may answer."""


class UnknownCoding(Invalid):
    """A body is compressed in a way that is not known here."""


class Unauthenticated(PSchedulerError):
    """What somebody came with is not known, or not any more."""


class Forbidden(PSchedulerError):
    """The caller may not do this."""


class Misdirected(PSchedulerError):
    """The request is for a name that is not this node's."""


class Unsupported(PSchedulerError):
    """Asks for an API level above this node's."""


class TooOld(PSchedulerError):
    """Speaks a protocol that is not spoken here, or not any more."""


class TooMany(PSchedulerError):
    """Asks more often than it may; later it may again."""


class Conflict(PSchedulerError):
    """Somebody else holds the time, or was faster."""


class Blocked(Conflict):
    """A run is in the way; ``run`` is its uuid."""

    def __init__(self, message: str, run: RunId):
        super().__init__(message)
        self.run = run


class Repeated(Conflict):
    """An idempotency key was used already: for ``task``, posted in a body of this ``fingerprint``."""

    def __init__(self, message: str, task: TaskId, fingerprint: str):
        super().__init__(message)
        self.task, self.fingerprint = task, fingerprint


class Overtaken(Conflict):
    """Something changed between reading and writing: read and decide again."""


class StaleRun(Conflict):
    """The run changed between read and write."""


class BadTransition(Conflict):
    """A run cannot go from its state to the one asked for."""


class Unavailable(PSchedulerError):
    """Something the node needs did not answer."""


class StorageFull(Unavailable):
    """There is no room left to store anything; nothing of what was asked for is stored."""


class WrongVersion(Unavailable):
    """What is stored is of a version that this release cannot go on with."""


class PeerError(PSchedulerError):
    """Another participant did not do its part; ``host`` names it, and so does the message."""

    def __init__(self, host: str, message: str):
        super().__init__(f"{host}: {message}")
        self.host = host


class Unreachable(PeerError):
    """There is no connection to it, or none that can be trusted."""


class TimedOut(PeerError):
    """Its answer did not come, or not all of it, in time."""


class PeerBusy(PeerError):
    """It, or what is in front of it, says that it cannot answer at the moment, and may have heard."""


class Refused(PeerError):
    """It answered with a refusal."""

    def __init__(self, host: str, message: str, status: int):
        super().__init__(host, message)
        self.status = status


class PeerConflict(Refused):
    """The time is taken there."""


class PeerForgot(Refused):
    """It knows nothing of the task or the run."""


class PluginFailed(PSchedulerError):
    """A plugin could not do its work; the message becomes the result's error, ``diags`` its details."""

    def __init__(self, message: str, diags: str = ""):
        super().__init__(message)
        self.diags = diags


class Cancelled(PluginFailed):
    """The run was cancelled while its tool worked."""
