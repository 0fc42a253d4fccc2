"""What tests of the limits stand on."""

from tests.policies import installed as installed
