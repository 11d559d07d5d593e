"""Makes a tree of odd files below a new directory, the same from the same seed. Runs as root on a host.

python3 - DIRECTORY '{"seed": 1, "small": 5000, "big": 2, "big_bytes": 100000000}'
"""

import json
import os
import random
import struct
import sys

PIECE = 1_000_000
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NOBODY = 0xFFFFFFFF  # of entries that name nobody
BIG_ID = 3_000_000_000  # beyond a signed 32-bit number

NAMES = [
    b"plain", b"with space", b" leading", b"trailing ", b"new\nline", b"tab\tulator", b"carriage\rreturn", b"dot.",
    b"\xff\xfe not UTF-8 \xe9", "ключ".encode(), "ключ".encode("cp1251"), b"...", b".hidden", b"Case", b"case",
    "e\u0301 apart".encode(), "\u00e9 together".encode(), b"-dash", b"--option=value", b"*", b"?[a-z]*", b"!bang",
    b"#hash", b"$HOME", b"`id`", b"${x}", b"back\\slash", b"\\*", b"quote'single", b'quote"double', b"~tilde",
    b"%25percent", b"@at", b"colon:semi;comma,", b"\x01control\x7f", b"&amp;<>|", b"n" * 255, b"\xd1\x8f" * 127,
    b"{brace,s}",
]  # fmt: skip


def acl(*entries):
    """The kernel's own form: version 2, then (tag, rights, id)."""
    packed = [struct.pack("<HHI", tag, rights, who) for tag, rights, who in entries]
    return struct.pack("<I", 2) + b"".join(packed)


