"""Turns `cargo metadata` on standard input into a bill of materials: CycloneDX JSON, validated."""

import json
import sys
import tomllib
import uuid

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot5
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = "castai-health-exporter"

metadata = json.load(sys.stdin)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
with open("Cargo.lock", "rb") as lock:
    locked = tomllib.load(lock)["package"]
checksums = {(one["name"], one["version"]): one.get("checksum") for one in locked}

licenses = LicenseFactory()
components = {}


def component(package_id):
    package = packages[package_id]
    name, version = package["name"], package["version"]
    checksum = checksums.get((name, version))
    license_text = (package.get("license") or "").replace("/", " OR ")
    return Component(
        type=ComponentType.APPLICATION if name == ROOT else ComponentType.LIBRARY,
        name=name,
        version=version,
        bom_ref=f"{name}@{version}",
        purl=PackageURL("cargo", name=name, version=version),
        licenses=[licenses.make_from_string(license_text)] if license_text else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
    )


def linked(package_id):
    """Returns what a package links: neither build scripts' nor tests' dependencies, nor macros."""
    for dependency in nodes[package_id]["deps"]:
        if all(kind["kind"] is not None for kind in dependency["dep_kinds"]):
            continue
        targets = packages[dependency["pkg"]]["targets"]
        if not any("proc-macro" in target["kind"] for target in targets):
            yield dependency["pkg"]


root = next(package["id"] for package in metadata["packages"] if package["name"] == ROOT)
edges, rest = {}, [root]
while rest:
    package_id = rest.pop()
    if package_id in edges:
        continue
    components[package_id] = component(package_id)
    edges[package_id] = list(linked(package_id))
    rest.extend(edges[package_id])

# The same dependencies have the same serial number, so that the output is reproducible.
content = "\n".join(sorted(str(one.purl) for one in components.values()))
bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, content))
bom.metadata.component = components[root]
for package_id, one in components.items():
    if package_id != root:
        bom.components.add(one)
for package_id, dependencies in edges.items():
    bom.register_dependency(components[package_id], [components[one] for one in dependencies])

document = json.loads(JsonV1Dot5(bom).output_as_string())
del document["metadata"]["timestamp"]
text = json.dumps(document, indent=2, sort_keys=True)
problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
if problem:
    sys.exit(f"sbom: {problem}")
print(text)
