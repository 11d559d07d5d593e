"""The acts: what a step does on one host. Each act module has up to five functions of one shape.

perform(call) -> result     do it; refuse if the host is not as the plan expected; doing it twice does nothing
restore(call) -> result     put back `call.before`, only where what stands is still ours
probe(call) -> result       {"state": "done" | "not-done" | "partial"}
ask(call) -> result         read only
"""
