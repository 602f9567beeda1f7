"""The templates as CloudFormation reads them, with short forms and Fn::ForEach resolved."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


class _Loader(yaml.CSafeLoader):
    """Reads CloudFormation's short forms: `!GetAtt A.Arn` becomes {"GetAtt": "A.Arn"}."""


def _short_form(loader: yaml.CSafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    raise AssertionError(node)


_Loader.add_multi_constructor("!", _short_form)


@dataclass(frozen=True)
class Template:
    whole: dict[str, Any]

    @property
    def parameters(self) -> dict[str, Any]:
        found: dict[str, Any] = self.whole["Parameters"]
        return found

    @cached_property
    def resources(self) -> dict[str, Any]:
        return dict(_expanded(self.whole["Resources"]))

    @cached_property
    def exported(self) -> set[str]:
        """The names of its exports, without the stack's."""
        return {
            each["Export"]["Name"]["Sub"].removeprefix("${AWS::StackName}-")
            for each in self.whole["Outputs"].values()
            if "Export" in each
        }

    @cached_property
    def imported(self) -> set[str]:
        """The names of the application's exports that it imports, without the application's."""
        return set(_imports(self.whole))

    def of_type(self, kind: str) -> list[str]:
        return [name for name, resource in self.resources.items() if resource["Type"] == kind]

    def properties(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.resources[name]["Properties"]
        return found


@cache
def read(path: str) -> Template:
    return Template(yaml.load((ROOT / path).read_text(), _Loader))  # noqa: S506 - a safe loader


def variables(template: Template, function: str) -> dict[str, Any]:
    """Return a function's environment, including the variables of all functions."""
    common = template.whole["Globals"]["Function"].get("Environment", {"Variables": {}})
    own: dict[str, Any] = template.properties(function)["Environment"]["Variables"]
    return {**common["Variables"], **own}


def metrics_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    if "Namespace" in alarm:
        return [alarm]
    return [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]


def _imports(node: Any) -> Iterator[str]:
    if isinstance(node, dict) and "Fn::ImportValue" in node:
        yield node["Fn::ImportValue"]["Sub"].removeprefix("${Application}-")
    elif isinstance(node, dict | list):
        for each in node.values() if isinstance(node, dict) else node:
            yield from _imports(each)


def _expanded(resources: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, resource in resources.items():
        if not name.startswith("Fn::ForEach::"):
            yield name, resource
            continue
        variable, values, fragment = resource
        for value in values:
            yield from _written(fragment, variable, value).items()


def _written(node: Any, variable: str, value: str) -> Any:
    if isinstance(node, str):
        return node.replace(f"${{{variable}}}", value)
    if isinstance(node, list):
        return [_written(each, variable, value) for each in node]
    if not isinstance(node, dict):
        return node
    if node == {"Ref": variable}:
        return value
    written = {
        _written(key, variable, value): _written(each, variable, value)
        for key, each in node.items()
    }
    return _plain(written)


def _plain(node: dict[str, Any]) -> dict[str, Any]:
    """Write {"Ref": {"Sub": "A"}} and {"GetAtt": [{"Sub": "A"}, "Arn"]} in the short form."""
    match node:
        case {"Ref": {"Sub": str(name)}}:
            return {"Ref": name}
        case {"GetAtt": [{"Sub": str(name)}, str(attribute)]}:
            return {"GetAtt": f"{name}.{attribute}"}
    return node
