"""The web page that takes networks apart: what it shows is made here, and drawn in `page/`. The
addresses and their JSON are described in docs/explorer.md.
"""
