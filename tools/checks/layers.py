"""Holds the rooms of docs/architecture.md: arrows go down only.

1. A file includes headers of its own room and of rooms below it (ROOMS), by
   their path from the root.
2. engine/ names no HTTP, JSON replies or threads of its own (team.c starts
   those that a caller asks for).
3. Each foreign library has one door: the few files that include its headers.
4. server/ includes of engine/ only engine.h, engine_activations.h,
   engine_ascend.h, engine_exemplars.h, engine_filters.h and base/; cli/ besides those
   what `wherefore model` needs, and lib/ the threads of evaluations
   (WAIST).
5. Modules, a .c and a .h of one name each, include one another in no circle. A
   whole, x.c, includes its parts, x_*.h, and these know x.h.

Usage: layers.py [ROOT]
"""

import re
import sys
from fnmatch import fnmatch
from pathlib import Path

from common import finish, includes, sources

# The rooms, from the bottom up. Those in one line do not know each other.
ROOMS = [
    ["engine/base"],
    ["engine/image", "engine/graph"],
    ["engine/kernel"],
    ["engine/passes", "engine/onnx"],
    ["engine/xnn"],
    ["engine/run"],
    ["engine/model"],
    ["engine/network"],
    ["engine/explain"],
    ["engine/render"],
    ["engine/inside", "engine/ascend"],
    ["engine"],
    ["engine/evaluate"],
    ["engine/fit"],
    ["server"],
    ["server/config"],
    ["server/observe"],
    ["server/http"],
    ["server/work"],
    ["server/api"],
    ["cli", "lib"],
]
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}

# What the engine may not name. "http://" in a comment is a reference, and
# model.json is not a reply.
FOREIGN_TO_ENGINE = {
    "HTTP": re.compile(r"\bHTTPS?\b(?!://)", re.IGNORECASE),
    "libmicrohttpd": re.compile(r"\bMHD_|microhttpd", re.IGNORECASE),
    "threads of its own": re.compile(r"\b(pthread|thrd)_create\b"),
    "the service's replies": re.compile(r"problem\+json|\bapplication/json\b"),
}

# What may be included of the engine from above it.
WAIST = {
    "server": [
        "engine/engine.h",
        "engine/engine_activations.h",
        "engine/engine_ascend.h",
        "engine/engine_exemplars.h",
        "engine/engine_filters.h",
        "engine/base/*.h",
    ],
    "cli": [
        "engine/engine.h",
        "engine/engine_activations.h",
        "engine/engine_ascend.h",
        "engine/engine_exemplars.h",
        "engine/engine_filters.h",
        "engine/base/*.h",
        "engine/evaluate/*.h",
        "engine/fit/*.h",
        "engine/network/*.h",
        "engine/model/model_fit.h",
        "engine/model/model_write.h",
    ],
    "lib": [
        "engine/engine.h",
        "engine/base/*.h",
        "engine/evaluate/workers.h",
    ],
}

# header pattern: the files that may include it. A library that is not listed
# may not be included at all: a new one gets its row, and its door, here.
DOORS = {
    "xnnpack.h": ["engine/xnn/*.[ch]"],
    "pthreadpool.h": ["engine/xnn/pthreadpool*.[ch]"],
    "turbojpeg.h": ["engine/image/image_jpeg.c"],
    "jpeglib.h": ["engine/image/image_jpeg.c"],
    "spng.h": ["engine/image/image_png.c"],
    "webp/*": ["engine/image/image_webp.c", "engine/render/webpout.c"],
    "lcms2*.h": ["engine/image/image_colour.c"],
    "zlib.h": ["engine/image/unpack.c"],
    "protobuf-c/*": ["engine/onnx/*.[ch]"],
    "onnx.pb-c.h": ["engine/onnx/*.[ch]"],
    "microhttpd.h": [
        "server/http/http.c",
        "server/http/callbacks.[ch]",
        "server/http/exchange.[ch]",
        "server/http/exchange_head.c",
        "server/http/exchange_stream.[ch]",
        "server/http/origin.c",
    ],
    "jansson.h": [
        "engine/evaluate/dataset_coco.c",
        "engine/model/model_members.[ch]",
        "engine/model/model_box.c",
        "engine/model/model_dir.c",
        "engine/model/model_fit.c",
        "engine/model/model_write.c",
        "cli/cam_lines.[ch]",
        "cli/cmd_model_json.c",
        "server/api/*json.[ch]",
        "server/api/batch_job.[ch]",
        "server/api/handle_kserve.c",
        "server/api/huggingface.c",
        "server/api/json_body.[ch]",
        "server/api/kserve_*.[ch]",
        "server/http/json.h",
        "server/http/problem.c",
        "server/work/exemplars_read.c",
    ],
    "expat.h": ["engine/evaluate/dataset_voc.c"],
    "sanitizer/*": ["engine/base/hugepages.c"],
    "ini.h": ["server/config/config_file.c"],
    "seccomp.h": ["server/sandbox.c"],
    "nettle/*": [
        "engine/base/digest.c",
        "server/http/access.c",
        "server/api/json_body.c",
        "server/api/encode64.c",
        "cli/fit_report_page.c",
    ],
}

