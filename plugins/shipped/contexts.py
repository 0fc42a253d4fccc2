"""The contexts that ship with the node."""

from plugins.contexts import changefail, changenothing, linuxnns, linuxvrf

CONTEXTS = (changefail.CONTEXT, changenothing.CONTEXT, linuxnns.CONTEXT, linuxvrf.CONTEXT)
