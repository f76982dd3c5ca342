"""From descriptions of routes that repeat themselves to a document's components, and references to them.

A schema that has a `title` becomes a component of that name; the title goes. A failure becomes one by the title of its
schema, a parameter by its name: another one of that name stays where it is.
"""

from typing import Any

Schema = dict[str, Any]

LEAST_FAILURE = 400
OF_THE_USE = ("nullable", "default")  # said beside the reference: the component is the same elsewhere


class Components:
    """Those of a document that is being made: `found`, by kind and name."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {"schemas": {}, "responses": {}, "parameters": {}}

    def lift(self, operation: dict[str, Any]) -> dict[str, Any]:
        """An operation with references in it. Raises ValueError where another component has a name already."""
        lifted: dict[str, Any] = self._schemas_of(operation)
        parameters = [self._parameter(one) for one in lifted.get("parameters", ())]
        responses = {str(status): self._response(status, one) for status, one in lifted["responses"].items()}
        return {**lifted, **({"parameters": parameters} if parameters else {}), "responses": responses}

    def _schemas_of(self, value: Any) -> Any:
        """Whatever stands in a document, from the inmost schema outwards."""
        if isinstance(value, list):
            return [self._schemas_of(one) for one in value]
        if not isinstance(value, dict):
            return value
        inner = {key: one if key == "example" else self._schemas_of(one) for key, one in value.items()}
        return self._schema(inner) if isinstance(inner.get("title"), str) else inner

    def _schema(self, schema: Schema) -> Schema:
        use = {key: schema[key] for key in OF_THE_USE if key in schema}
        rest = {key: one for key, one in schema.items() if key not in {"title", *OF_THE_USE}}
        reference = self._kept("schemas", schema["title"], rest)
        if not use:
            return reference
        return {**({"type": schema["type"]} if "nullable" in use else {}), "allOf": [reference], **use}

    def _response(self, status: int, response: dict[str, Any]) -> dict[str, Any]:
        if int(status) < LEAST_FAILURE:
            return response
        [media] = response["content"].values()
        return self._kept("responses", media["schema"]["$ref"].rsplit("/", 1)[1], response)

    def _parameter(self, parameter: dict[str, Any]) -> dict[str, Any]:
        first = self.found["parameters"].setdefault(parameter["name"], parameter)
        return {"$ref": f"#/components/parameters/{parameter['name']}"} if first == parameter else parameter

    def _kept(self, kind: str, name: str, component: dict[str, Any]) -> Schema:
        if self.found[kind].setdefault(name, component) != component:
            raise ValueError(f"two different {kind} are called {name}")
        return {"$ref": f"#/components/{kind}/{name}"}
