"""An OpenAPI document, 3.0 or 3.1: read, bounded, its local references followed, its operations one by one."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from agentkit.chat import Json, is_json, is_list
from agentkit.errors import ConfigurationError, missing_extra

from .subschemas import mapped

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
MAX_BYTES = 32 * 1024 * 1024
MAX_SCHEMAS = 2_000  # definitions that one operation may reach


@dataclass(frozen=True)
class Operation:
    """One operation as the document has it; `given` are its parameters, those of its path first."""

    id: str
    method: str
    path: str
    body: Json
    given: tuple[Any, ...]


class Description:
    """The document. Raises ConfigurationError for what is none, is too large, or points outside itself."""

    def __init__(self, document: Json | str | Path) -> None:
        self.root = _read(document)
        version = str(self.root.get("openapi", ""))
        if not version.startswith(("3.0", "3.1")):
            what = f"openapi: {version!r}" if version else "it has no 'openapi' key"
            raise ConfigurationError(f"OpenAPI: only documents of version 3.0 and 3.1 are read; {what}")
        if not is_json(self.root.get("paths", {})):
            raise ConfigurationError("OpenAPI: paths is no object")
        self.title = str(self.root.get("info", {}).get("title", "the document"))

    def operations(self) -> Iterator[Operation]:
        """Every operation, in the order of the document."""
        for path, entry in self.root.get("paths", {}).items():
            item = self.followed(entry)
            for method in METHODS:
                if is_json(body := item.get(method)):
                    given = (*(item.get("parameters") or ()), *(body.get("parameters") or ()))
                    servers = {"servers": item["servers"]} if "servers" in item else {}
                    name = str(body.get("operationId") or f"{method}_{path}")
                    yield Operation(name, method, path, {**servers, **body}, given)

    def parameters(self, operation: Operation) -> list[Json]:
        """The parameters of an operation, references followed; its own stand for those of its path."""
        followed = map(self.followed, operation.given)
        return list({(str(one.get("in")), str(one.get("name"))): one for one in followed}.values())

    def followed(self, node: Any) -> Json:
        """What a node means, references followed. Raises ConfigurationError for one that is remote or leads nowhere."""
        for _ in range(32):
            if not is_json(node):
                raise ConfigurationError(f"OpenAPI: {node!r:.60} stands where an object is needed")
            if "$ref" not in node:
                return node
            node = self._at(str(node["$ref"]))
        raise ConfigurationError(f"OpenAPI: $ref {node['$ref']!r} has no end")

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise ConfigurationError(f"OpenAPI: $ref {reference!r} points outside the document; bundle it into one")
        at: Any = self.root
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
            if is_list(at) and key.isdigit() and int(key) < len(at):
                at = at[int(key)]
            elif is_json(at) and key in at:
                at = at[key]
            else:
                raise ConfigurationError(f"OpenAPI: $ref {reference!r} leads nowhere")
        return at

    def schema(self, given: Any, definitions: Json, hidden: frozenset[str] | None = None) -> Any:
        """A schema that stands alone: what it refers to is put into `definitions`, to become its `$defs`.

        What only answers hold (readOnly) is left out, and of a oneOf any branch will do: which, the server knows.
        hidden: of a part of an allOf, what all its parts leave out; such a part is not closed, or nothing fits all.
        """
        if not is_json(given):
            return given
        if isinstance(reference := given.get("$ref"), str):
            name = _definition_name(reference, hidden)
            if name not in definitions:
                if len(definitions) >= MAX_SCHEMAS:
                    raise ConfigurationError(f"OpenAPI: it reaches more than {MAX_SCHEMAS} schemas")
                definitions[name] = {}  # so that a schema which refers to itself has an end
                definitions[name] = self.schema(self._at(reference), definitions, hidden)
            beside = {key: value for key, value in given.items() if key in ("description", "nullable", "default")}
            return {**beside, "$ref": f"#/$defs/{name}"}
        node = {key: value for key, value in given.items() if key not in _ABOUT and not key.startswith("x-")}
        if "oneOf" in node and "anyOf" not in node:
            node["anyOf"] = node.pop("oneOf")
        if "allOf" in node:
            hidden = (hidden or frozenset()) | self._read_only(node)
        left_out = (hidden or frozenset()) | _read_only(node)
        if is_json(properties := node.get("properties")):
            node["properties"] = {name: sub for name, sub in properties.items() if name not in _read_only(node)}
        if left_out and is_list(node.get("required")):
            node["required"] = [name for name in node["required"] if name not in left_out]
        if hidden is not None and node.get("additionalProperties") is False:
            del node["additionalProperties"]
        return mapped(node, lambda sub, at: self.schema(sub, definitions, hidden if at.endswith("[allOf]") else None))

    def _read_only(self, node: Json, depth: int = 0) -> frozenset[str]:
        """What the parts of an allOf declare readOnly, all together."""
        found = _read_only(node)
        for part in node.get("allOf", ()) if depth < 16 else ():
            found |= self._read_only(self.followed(part), depth + 1)
        return found


def as_object(node: Any) -> Json:
    """What should be an object; an empty one where a document has something else."""
    return node if is_json(node) else {}


def _read_only(node: Json) -> frozenset[str]:
    rows = as_object(node.get("properties")).items()
    return frozenset(name for name, sub in rows if is_json(sub) and sub.get("readOnly") is True)


_ABOUT = frozenset(
    {"example", "examples", "xml", "externalDocs", "discriminator", "deprecated", "readOnly", "writeOnly"}
)


def _definition_name(reference: str, hidden: frozenset[str] | None) -> str:
    """The same name for a reference in every process, and another for every other one and every other reading of it."""
    name, whole = reference.removeprefix("#/components/schemas/"), f"{reference} {sorted(hidden or ())}"
    if hidden is not None:
        name += "_part"
    if not hidden and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        return name
    return f"{re.sub('[^A-Za-z0-9_-]', '_', name)[-40:]}_{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def _read(document: Json | str | Path) -> Json:
    if is_json(document):
        return document
    if isinstance(document, str) and ("\n" in document or document.lstrip()[:1] == "{"):
        return parsed_document(document, "the text")
    if not isinstance(cast("object", document), str | Path):
        raise ConfigurationError(f"OpenAPI: {type(document).__name__} is no document; give a dict, a text or a path")
    if "://" in str(document):
        raise ConfigurationError("OpenAPI fetches nothing by itself; give it `await fetch(url)`, of agentkit.client")
    path = Path(document)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigurationError(f"OpenAPI: {path} is larger than {MAX_BYTES} bytes; give the part that you need")
        return parsed_document(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"OpenAPI: {path} cannot be read: {error}") from None


def parsed_document(text: str, where: str) -> Json:
    """A document out of JSON or YAML text. Raises ConfigurationError for anything else."""
    try:
        found: Any = json.loads(text) if text.lstrip()[:1] == "{" else _yaml(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"OpenAPI: {where} is neither JSON nor YAML: {str(error)[:200]}") from None
    if not is_json(found):
        raise ConfigurationError(f"OpenAPI: {where} holds no object")
    return found


def _yaml(text: str) -> Any:
    try:
        yaml = importlib.import_module("yaml")
    except ImportError:
        raise missing_extra("a document in YAML", "openapi") from None
    loader = _plain_loader(yaml)
    try:
        if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader)):
            raise ValueError(
                "aliases are not read; write out what they mean"
            )  # a short text could become immense (S16)
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _plain_loader(yaml: Any) -> Any:
    """YAML as JSON knows it: no dates."""

    class Plain(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # known at run time only
        yaml_implicit_resolvers = {  # noqa: RUF012  # the loader's own way
            key: [(tag, regexp) for tag, regexp in rows if tag != "tag:yaml.org,2002:timestamp"]
            for key, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    return Plain
