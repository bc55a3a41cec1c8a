"""How fast this machine and this product are, against named peers measured in the same run: each
measurement in a process of its own, since malloc settings and thread pools differ. Nothing here is
recorded; `benchmarks/speed.py` does that.
"""
