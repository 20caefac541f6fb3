"""Holds the layers of docs/architecture.md.

1. engine/ includes nothing of server/ or cli/, and never names HTTP, JSON
   replies or threads of its own (team.c starts those that a caller asks for).
2. server/ includes from engine/ only engine.h, error.h and buf.h.
3. Each foreign library has one door: the few files that include its headers.
4. cli/ includes from engine/ what server/ does, and what `wherefore model`
   needs besides: raw.h, npy.h, survey.h and bundle_write.h.

Usage: layers.py [ROOT]
"""

import re
import sys
from fnmatch import fnmatch
from pathlib import Path

from common import finish, includes, sources

# What the engine may not name. "http://" in a comment is a reference, and
# model.json is not a reply.
FOREIGN_TO_ENGINE = {
    "HTTP": re.compile(r"\bHTTPS?\b(?!://)", re.IGNORECASE),
    "libmicrohttpd": re.compile(r"\bMHD_|microhttpd", re.IGNORECASE),
    "threads of its own": re.compile(r"\b(pthread|thrd)_create\b"),
    "the service's replies": re.compile(r"problem\+json|\bapplication/json\b"),
}

WAIST = {
    "server": {"engine.h", "error.h", "buf.h"},
    "cli": {
        "engine.h",
        "error.h",
        "buf.h",
        "raw.h",
        "npy.h",
        "survey.h",
        "bundle_write.h",
    },
}

# header pattern: the files that may include it. A library that is not listed
# may not be included at all: a new one gets its row, and its door, here.
DOORS = {
    "xnnpack.h": ["engine/xnn*.[ch]", "engine/pthreadpool.c"],
    "pthreadpool.h": ["engine/pthreadpool*.[ch]"],
    "turbojpeg.h": ["engine/image_jpeg.c"],
    "jpeglib.h": ["engine/image_jpeg.c"],
    "spng.h": ["engine/image_png.c"],
    "webp/*": ["engine/image_webp.c"],
    "lcms2*.h": ["engine/image_colour.c"],
    "zlib.h": ["engine/unpack.c"],
    "protobuf-c/*": ["engine/onnx*.[ch]"],
    "onnx.pb-c.h": ["engine/onnx*.[ch]"],
    "microhttpd.h": [
        "server/http.c",
        "server/exchange.[ch]",
        "server/answer.[ch]",
        "server/origin.c",
    ],
    "jansson.h": [
        "engine/bundle.c",
        "engine/bundle_write.c",
        "cli/cmd_model_json.c",
        "server/reply.c",
        "server/problem.c",
    ],
    "ini.h": ["server/config_file.c"],
    "seccomp.h": ["server/sandbox.c"],
    "nettle/*": ["engine/bundle_write.c", "server/access.c", "server/reply.c"],
}

# C11, POSIX.1-2008 and Linux: no library, no door.
SYSTEM = re.compile(
    r"""(assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale
    |math|setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio
    |stdlib|stdnoreturn|string|tgmath|threads|time|uchar|wchar|wctype
    |dirent|dlfcn|fcntl|fnmatch|getopt|glob|libgen|netdb|poll|pthread|pwd
    |regex|sched|semaphore|strings|syslog|termios|unistd|malloc|endian
    |arpa/inet|net/if|netinet/(in|tcp)|linux/[a-z_]+|immintrin|arm_neon
    |sys/[a-z]+)\.h""",
    re.VERBOSE,
)


def check(root: Path) -> list[str]:
    """Returns one line for every violation below `root`."""
    problems = []
    engine_headers = {path.name for path in (root / "engine").glob("*.h")}
    server_headers = {path.name for path in (root / "server").glob("*.h")}
    above_headers = server_headers | {p.name for p in (root / "cli").glob("*.h")}

    for path in sources(root):
        text = (root / path).read_text(encoding="utf-8")
        folder = path.parts[0]

        if folder == "engine":
            for number, line in enumerate(text.splitlines(), 1):
                for what, pattern in FOREIGN_TO_ENGINE.items():
                    allowed = path.name == "team.c" and what.startswith("threads")
                    if pattern.search(line) and not allowed:
                        problems.append(
                            f"{path}:{number}: the engine names {what} (rule 1)"
                        )

        for number, system, name in includes(text):
            where = f"{path}:{number}"
            base = name.rsplit("/", 1)[-1]
            door = next((d for d in DOORS if fnmatch(name, d)), None)
            if door:
                if not any(fnmatch(str(path), file) for file in DOORS[door]):
                    problems.append(
                        f"{where}: {name} belongs to {' '.join(DOORS[door])} (rule 3)"
                    )
            elif system:
                if not SYSTEM.fullmatch(name):
                    problems.append(
                        f"{where}: <{name}> is of no library that has a door (rule 3)"
                    )
            elif folder == "engine" and (
                name.startswith(("server/", "cli/", ".."))
                or (base in above_headers and base not in engine_headers)
            ):
                problems.append(
                    f"{where}: the engine includes {name} from above it (rule 1)"
                )
            elif folder in WAIST:
                own_headers = {p.name for p in (root / folder).glob("*.h")}
                is_engine = "engine/" in name or (
                    base in engine_headers
                    and base not in own_headers
                    and not name.startswith("server/")
                )
                if is_engine and base not in WAIST[folder]:
                    problems.append(
                        f"{where}: {folder}/ includes the engine's {base} "
                        f"(rule {2 if folder == 'server' else 4})"
                    )
    return problems


if __name__ == "__main__":
    ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    finish(check(ROOT), f"{len(sources(ROOT))} files keep the layers")
