"""Texts through a model: a forward pass, a continuation, a corpus."""
