"""feecalc: Medicare Physician Fee Schedule payments, exact to the cent, from CMS's own files."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from feecalc.api import OpenSchedule as OpenSchedule
    from feecalc.api import fee_schedule as fee_schedule
    from feecalc.api import open_schedule as open_schedule
    from feecalc.api import price as price

__all__ = ["OpenSchedule", "__version__", "fee_schedule", "open_schedule", "price"]


def __getattr__(name: str) -> Any:
    """Import the engine at first use, so that `import feecalc` costs nothing."""
    if name in __all__:
        import importlib

        return getattr(importlib.import_module("feecalc.api"), name)
    raise AttributeError(f"module 'feecalc' has no attribute {name!r}")
