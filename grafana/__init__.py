"""The dashboards, and the program that writes them: `python -m grafana`.

Plain data: `panels.py` and `board.py` say what a panel and a dashboard look like in Grafana's
classic JSON, the others what is on them. Nothing here is needed to use `dashboards/*.json`.
"""
