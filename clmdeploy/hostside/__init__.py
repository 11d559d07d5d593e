"""What runs on the hosts. Standard library only, Python 3.9 or newer; nothing here knows the control node's rooms.

`guard.py` is installed by `host setup` and stays; the acts travel with each request as one small zip archive, so that
the acts are always those of the control node that planned them.
"""
