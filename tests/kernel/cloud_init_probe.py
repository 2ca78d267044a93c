"""Run by the system's own python3 with cloud-init on its path: crawls a metadata service, prints what it understood."""

import contextlib
import json
import sys
from pathlib import Path

from cloudinit import distros, helpers
from cloudinit.sources import DataSourceEc2, DataSourceOpenStack
from cloudinit.sources.helpers import openstack

KIND, URL, DIRECTORY = sys.argv[1:]
CONFIG = {
    "datasource_list": ["OpenStack", "Ec2"],
    "datasource": {
        "OpenStack": {"metadata_urls": [URL], "max_wait": 5, "timeout": 5},
        "Ec2": {"metadata_urls": [URL], "max_wait": 5, "timeout": 5},
    },
}


def of_openstack(distro: object, paths: object) -> dict:
    source = DataSourceOpenStack.DataSourceOpenStack(CONFIG, distro, paths)
    said = source._crawl_metadata()
    return {
        "metadata": said["metadata"],
        "userdata": said["userdata"].decode(),
        "version": said["version"],
        "vendordata": said.get("vendordata"),
        "ec2": said["ec2-metadata"],
        "network": openstack.convert_net_json(said["networkdata"], known_macs=None),
    }


def of_ec2(distro: object, paths: object) -> dict:
    source = DataSourceEc2.DataSourceEc2(CONFIG, distro, paths)
    source._cloud_name = DataSourceEc2.CloudNames.AWS
    said = source.crawl_metadata()
    return {
        "metadata": said["meta-data"],
        "userdata": said["user-data"].decode(),
        "token": bool(source._api_token),
    }


def main() -> None:
    paths = helpers.Paths({"cloud_dir": DIRECTORY, "run_dir": DIRECTORY})
    distro = distros.fetch("debian")("debian", CONFIG, paths)
    with contextlib.redirect_stdout(sys.stderr):
        said = {"openstack": of_openstack, "ec2": of_ec2}[KIND](distro, paths)
    Path(DIRECTORY, "said.json").write_text(json.dumps(said, default=str))


main()
