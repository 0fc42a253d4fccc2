"""What plugins are made of: all that their authors import, in one place.

``plugins.sdk.test``, ``tool``, ``archiver`` and ``context`` say what each kind declares, and ``plugin`` what
all do; ``fields`` how a spec is declared and read from a command line, ``jobs`` what plugins are handed while
they work, ``show`` how what they found is shown.
"""

from chalicelib.domain.errors import Invalid as Invalid
from chalicelib.domain.schemas import JSON as JSON
from chalicelib.domain.schemas import closed as closed
from chalicelib.domain.times import SECOND as SECOND
from chalicelib.domain.times import format_duration as format_duration
from chalicelib.domain.times import parse_duration as parse_duration
from chalicelib.domain.types import TYPES as TYPES
from plugins.sdk.archiver import Archiver as Archiver
from plugins.sdk.context import Context as Context
from plugins.sdk.fields import Field as Field
from plugins.sdk.fields import Spec as Spec
from plugins.sdk.jobs import Cancelled as Cancelled
from plugins.sdk.jobs import Completed as Completed
from plugins.sdk.jobs import Host as Host
from plugins.sdk.jobs import Job as Job
from plugins.sdk.jobs import Outcome as Outcome
from plugins.sdk.jobs import Parcel as Parcel
from plugins.sdk.jobs import PluginFailed as PluginFailed
from plugins.sdk.jobs import retry_after as retry_after
from plugins.sdk.jobs import wrapped as wrapped
from plugins.sdk.plugin import Maintainer as Maintainer
from plugins.sdk.show import UNSPECIFIED as UNSPECIFIED
from plugins.sdk.show import Block as Block
from plugins.sdk.show import Lines as Lines
from plugins.sdk.show import Preformatted as Preformatted
from plugins.sdk.show import Rows as Rows
from plugins.sdk.show import Table as Table
from plugins.sdk.test import Result as Result
from plugins.sdk.test import Test as Test
from plugins.sdk.test import at_host as at_host
from plugins.sdk.test import at_source as at_source
from plugins.sdk.tool import Tool as Tool
from plugins.sdk.tool import pick as pick
