"""What a web server's answer means for a delivery: taken, to be tried again, or refused for good."""

import datetime as dt
from collections.abc import Callable

from chalicelib.domain import numerals
from plugins.sdk.jobs import Outcome, Parcel, retry_after
from plugins.support import web_posts

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that say that it may work later; all others of the 400s and 500s are for good."""
SHOWN = 500
"""Characters of an answer's body that an error shows."""
LONGEST_WAIT = 3600
"""Seconds that a server may ask to be left alone."""


def outcome_of(
    parcel: Parcel, post: web_posts.Post, refusal: Callable[[web_posts.Reply], str | None]
) -> Outcome:
    """Send, and say how it went; ``refusal`` finds what an answer of the 200s did not take.

    A server that says when to come again is believed where the archive has a retry policy.
    """
    again = retry_after(parcel.data.get("retry-policy", ()), parcel.attempts)
    try:
        reply = web_posts.send(post)
    except web_posts.NoAnswer as nothing:
        return Outcome(False, f"{post.method} failed: {nothing}", again)
    if not reply.is_success:
        error = f"{post.method} failed with status {reply.status}: {reply.body[:SHOWN]}"
        return Outcome(False, error, _wait(reply, again) if reply.status in AGAIN else None)
    refused = refusal(reply)
    return Outcome(False, refused[:SHOWN]) if refused else Outcome(True)


def _wait(reply: web_posts.Reply, again: dt.timedelta | None) -> dt.timedelta | None:
    asked = numerals.whole(reply.headers.get("retry-after", ""), 6)
    if again is None or asked is None:
        return again
    return max(again, dt.timedelta(seconds=min(asked, LONGEST_WAIT)))
