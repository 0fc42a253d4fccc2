"""The archivers that ship with the node."""

from plugins.archivers import (
    bitbucket,
    eventbridge,
    failer,
    kafka,
    opensearch,
    otlp,
    postgresql,
    prometheus,
    rabbitmq,
    s3,
    smtp,
    snmptrap,
    sqs,
    syslog,
    tcp,
    udp,
)
from plugins.archivers import http as http_archiver

ARCHIVERS = (
    bitbucket.ARCHIVER,
    eventbridge.ARCHIVER,
    failer.ARCHIVER,
    http_archiver.ARCHIVER,
    kafka.ARCHIVER,
    opensearch.ARCHIVER,
    otlp.ARCHIVER,
    postgresql.ARCHIVER,
    prometheus.ARCHIVER,
    rabbitmq.ARCHIVER,
    s3.ARCHIVER,
    smtp.ARCHIVER,
    snmptrap.ARCHIVER,
    sqs.ARCHIVER,
    syslog.ARCHIVER,
    tcp.ARCHIVER,
    udp.ARCHIVER,
)
