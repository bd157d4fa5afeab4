"""Terraform with the AWS provider, from a mirror on this machine and without any network."""

import json
import os
import shutil
from functools import cache
from pathlib import Path

CONFIGURATIONS = Path(__file__).parents[1] / "terraform"
REGISTRY = "registry.terraform.io"

# Where mirrors usually are, when nobody says where this one is.
PLACES = ("/opt", "/usr/share", "/usr/local/share", "/var/lib", "~/.terraform.d", "~/.local/share", "~/.cache")


@cache
def mirror():
    """The directory that holds `registry.terraform.io/hashicorp/aws`."""
    told = os.environ.get("TF_PLUGIN_MIRROR")
    for place in [told] if told else PLACES:
        root = Path(place).expanduser()
        for directory in (root, *candidates(root)):
            if (directory / REGISTRY / "hashicorp" / "aws").is_dir():
                return directory
            if directory.name == REGISTRY and (directory / "hashicorp" / "aws").is_dir():
                return directory.parent
    raise AssertionError(
        f"no Terraform mirror with {REGISTRY}/hashicorp/aws was found in {told or ', '.join(PLACES)}: set "
        "TF_PLUGIN_MIRROR to a directory made by `terraform providers mirror`"
    )


def candidates(root, depth=4):
    """The directories below `root`, not too deep."""
    if depth and root.is_dir():
        for path in sorted(root.iterdir()):
            if path.is_dir() and not path.is_symlink() and os.access(path, os.R_OK | os.X_OK):
                yield path
                yield from candidates(path, depth - 1)


def program():
    found = shutil.which("terraform")
    assert found, "terraform is not on the PATH: install it (any version from 1.5 on)"
    return found


# The provider's own waiters decide how long it takes: it wants to see a queue's attributes six times in
# a row, five seconds apart, after every change, and a queue's absence for up to 45 seconds.
LIMIT = 600


class Workspace:
    """A directory with a configuration, applied to a cloud."""

    def __init__(self, cloud, directory, command=None):
        self.cloud = cloud
        self.directory = Path(directory)
        self.command = command or program()
        settings = self.directory / "terraformrc"
        settings.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror()}"\n  }}\n}}\n'
            "disable_checkpoint = true\n"
        )
        self.environment = {
            # Whatever the developer's own settings are (the file may not even exist).
            "TF_CLI_CONFIG_FILE": settings,
            "TF_IN_AUTOMATION": "1",
            "TF_VAR_endpoint": cloud.url,
            "CHECKPOINT_DISABLE": "1",
        }

    def add(self, *names):
        """Copies configurations of the repository here."""
        for name in names:
            shutil.copy(CONFIGURATIONS / name, self.directory)
        return self

    def write(self, name, text):
        (self.directory / name).write_text(text)
        return self

    def run(self, *words, status=0, **variables):
        environment = {**self.environment, **{f"TF_VAR_{name}": value for name, value in variables.items()}}
        return self.cloud.run(
            self.command, *words, status=status, cwd=self.directory, environment=environment, timeout=LIMIT
        )

    def init(self):
        self.run("init", "-input=false", "-no-color")
        return self

    def apply(self, **variables):
        return self.run("apply", "-auto-approve", "-input=false", "-no-color", **variables).stdout

    def plan_is_empty(self, **variables):
        """A second plan finds that everything is as it was asked for; status 2 would be a difference."""
        self.run("plan", "-detailed-exitcode", "-input=false", "-no-color", **variables)

    def destroy(self, **variables):
        return self.run("destroy", "-auto-approve", "-input=false", "-no-color", **variables).stdout

    def outputs(self):
        printed = json.loads(self.run("output", "-json").stdout)
        return {name: output["value"] for name, output in printed.items()}
