"""Files that travel with the package."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def _folder(installed: str, checkout: str) -> Path:
    """A folder of the package: inside it when installed, beside it in a checkout."""
    inside = PACKAGE / installed
    return inside if inside.is_dir() else PACKAGE.parent / checkout


SQL = _folder("sql", "sql")
DEMO_MODEL = _folder("demo", "demo/model")
# The models that come along, by the names that load them.
BUNDLED = {"demo": DEMO_MODEL, "demo-llama": _folder("demo_llama", "demo/llama")}