# C11, POSIX.1-2008 and Linux: no library, no door.
SYSTEM = re.compile(
    r"""(assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale
    |math|setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio
    |stdlib|stdnoreturn|string|tgmath|threads|time|uchar|wchar|wctype
    |dirent|dlfcn|fcntl|fnmatch|ftw|getopt|glob|libgen|netdb|poll|pthread|pwd
    |regex|sched|semaphore|strings|syslog|termios|unistd|malloc|endian
    |arpa/inet|net/if|netinet/(in|tcp)|linux/[a-z_]+|cpuid|immintrin|arm_neon
    |sys/[a-z]+)\.h""",
    re.VERBOSE,
)


def check_words(path: Path, text: str) -> list[str]:
    """What a file of the engine may not name."""
    return [
        f"{path}:{number}: the engine names {what} (rule 2)"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in FOREIGN_TO_ENGINE.items()
        if pattern.search(line)
        and not (path.name == "team.c" and what.startswith("threads"))
    ]


def check_library(path: Path, system: bool, name: str) -> str | None:
    """A header that is not ours: whose door is it?"""
    door = next((d for d in DOORS if fnmatch(name, d)), None)
    if door:
        if any(fnmatch(str(path), file) for file in DOORS[door]):
            return None
        return f"{name} belongs to {' '.join(DOORS[door])} (rule 3)"
    if system and not SYSTEM.fullmatch(name):
        return f"<{name}> is of no library that has a door (rule 3)"
    return None


def check_arrow(path: Path, name: str) -> str | None:
    """A header of ours: is it below?"""
    room, other = str(path.parent), str(Path(name).parent)
    if other not in FLOOR:
        return f"{name} is in no room; includes are written from the root (rule 1)"
    if room not in FLOOR:
        return f"{room} is no room of tools/checks/layers.py (rule 1)"
    if room == other:
        return None
    if FLOOR[other] >= FLOOR[room]:
        return f"{room} includes {name} from above it (rule 1)"
    waist = WAIST.get(path.parts[0])
    passes = not waist or any(fnmatch(name, pattern) for pattern in waist)
    if name.startswith("engine/") and not passes:
        return f"{path.parts[0]}/ includes the engine's {name} (rule 4)"
    return None


def circles(arrows: dict[str, set[str]]) -> list[str]:
    """One line for each circle of modules."""

    def below(module: str) -> set[str]:
        found, open_ends = set(), [module]
        while open_ends:
            new = arrows.get(open_ends.pop(), set()) - found
            found |= new
            open_ends += new
        return found

    reached = {module: below(module) for module in arrows}
    found = {
        " ".join(sorted(m for m in reached[module] if module in reached.get(m, ())))
        for module in arrows
        if module in reached[module]
    }
    return [f"{circle} include one another (rule 5)" for circle in sorted(found)]


def check(root: Path) -> list[str]:
    """Returns one line for every violation below `root`."""
    problems = []
    arrows: dict[str, set[str]] = {}
    for path in sources(root):
        text = (root / path).read_text(encoding="utf-8")
        if path.parts[0] == "engine":
            problems += check_words(path, text)
        for number, system, name in includes(text):
            finding = check_library(path, system, name)
            if not system and name != "onnx.pb-c.h":
                finding = finding or check_arrow(path, name)
            if finding:
                problems.append(f"{path}:{number}: {finding}")
            module, other = str(path.with_suffix("")), name.removesuffix(".h")
            whole = path.suffix == ".c" and other.startswith(f"{module}_")
            if not system and other != module and not whole:
                arrows.setdefault(module, set()).add(other)
    return problems + circles(arrows)


if __name__ == "__main__":
    ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    finish(check(ROOT), f"{len(sources(ROOT))} files in {len(FLOOR)} rooms keep the layers")
