"""What a simulated comparison looks like: numbers with intervals, text for the terminal, charts, one HTML page.

May import every room below the command line. To add a chart: one function in `charts.py`, one line with its
caption in `CHARTS` there.
"""
