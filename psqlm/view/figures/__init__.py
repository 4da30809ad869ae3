"""Figures of Plotly: rows of a statement to a drawing, a module for each view."""
