"""Every check of tools/checks/ fails on what it is there to find.

Each test lays out a small tree with one violation and runs the check on it as
`make check` does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECKS = ROOT / "tools" / "checks"
CC = os.environ.get("CC", "cc").split()


def lay_out(tree: Path, **files: str) -> Path:
    """Writes files into a tree; `engine__box_h` stands for engine/box.h."""
    for name, text in files.items():
        folder, _, base = name.rpartition("__")
        stem, _, suffix = base.rpartition("_")
        path = tree / folder.replace("__", "/") / f"{stem}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tree


def run(name: str, *arguments, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """Runs one check and returns how it ended."""
    return subprocess.run(
        [sys.executable, CHECKS / f"{name}.py", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


GOOD = {
    "engine__engine_h": "#ifndef ENGINE_ENGINE_H\n#define ENGINE_ENGINE_H\n#endif\n",
    "engine__base__buf_h": "#ifndef ENGINE_BASE_BUF_H\n#define ENGINE_BASE_BUF_H\n#endif\n",
    "engine__explain__box_h": "#ifndef ENGINE_EXPLAIN_BOX_H\n"
    "#define ENGINE_EXPLAIN_BOX_H\n"
    "#include <stddef.h>\nsize_t box_find(void);\n#endif\n",
    "engine__explain__box_c": '#include "engine/explain/box.h"\n'
    '#include "engine/base/buf.h"\nsize_t box_find(void)\n{\n    return 1;\n}\n',
    "engine__image__image_jpeg_c": "#include <turbojpeg.h>\n",
    "server__api__route_h": "#ifndef SERVER_API_ROUTE_H\n#define SERVER_API_ROUTE_H\n#endif\n",
    "server__http__http_c": '#include <microhttpd.h>\n#include "engine/engine.h"\n',
}


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        ("engine__a_c", '#include "server/api/route.h"', "from above it (rule 1)"),
        ("engine__a_c", '#include "../server/http.h"', "is in no room"),
        ("engine__a_c", '#include "route.h"', "is in no room"),
        ("engine__base__a_c", '#include "engine/explain/box.h"', "from above it"),
        ("engine__image__a_c", '#include "engine/graph/graph.h"', "from above it"),
        ("server__http__a_c", '#include "server/api/route.h"', "from above it"),
        ("engine__attic__a_c", '#include "engine/base/buf.h"', "engine/attic is no room"),
        ("engine__a_c", "/* the HTTP reply */", "names HTTP (rule 2)"),
        ("engine__a_c", "pthread_create(&id, 0, run, 0);", "threads of its own"),
        ("engine__a_c", "struct MHD_Connection *c;", "rule 2"),
        ("server__api__a_c", '#include "engine/explain/box.h"', "box.h (rule 4)"),
        ("cli__a_c", '  #  include  "engine/explain/box.h"', "box.h (rule 4)"),
        ("engine__engine_c", "#include <xnnpack.h>", "rule 3"),
        ("engine__explain__box_c", "#include <turbojpeg.h>", "rule 3"),
        ("engine__graph__graph_c", '#include "onnx.pb-c.h"', "rule 3"),
        ("server__api__route_c", "#include <microhttpd.h>", "rule 3"),
        ("server__api__route_c", "#include <jansson.h>", "rule 3"),
        ("cli__main_c", "#include <webp/decode.h>", "rule 3"),
        ("engine__a_c", "#include <curl/curl.h>", "no library that has a door"),
    ],
)
def test_layers_finds(tmp_path, name, text, finding):
    lay_out(tmp_path, **GOOD)
    assert run("layers", tmp_path).returncode == 0

    lay_out(tmp_path, **{name: text + "\n"})
    result = run("layers", tmp_path)

    assert result.returncode == 1
    assert finding in result.stderr
    assert f"{name.replace('__', '/').removesuffix('_c')}.c:1:" in result.stderr


def test_a_url_in_a_comment_of_the_engine_is_not_http(tmp_path):
    lay_out(tmp_path, engine__a_c="/* see https://example.org/paper */\n")
    assert run("layers", tmp_path).returncode == 0


def test_layers_finds_modules_that_include_one_another(tmp_path):
    include = '#include "engine/base/{}.h"\n'
    lay_out(
        tmp_path,
        engine__base__a_c=include.format("b"),
        engine__base__a_h="",
        engine__base__b_c=include.format("a"),
        engine__base__b_h="",
    )
    result = run("layers", tmp_path)
    assert result.returncode == 1
    assert result.stderr == "engine/base/a engine/base/b include one another (rule 5)\n"


def test_a_module_may_include_its_parts(tmp_path):
    include = '#include "engine/base/{}.h"\n'
    lay_out(
        tmp_path,
        engine__base__a_c=include.format("a_part"),
        engine__base__a_h="",
        engine__base__a_part_h=include.format("a"),
    )
    assert run("layers", tmp_path).returncode == 0


def lines(count: int, start: str = "int f(int a,\n      int b)\n{\n") -> str:
    """A function with so many lines between its braces."""
    return start + "    a++;\n" * count + "}\n"


def test_size_finds_what_is_too_long(tmp_path):
    lay_out(tmp_path, engine__a_c=lines(60), engine__b_c=lines(60) * 7)
    assert run("size", tmp_path).returncode == 0

    lay_out(tmp_path, engine__a_c=lines(10) + lines(61), engine__b_c=lines(60) * 8)
    result = run("size", tmp_path)
    assert result.returncode == 1
    assert "engine/a.c:15: f has 61 lines; at most 60 are allowed" in result.stderr
    assert "engine/b.c: 512 lines; at most 500 are allowed" in result.stderr
    assert result.stderr.count("\n") == 2


def test_a_table_and_a_test_may_be_long(tmp_path):
    lay_out(tmp_path, engine__a_h="1,\n" * 900, tests__test_a_c=lines(60) * 9)
    assert run("size", tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        (
            "engine__a_h",
            "#ifndef ENGINE_A_H\n#define ENGINE_A_H\nsize_t a_len(void);\n#endif\n",
            "engine/a.h: does not compile alone",
        ),
        (
            "server__a_h",
            "#ifndef A_H\n#define A_H\n#endif\n",
            "guard is not SERVER_A_H",
        ),
        (
            "engine__explain__box_c",
            '#include <stddef.h>\n#include "engine/explain/box.h"\n',
            "engine/explain/box.c: includes stddef.h before its own header",
        ),
    ],
)
def test_headers_finds(tmp_path, name, text, finding):
    command = [*CC, "-std=c11", "-Wall", "-Werror", "-I."]
    lay_out(tmp_path, **GOOD)
    assert run("headers", *command, cwd=tmp_path).returncode == 0

    lay_out(tmp_path, **{name: text})
    result = run("headers", *command, cwd=tmp_path)

    assert result.returncode == 1
    assert finding in result.stderr


def compiled(tree: Path, name: str, text: str) -> Path:
    """Compiles one C file and returns the object."""
    source = tree / name
    source.write_text(text, encoding="utf-8")
    target = source.with_suffix(".o")
    subprocess.run([*CC, "-c", "-o", target, source], check=True, timeout=60)
    return target


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("box.c", "int find_box(void) { return 0; }\n"),
        ("box.c", "int boxes;\n"),
        ("box.c", "int boxer_find(void) { return 0; }\n"),
        ("box.c", "const char box = 1, list[2] = {1, 2};\n"),
        ("box.c", "int fail(void) { return 0; }\n"),
    ],
)
def test_prefix_finds_a_foreign_name(tmp_path, name, text):
    result = run("prefix", compiled(tmp_path, name, text))
    assert result.returncode == 1
    assert "box.c exports" in result.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("box.c", "int box_find(void) { return 0; }\nstatic int n;\n"),
        ("box.c", "static int find(void) { return 0; }\nint box_n = sizeof find;\n"),
        ("error.c", "int fail(void) { return 0; }\n"),
        ("main.c", "int main(void) { return 0; }\n"),
    ],
)
def test_prefix_accepts_the_module_s_own_names(tmp_path, name, text):
    result = run("prefix", compiled(tmp_path, name, text))
    assert result.returncode == 0, result.stderr


def test_prefix_lends_a_module_s_prefix_to_a_file_without_a_header(tmp_path):
    target = compiled(
        tmp_path, "graph_shape.c", "int graph_infer(void) { return 0; }\n"
    )

    assert run("prefix", target.name, cwd=tmp_path).returncode == 1
    (tmp_path / "graph.h").write_text("int graph_infer(void);\n")
    assert run("prefix", target.name, cwd=tmp_path).returncode == 0
    (tmp_path / "graph_shape.h").write_text("int graph_infer(void);\n")
    assert run("prefix", target.name, cwd=tmp_path).returncode == 1


README = "# {}\n\nWhat it is for.\n\nRead first: `{}`.\n\nMay know: no other room.\n"
READMES = {
    f"{folder}__README_md": README.format(folder, file)
    for folder, file in {
        "engine": "engine.h",
        "engine__base": "engine/base/buf.h",
        "engine__explain": "box.c",
        "engine__image": "image_jpeg.c",
        "server__api": "route.h",
        "server__http": "http.c",
    }.items()
}
PAGE = "`engine.h`, `engine/base/buf.h`, `image_*.c`, `box_find()` and cases.\n"


@pytest.mark.parametrize("page", ["architecture", "extending"])
@pytest.mark.parametrize("gone", ["gone.c", "engine/base/box.c", "png_*.c", "box_lost()"])
def test_docs_finds_a_name_that_stands_for_nothing(tmp_path, page, gone):
    lay_out(tmp_path, **GOOD, **READMES, **{f"docs__{page}_md": PAGE})
    assert run("docs", tmp_path).returncode == 0

    lay_out(tmp_path, **{f"docs__{page}_md": PAGE + f"And `{gone}`.\n"})
    result = run("docs", tmp_path)
    assert result.returncode == 1
    assert result.stderr == f"docs/{page}.md names {gone}, which is not there\n"


def test_docs_finds_a_room_without_a_readme(tmp_path):
    lay_out(tmp_path, **GOOD, **READMES, docs__architecture_md=PAGE)
    assert run("docs", tmp_path).returncode == 0
    (tmp_path / "engine/image/README.md").unlink()
    result = run("docs", tmp_path)
    assert result.returncode == 1
    assert result.stderr == "engine/image/README.md is missing\n"


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("box.c", "gone.c", "names gone.c, which is not there"),
        ("box.c", "buf.h", "names buf.h, which is not there"),
        ("box.c", "engine/explain/gone.h", "names engine/explain/gone.h, which"),
        ("What it is for.", "\n" * 16, "lines; at most 15 are allowed"),
        ("Read first", "Read", 'has no "Read first:"'),
        ("May know", "Knows", 'has no "May know:"'),
        ("no other room", "`engine/base/`, `engine/render/`", "may not know engine/render/"),
        ("no other room", "`engine/explain/`", "may not know engine/explain/"),
        ("no other room", "`engine/nowhere/`", "may not know engine/nowhere/"),
    ],
)
def test_docs_finds_what_is_wrong_with_a_readme(tmp_path, old, new, finding):
    lay_out(tmp_path, **GOOD, **READMES, docs__architecture_md=PAGE)
    readme = tmp_path / "engine/explain/README.md"
    readme.write_text(readme.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    result = run("docs", tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("engine/explain/README.md ")
    assert finding in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "call",
    ["strcpy(s, t)", 'sprintf(s, "%d", 1)', 'strtok(s, ",")', "atoi(t)"],
)
def test_the_compiler_refuses_a_banned_function(tmp_path, call):
    source = f"void f(char *s, const char *t);\nvoid f(char *s, const char *t)\n{{\n    (void)s;\n    (void)t;\n    {call};\n}}\n"
    (tmp_path / "a.c").write_text(source, encoding="utf-8")
    command = [*CC, "-std=c11", "-D_GNU_SOURCE", "-O2", "-D_FORTIFY_SOURCE=2"]
    command += ["-include", ROOT / "engine" / "base" / "banned.h", "-fsyntax-only"]
    result = subprocess.run(
        [*command, tmp_path / "a.c"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode != 0
    assert "poisoned" in result.stderr


def test_a_unit_test_program_that_dies_or_tests_nothing_has_failed(tmp_path):
    dies = tmp_path / "dies"
    dies.write_text("#!/bin/sh\nkill -SEGV $$\n")
    idle = tmp_path / "idle"
    idle.write_text("#!/bin/sh\nexit 0\n")
    good = tmp_path / "good"
    good.write_text("#!/bin/sh\necho '[  PASSED  ] 2 test(s).'\n")
    bad = tmp_path / "bad"
    bad.write_text(
        "#!/bin/sh\necho '[  PASSED  ] 1 test(s).'\n"
        "echo '[  FAILED  ] tests: 3 test(s), listed below:'\nexit 3\n"
    )
    for program in (dies, idle, good, bad):
        program.chmod(0o755)

    def unit(*programs: Path) -> tuple[int, str]:
        result = subprocess.run(
            [ROOT / "tests" / "unit" / "run.sh", *programs],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return result.returncode, result.stdout.splitlines()[-1]

    assert unit(good) == (0, "unit: 2 passed, 0 failed")
    assert unit(good, dies) == (1, "unit: 2 passed, 1 failed")
    assert unit(bad) == (1, "unit: 1 passed, 3 failed")
    assert unit(idle, good) == (1, "unit: 2 passed, 1 failed")
