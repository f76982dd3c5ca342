"""The OpenAPI description of every route, and the page that shows it. Read by sanic-ext."""
