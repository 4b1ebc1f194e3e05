"""Charts: tables to plotly records."""
