"""The Kubernetes manifest for Flink has the form that a cluster takes, and what our job needs of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

FILE = Path(__file__).parents[2] / "deploy" / "kubernetes" / "flink.yaml"
KNOWN = {"ConfigMap": "v1", "PersistentVolumeClaim": "v1", "Service": "v1", "Deployment": "apps/v1"}


@pytest.fixture(scope="module")
def objects() -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(FILE.read_text())}


def deployments(objects: dict[tuple[str, str], dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for (kind, _), one in objects.items() if kind == "Deployment"]


def test_every_object_is_of_a_known_kind_and_version(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert {kind for kind, _ in objects} == set(KNOWN)
    assert all(one["apiVersion"] == KNOWN[kind] for (kind, _), one in objects.items())


def test_pods_are_selected_by_their_labels_and_mount_what_is_there(
    objects: dict[tuple[str, str], dict[str, Any]],
) -> None:
    service = objects["Service", "tactful-flink-jobmanager"]["spec"]["selector"]
    found = deployments(objects)
    assert service in [one["spec"]["template"]["metadata"]["labels"] for one in found]
    for one in found:
        template = one["spec"]["template"]
        assert one["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        assert ("ConfigMap", volumes["config"]["configMap"]["name"]) in objects
        assert ("PersistentVolumeClaim", volumes["shared"]["persistentVolumeClaim"]["claimName"]) in objects
        for container in template["spec"]["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)


def test_pods_have_no_rights_that_a_job_does_not_need(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    for one in deployments(objects):
        pod = one["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


def test_a_task_manager_has_one_slot_and_finds_the_job_manager(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    told = yaml.safe_load(objects["ConfigMap", "tactful-flink"]["data"]["config.yaml"])
    assert told["taskmanager.numberOfTaskSlots"] == 1
    assert ("Service", told["jobmanager.rpc.address"]) in objects
    assert told["taskmanager.memory.process.size"] == "4g"
