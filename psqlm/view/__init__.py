"""Pictures of runs, each drawn from the rows of one statement of SQL.

`figures` makes them, by Plotly; `page` puts them on one HTML page that needs no network.
"""
