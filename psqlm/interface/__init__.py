"""The Python interface: what psqlm.connect returns. It computes nothing, SQL does."""

from psqlm.interface.language_model import LanguageModel, open_language_model
from psqlm.interface.run import Run

__all__ = ["LanguageModel", "Run", "open_language_model"]
