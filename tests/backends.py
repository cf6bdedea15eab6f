"""Long tests run on asyncio with the quick ones, and on trio with the slow ones."""

import pytest

trio_is_slow = pytest.mark.parametrize("anyio_backend", ["asyncio", pytest.param("trio", marks=pytest.mark.slow)])
