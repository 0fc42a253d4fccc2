"""An embedded engine that answers for DynamoDB, SQS and S3 from one SQLite file, in the process.

    engine = Engine("state.sqlite").install()     # from now on botocore's clients ask it
    engine.uninstall(); engine.close()

    with Engine(tmp_path / "state.sqlite"):       # the same, for a block
        ...

Clients made after this package was first imported are answered, PynamoDB's too; they need a region and
any credentials, no endpoint and no port. Several processes may use one file at once.
"""

from local.engine.engine import Engine
from local.engine.engine_errors import DamagedFile, EngineError, ForeignFile, NewerFile, ServiceError

__all__ = ["DamagedFile", "Engine", "EngineError", "ForeignFile", "NewerFile", "ServiceError"]
