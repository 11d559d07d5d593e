"""The demonstration: a release of CLM rolls across real hosts under load, and a bad one takes itself back.

It types the real command line, as an administrator would, and looks at the hosts by ways of its own.
"""
