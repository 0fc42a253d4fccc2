"""The two jq modules that scripts may import (docs: types of the contract, JQTransformSpecification).

They are written as jq would read them from files; nothing is read from files, see ``jq_scripts``.
"""

_ISO8601 = r"""
def duration_as_seconds($duration):
  def refuse: error("\($duration|tojson) is not an ISO 8601 duration such as PT1H30M");
  if ($duration | type) != "string" then refuse
  else
    ($duration | ascii_upcase
     | [capture("^P(?:(?<w>[0-9]+)W)?(?:(?<d>[0-9]+)D)?"
                + "(?<t>T(?:(?<h>[0-9]+)H)?(?:(?<m>[0-9]+)M)?(?:(?<s>[0-9]+(?:[.][0-9]+)?)S)?)?$")]
     | first) as $parts
    | if $parts == null or ([$parts[] | select(. != null and . != "T")] | length) == 0 then refuse
      else
        [[$parts.w, 604800], [$parts.d, 86400], [$parts.h, 3600], [$parts.m, 60], [$parts.s, 1]]
        | map((.[0] // "0" | tonumber) * .[1]) | add
      end
  end;
def timestamp_parsed($timestamp):
  def refuse: error("\($timestamp|tojson) is not an ISO 8601 timestamp such as 2026-01-31T12:00:00Z");
  if ($timestamp | type) != "string" then refuse
  else
    ($timestamp | ascii_upcase
     | [capture("^(?<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
                + "(?<part>[.][0-9]+)?(?:Z|(?<sign>[+-])(?<oh>[0-9]{2}):?(?<om>[0-9]{2}))$")]
     | first) as $found
    | if $found == null then refuse
      else
        ("\($found.day)T\($found.time)Z" | fromdateiso8601) as $local
        | (if $found.sign == null then 0
           else (($found.oh | tonumber) * 3600 + ($found.om | tonumber) * 60)
                * (if $found.sign == "-" then -1 else 1 end)
           end) as $offset
        | $local - $offset + ("0\($found.part // "")" | tonumber)
      end
  end;
"""

_SI = r"""
def as_integer($value):
  def refuse: error("\($value|tojson) is not a number with an optional SI suffix such as 10M");
  if ($value | type) == "number" then $value
  elif ($value | type) != "string" then refuse
  else
    ($value | ascii_downcase
     | [capture("^(?<number>[0-9]+(?:[.][0-9]+)?)(?:(?<prefix>[kmgtpezy])(?<binary>i?))?$")]
     | first) as $parts
    | if $parts == null then refuse
      else
        (if $parts.prefix == null then 0 else ("kmgtpezy" | index($parts.prefix)) + 1 end) as $power
        | (if $parts.binary == "i" then 1024 else 1000 end) as $base
        | ($parts.number | tonumber) * reduce range($power) as $_ (1; . * $base) | floor
      end
  end;
"""

MODULES = {"pscheduler/iso8601": _ISO8601, "pscheduler/si": _SI}
FUNCTIONS = {
    "pscheduler/iso8601": ("duration_as_seconds", "timestamp_parsed"),
    "pscheduler/si": ("as_integer",),
}
"""What each module defines: calls of anything else do not compile."""