class Maker:
    """Makes entries below `root`, and sets all times at the end: a directory's change with what is made in it."""

    def __init__(self, root, seed):
        self.root = os.fsencode(root)
        self.random = random.Random(seed)  # noqa: S311  # a seed must give the same tree, that is all

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def directory(self, *parts, mode=0o755):
        os.makedirs(self.path(*parts), exist_ok=True)
        os.chmod(self.path(*parts), mode)
        return parts

    def file(self, *parts, size=None, mode=0o644):
        """Returns its path. Without a size it is a small one."""
        left = self.random.randrange(4096) if size is None else size
        with open(self.path(*parts), "wb") as file:
            while left:
                piece = min(left, PIECE)
                # Half of a big file compresses well, half not at all, as in daily life.
                plain = size is not None and self.random.random() < 0.5
                file.write(bytes([left % 251]) * piece if plain else self.random.randbytes(piece))
                left -= piece
        os.chmod(self.path(*parts), mode)
        return self.path(*parts)

    def names(self):
        self.directory(b"names")
        for name in NAMES:
            self.file(b"names", name)
        odd = self.directory(b"names", b"directory \xff\n with everything")
        for name in NAMES[:8]:
            self.file(*odd, name)
        deep = [b"deep"]
        for level in range(30):
            deep.append(b"%02d-" % level + b"d" * 50)
        self.directory(*deep)
        self.file(*deep, b"at the bottom")

    def links(self):
        self.directory(b"links")
        self.file(b"links", b"target")
        targets = {
            b"relative": b"target", b"upwards": b"../names/plain", b"absolute": b"/etc/passwd",
            b"dangling": b"nowhere/at all", b"absolute and dangling": b"/nowhere/\xff",
            b"to a directory": b"../names", b"to itself": b"to itself",
            b"new\nline": b"line\nbreak", b"\xff": b"\xfe\xff", b"long": b"x/" * 2000, b"dot": b".",
        }  # fmt: skip
        for name, target in targets.items():
            os.symlink(target, self.path(b"links", name))
        os.lchown(self.path(b"links", b"dangling"), 12345, 54321)
        self.directory(b"hard", b"elsewhere")
        first = self.file(b"hard", b"first", size=70_000)
        os.link(first, self.path(b"hard", b"second"))
        os.link(first, self.path(b"hard", b"elsewhere", b"third \xff"))
        empty = self.file(b"hard", b"empty one", size=0)
        os.link(empty, self.path(b"hard", b"empty two"))
        self.file(b"hard", b"alone", size=70_000)

    def holes(self):
        self.directory(b"sparse")
        with open(self.path(b"sparse", b"holes"), "wb") as file:
            for offset in (0, 20_000_000, 63_999_000):
                file.seek(offset)
                file.write(self.random.randbytes(1000))
        with open(self.path(b"sparse", b"nothing but a hole"), "wb") as file:
            file.truncate(16_000_001)
        with open(self.path(b"sparse", b"ends in a hole"), "wb") as file:
            file.write(self.random.randbytes(5000))
            file.truncate(8_000_000)

    def modes(self):
        self.directory(b"modes")
        for mode in (0o000, 0o001, 0o040, 0o400, 0o444, 0o600, 0o777, 0o1644, 0o2755, 0o4755, 0o6755, 0o7777):
            self.file(b"modes", b"file %04o" % mode, mode=mode)
            self.directory(b"modes", b"directory %04o" % mode, mode=mode)
        self.file(b"modes", b"directory 0000", b"inside")
        os.mkfifo(self.path(b"modes", b"fifo"), 0o622)
        for level in (b"empty", b"empty/of the empty"):
            self.directory(level)

    def owners(self):
        self.directory(b"owners")
        for number, (user, group) in enumerate([(12345, 54321), (65534, 65534), (0, 1), (BIG_ID, BIG_ID + 1), (1, 0)]):
            os.chown(self.file(b"owners", b"%d" % number), user, group)
            os.chown(self.path(*self.directory(b"owners", b"d%d" % number)), user, group)
        run = self.file(b"owners", b"setuid of somebody")
        os.chown(run, 12345, 54321)
        os.chmod(run, 0o6711)  # noqa: S103  # an odd one

    def attributes(self):
        self.directory(b"acl")
        rights = [(USER_OBJ, 6, NOBODY), (USER, 6, 12345), (GROUP_OBJ, 4, NOBODY), (GROUP, 7, 54321), (MASK, 6, NOBODY)]
        os.setxattr(self.file(b"acl", b"file"), ACCESS, acl(*rights, (OTHER, 0, NOBODY)))
        place = self.path(*self.directory(b"acl", b"directory"))
        os.setxattr(place, ACCESS, acl(*rights, (OTHER, 4, NOBODY)))
        os.setxattr(place, DEFAULT, acl(*rights, (OTHER, 0, NOBODY)))
        inherits = self.file(b"acl", b"directory", b"inherits")
        os.chmod(inherits, 0o640)
        os.setxattr(self.file(b"acl", b"attributes"), "user.comment", b"\x00\xff not UTF-8")
        os.setxattr(self.path(b"acl", b"attributes"), "user.empty", b"")
        os.setxattr(self.path(b"acl"), "user.of a directory", "ключ".encode())

    def bulk(self, small, big, big_bytes):
        for number in range(small):
            if number % 100 == 0:
                place = self.directory(b"small", b"%03d" % (number // 100))
            self.file(*place, b"%05d.xml" % number)
        self.directory(b"big")
        for number in range(big):
            self.file(b"big", b"%02d.bin" % number, size=big_bytes)

    def times(self):
        """To the nanosecond, from the seed; some long past, before 1970, and to come."""
        special = [0, 1, 1_234_567_890_123_456_789, 4_102_444_800_000_000_001, 999_999_999, 951_782_400_000_000_000]
        for place, directories, files in os.walk(self.root, topdown=False):
            for name in sorted(files) + sorted(directories):
                moment = self.random.choice(special) if self.random.random() < 0.1 else self._moment()
                os.utime(os.path.join(place, name), ns=(moment, moment), follow_symlinks=False)
        moment = self._moment()
        os.utime(self.root, ns=(moment, moment))

    def _moment(self):
        return self.random.randrange(1_000_000_000, 1_750_000_000) * 10**9 + self.random.randrange(10**9)


def main():
    root, size = sys.argv[1], json.loads(sys.argv[2])
    os.umask(0)
    os.mkdir(root, 0o751)
    maker = Maker(root, size["seed"])
    maker.names()
    maker.links()
    maker.holes()
    maker.modes()
    maker.owners()
    maker.attributes()
    maker.bulk(size["small"], size["big"], size["big_bytes"])
    maker.times()


main()
