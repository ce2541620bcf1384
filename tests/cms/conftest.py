import hashlib
from collections.abc import Callable

import pytest

from feecalc.cms import Member, Source


@pytest.fixture
def member() -> Callable[[str, bytes | str], Member]:
    """A member of a download that was never on disk."""

    def make(name: str, data: bytes | str) -> Member:
        content = data.encode("latin-1") if isinstance(data, str) else data
        return Member(name, Source(name, hashlib.sha256(content).hexdigest()), lambda: content)

    return make
