"""For hatchling: the package has a program and a library in it, for one platform and
any Python 3."""

import sysconfig

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):
    """Says so in the wheel's name; auditwheel then finds the oldest platform."""

    def initialize(self, _version: str, build_data: dict) -> None:
        """Called by hatchling before it builds."""
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
