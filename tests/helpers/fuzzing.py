"""Hypothesis settings and strategies for the fuzz tests of parsers.

FUZZ_EXAMPLES=100000 tries more examples of each than the suite has time for.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

anything = st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape"))
contents = st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
