"""The server does what static/openapi.yaml says: schemathesis sends requests
made from it, right and wrong ones, and holds the answers to it.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys

from conftest import SANITIZED, Server

# All that it has for one request, but for positive_data_acceptance: bytes that
# the document allows are seldom a picture.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
]

# What may become of a request that is against the document: besides what is usual,
# 413 where it has more options than are allowed.
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
"""


def test_answers_are_as_openapi_yaml_has_them(
    server: Server, tmp_path: pathlib.Path, still_serves: None
) -> None:
    """The same requests at each run."""
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    result = subprocess.run(
        [
            pathlib.Path(sys.executable).with_name("schemathesis"),
            "--no-color",
            "run",
            server.url + "/openapi.yaml",
            "--checks=" + ",".join(CHECKS),
            "--phases=examples,coverage,fuzzing",
            f"--max-examples={20 if SANITIZED else 100}",
            "--seed=1",
            "--generation-database=none",
            "--request-timeout=60",
            "--no-shrink",
            "--continue-on-failure",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "Selected: 0" not in result.stdout
