"""Changes part of the big files of a tree, as daily work does. Runs as root on a host.

python3 - DIRECTORY '{"share": 0.01, "scattered": false, "seed": 1}'
"""

import json
import os
import random
import sys

BLOCK = 8192


def main():
    root, how = sys.argv[1], json.loads(sys.argv[2])
    dice = random.Random(how["seed"])  # noqa: S311  # a seed must give the same tree, that is all
    for name in sorted(os.listdir(os.path.join(root, "big"))):
        path = os.path.join(root, "big", name)
        blocks = os.path.getsize(path) // BLOCK
        count = max(1, int(blocks * how["share"]))
        first = dice.randrange(max(1, blocks - count))
        chosen = sorted(dice.sample(range(blocks), count)) if how["scattered"] else range(first, first + count)
        with open(path, "r+b") as file:
            for block in chosen:
                file.seek(block * BLOCK)
                file.write(dice.randbytes(BLOCK))


main()
