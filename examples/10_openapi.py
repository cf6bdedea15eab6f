"""The operations of an HTTP API as tools, by its OpenAPI description; the API itself runs on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agentkit import Agent, OpenAPI, model_from_environment

DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Weather", "version": "1"},
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
    "security": [{"key": []}],
    "paths": {
        "/cities/{city}/weather": {
            "get": {
                "operationId": "getWeather",
                "summary": "Current weather of a city",
                "parameters": [
                    {"name": "city", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "unit", "in": "query", "schema": {"enum": ["celsius", "fahrenheit"]}},
                ],
            }
        },
    },
}


class Api(BaseHTTPRequestHandler):
    """Stands for an API somewhere else."""

    def do_GET(self) -> None:
        print(f"the API got {self.path} with the key {self.headers['X-Key']}")
        body = json.dumps({"degrees": 14.5, "sky": "clear"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the output to what the example prints."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        weather = OpenAPI(
            DESCRIPTION,  # or the path of a file
            base_url=f"http://127.0.0.1:{server.server_address[1]}",
            auth={"key": "s3cret"},  # the model neither sees nor sets it
        )
        agent = Agent(model_from_environment(), tools=[weather])
        result = agent.run_sync('What is the current weather in the city "New York"?')
        print(result.output)
        assert "s3cret" not in result.state.model_dump_json()
        server.shutdown()
