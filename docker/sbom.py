"""What is in the image, as an SPDX 2.3 document on standard output.

Usage: sbom.py VERSION SOURCE_DATE_EPOCH MODEL-FOLDER, with the names of the
Debian packages on standard input, a line each. dpkg says the rest of them.
"""

import datetime
import hashlib
import json
import pathlib
import re
import subprocess
import sys

FIELDS = ("Package", "Version", "Architecture", "Maintainer", "source:Package",
          "source:Version")  # fmt: skip


def spdx_id(kind: str, name: str) -> str:
    """An identifier: letters, digits, dots and dashes."""
    return f"SPDXRef-{kind}-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def debian_package(name: str) -> dict[str, object]:
    """What dpkg knows of an installed package."""
    pattern = "\\n".join(f"${{{field}}}" for field in FIELDS)
    lines = subprocess.run(
        ["dpkg-query", "-W", "-f", pattern, name],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    package, version, architecture, maintainer, source, source_version = lines
    purl = f"pkg:deb/debian/{package}@{version.replace('+', '%2B')}"
    return {
        "SPDXID": spdx_id("Package", package),
        "name": package,
        "versionInfo": version,
        "supplier": "Person: " + maintainer,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "licenseComments": f"in the image: /usr/share/doc/{package}/copyright",
        "copyrightText": "NOASSERTION",
        "sourceInfo": f"built from: {source} {source_version}",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": f"{purl}?arch={architecture}&distro=debian-13",
            }
        ],
    }


def own_package(name: str, version: str, **more: object) -> dict[str, object]:
    """The program, or a model."""
    return {
        "SPDXID": spdx_id("Package", name),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "Apache-2.0",
        "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION",
        **more,
    }


def model_package(folder: pathlib.Path) -> dict[str, object]:
    """A model's folder, by the checksum of its network."""
    digest = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    return own_package(
        folder.name,
        digest[:12],
        checksums=[{"algorithm": "SHA256", "checksumValue": digest}],
        comment="the checksum is that of model.onnx",
        # a folder of the user's has a licence that only the user knows
        licenseConcluded="NOASSERTION",
        licenseDeclared="NOASSERTION",
    )


def main(version: str, epoch: str, model: str) -> None:
    """Prints the document."""
    program = own_package("wherefore", version)
    parts = [model_package(pathlib.Path(model))]
    parts += [debian_package(name) for name in sys.stdin.read().split()]
    packages = [program, *parts]
    unique = hashlib.sha256(json.dumps(packages).encode()).hexdigest()
    created = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"wherefore-{version}",
        "documentNamespace": f"urn:sha256:{unique}",
        "creationInfo": {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: wherefore-docker-sbom.py"],
        },
        "packages": packages,
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": program["SPDXID"],
            },
            *(
                {
                    "spdxElementId": program["SPDXID"],
                    "relationshipType": "DEPENDS_ON",
                    "relatedSpdxElement": part["SPDXID"],
                }
                for part in parts
            ),
        ],
    }
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
